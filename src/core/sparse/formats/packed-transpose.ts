/** The pack of a matrix's transpose, made from the matrix as it lies, for inputGradSparse and weightGradSparse. */

import { maskWords } from "../../backend/families/masks.ts";
import { packBlock } from "../../backend/families/packs.ts";
import type { Geometry } from "../../backend/geometry.ts";
import type { Kernels } from "../../backend/kernels.ts";
import type { F32 } from "../../backend/memory.ts";
import { expected } from "../../errors.ts";
import type { Draw } from "../../random.ts";
import type { InputGradOperand, OperandFormat, WeightGradOperand } from "../operand.ts";
import { type Pattern, patternName } from "../pattern.ts";
import { DenseMatrix } from "./dense-matrix.ts";
import { EmulatedSample, EmulatedWeight } from "./emulated.ts";
import { type PackedOperand, slotsOf } from "./packed-matrix.ts";

/**
 * The N:M transpose, [rows, k], of a matrix with k rows; groups are along k. Its arrays are written in place. That of a
 * weight is an operand of inputGrad, that of a gradient one of weightGrad.
 */
export class PackedTranspose implements PackedOperand, InputGradOperand, WeightGradOperand {
  readonly pattern: Pattern;
  readonly rows: number;
  readonly k: number;
  readonly values: F32;
  readonly index: Uint8Array;
  readonly kernels: Kernels;
  #order: Int32Array | null = null;
  #choice: Uint32Array | null = null;
  /** The entries that both the choice and a mask keep. */
  #both: Uint32Array | null = null;

  /** Throws if k is no multiple of m. */
  constructor(kernels: Kernels, rows: number, k: number, pattern: Pattern) {
    const slots = slotsOf(pattern, rows, k);
    this.pattern = pattern;
    this.rows = rows;
    this.k = k;
    this.values = kernels.float32(slots * pattern.v);
    this.index = kernels.uint8(slots);
    this.kernels = kernels;
  }

  /** Computes dx; this must be the transpose of the weight. */
  inputGrad(dx: F32, dy: F32, geometry: Geometry): void {
    this.kernels.inputGradSparse(dx, dy, this, geometry);
  }

  /** Computes dw; this must be the transpose of the gradient dy itself. */
  weightGrad(dw: F32, _dy: F32, x: F32, geometry: Geometry): void {
    this.kernels.weightGradSparse(dw, this, x, geometry);
  }

  /**
   * Keeps the entries of w [k / taps, taps, rows] that are largest by magnitude (ties keep the lower index). `mask` is
   * one of w as [k / taps, taps * rows]; entries that it does not keep count as zero. Groups are neighbors in `order`.
   */
  prune(w: F32, mask: Uint32Array | null, taps: number): void {
    this.kernels.pruneColumns(this, w, mask, this.#order, this.rows, this.k, taps);
  }

  /** Prunes like `prune` and records the kept entries as the choice. */
  choose(w: F32, mask: Uint32Array, taps: number): void {
    this.prune(w, mask, taps);
    this.#choice ??= this.kernels.uint32(mask.length);
    this.#writeMask(this.#choice, taps);
  }

  /**
   * Prunes like `prune`, but keeps only entries of the last choice. Where the mask no longer keeps a chosen entry, a
   * zero is kept: not the entry, which forward does not multiply by, nor another one, which was not chosen.
   */
  pruneChosen(w: F32, mask: Uint32Array, taps: number): void {
    const choice = this.#choice;
    if (choice === null) throw new Error("pruneChosen before choose");
    this.#both ??= this.kernels.uint32(mask.length);
    for (let i = 0; i < mask.length; i++) this.#both[i] = mask[i] & choice[i];
    this.prune(w, this.#both, taps);
  }

  /** The entries that `choose` kept last, as a mask of w; null before the first call. */
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

  /**
   * The order in which the entries of k are cut into groups; null if they are taken as they lie. It stays within blocks
   * of the pack.
   */
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

  /** Writes the matrix [k / taps, taps, rows] that the sparse kernels see, with zeros, into w. */
  unpackInto(w: F32, taps: number): void {
    this.kernels.unpackColumns(w, this, this.rows, this.k, taps);
  }

  /** Keeps an unbiased sample of minimum variance of g [k, rows]. */
  sample(g: F32, draw: Draw): void {
    this.kernels.sampleColumns(this, g, this.rows, this.k, draw);
  }

  /** Keeps an unbiased 2:4 sample of g [k, rows], with two draws for each group. */
  sampleApproximately(g: F32, draw: Draw): void {
    if (patternName(this.pattern) !== "2:4")
      throw expected("approx-MVUE", "the pattern 2:4", patternName(this.pattern), "Sample with MVUE");
    this.kernels.sampleColumnsApproximately(this, g, this.rows, this.k, draw);
  }
}

export const transposeFormat: OperandFormat = {
  name: "packed transpose",
  about:
    "the transpose of the weight along the outputs, or that of the gradient along the positions, which the product sums over",
  skips: true,
  images: true,
  inputGrad: ({ kernels, geometry, pattern, w }) => {
    const [, , , channels, height, width] = geometry;
    const [taps, outputs] = [height * width, geometry[10]];
    const transpose = new PackedTranspose(kernels, channels, taps * outputs, pattern);
    transpose.prune(w, null, taps);
    const masked = kernels.float32(w.length);
    transpose.unpackInto(masked, taps);
    return {
      operand: transpose,
      dense: new DenseMatrix(kernels, masked),
      emulated: new EmulatedWeight(kernels, masked),
    };
  },
  weightGrad: ({ kernels, geometry, pattern, w, dy }) => {
    const outputs = geometry[10];
    const positions = dy.length / outputs;
    const transpose = new PackedTranspose(kernels, outputs, positions, pattern);
    transpose.sample(dy, { seed: 1, layer: 0, step: 0 });
    const sampled = kernels.float32(dy.length);
    transpose.unpackInto(sampled, 1);
    return {
      ...{ operand: transpose, emulated: new EmulatedSample(kernels, sampled, pattern) },
      ...{ dense: new DenseMatrix(kernels, w), dy: sampled },
    };
  },
};
