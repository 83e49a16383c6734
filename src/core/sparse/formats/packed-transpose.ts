/** The pack of a transpose, made from the matrix as it lies: what inputGradSparse and weightGradSparse take. */

import { maskWords } from "../../backend/families/masks.ts";
import { packBlock } from "../../backend/families/packs.ts";
import type { Kernels } from "../../backend/kernels.ts";
import type { F32 } from "../../backend/memory.ts";
import { expected } from "../../errors.ts";
import type { Draw } from "../../random.ts";
import { type Pattern, patternName } from "../pattern.ts";
import { type PackedOperand, slotsOf } from "./packed-matrix.ts";

/** The transpose, [rows, k], of a matrix with k rows; groups along k. The arrays are written in place. */
export class PackedTranspose implements PackedOperand {
  readonly pattern: Pattern;
  readonly rows: number;
  readonly k: number;
  readonly values: F32;
  readonly index: Uint8Array;
  readonly kernels: Kernels;
  #order: Int32Array | null = null;
  #choice: Uint32Array | null = null;
  /** What both the choice and a mask keep. */
  #both: Uint32Array | null = null;

  /** Throws where k is no multiple of m. */
  constructor(kernels: Kernels, rows: number, k: number, pattern: Pattern) {
    const slots = slotsOf(pattern, rows, k);
    this.pattern = pattern;
    this.rows = rows;
    this.k = k;
    this.values = kernels.float32(slots * pattern.v);
    this.index = kernels.uint8(slots);
    this.kernels = kernels;
  }

  /**
   * Keeps the largest by magnitude of w [k / taps, taps, rows] (ties keep the lower index). mask: of w as
   * [k / taps, taps * rows]; what it does not keep counts as zero. Groups are of neighbors in `order`.
   */
  prune(w: F32, mask: Uint32Array | null, taps: number): void {
    this.kernels.pruneColumns(this, w, mask, this.#order, this.rows, this.k, taps);
  }

  /** As prune; what is kept is noted as the choice. */
  choose(w: F32, mask: Uint32Array, taps: number): void {
    this.prune(w, mask, taps);
    this.#choice ??= this.kernels.uint32(mask.length);
    this.#writeMask(this.#choice, taps);
  }

  /**
   * As prune, but of the entries of the last choice alone. Where the mask has left that choice since, zeros are kept: not
   * the entry, which forward does not multiply by, nor another, which was not chosen.
   */
  pruneChosen(w: F32, mask: Uint32Array, taps: number): void {
    const choice = this.#choice;
    if (choice === null) throw new Error("pruneChosen before choose");
    this.#both ??= this.kernels.uint32(mask.length);
    for (let i = 0; i < mask.length; i++) this.#both[i] = mask[i] & choice[i];
    this.prune(w, this.#both, taps);
  }

  /** What `choose` kept last, as a mask of w; null before. */
  get choice(): Uint32Array | null {
    return this.#choice;
  }

  set choice(mask: ArrayLike<number> | null) {
    if (mask === null) {
      this.#choice = null;
      return;
    }
    this.#choice ??= this.kernels.uint32(mask.length);
    this.#choice.set(mask);
  }

  /** Of the entries of k, when they are cut into groups; null: as they lie. It stays within blocks of the pack. */
  get order(): Int32Array | null {
    return this.#order;
  }

  set order(order: ArrayLike<number> | null) {
    if (order === null) {
      this.#order = null;
      return;
    }
    this.#order ??= this.kernels.int32(this.k);
    this.#order.set(order);
  }

  #writeMask(mask: Uint32Array, taps: number): void {
    const { rows, k, index } = this;
    const { n, m, v } = this.pattern;
    const outputs = k / taps;
    const words = maskWords(taps * rows);
    const block = packBlock(m);
    mask.fill(0);
    for (let slot = 0, begin = 0; begin < k; begin += block) {
      const slots = (Math.min(block, k - begin) / m) * n;
      for (let first = 0; first < rows; first += v) {
        for (const end = slot + slots; slot < end; slot++) {
          const entry = begin + index[slot];
          const [row, tap] = [(entry % outputs) * words, Math.floor(entry / outputs) * rows];
          for (let c = tap + first; c < tap + Math.min(rows, first + v); c++) mask[row + (c >>> 5)] |= 1 << (c & 31);
        }
      }
    }
  }

  /** Keeps an unbiased sample of minimum variance of g [k, rows]. */
  sample(g: F32, draw: Draw): void {
    this.kernels.sampleColumns(this, g, this.rows, this.k, draw);
  }

  /** Keeps an unbiased 2:4 sample of g [k, rows] by two draws a group. */
  sampleApproximately(g: F32, draw: Draw): void {
    if (patternName(this.pattern) !== "2:4")
      throw expected("approx-MVUE", "the pattern 2:4", patternName(this.pattern), "Sample with MVUE");
    this.kernels.sampleColumnsApproximately(this, g, this.rows, this.k, draw);
  }
}
