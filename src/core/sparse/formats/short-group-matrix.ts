/**
 * An N:M matrix whose rows M does not divide: what is left over in each segment of a row is a shorter group, of which
 * ceil(r N / M) of r entries are kept. No kernel skips its zeros; its products are emulated.
 */
import { maskWords, type TransposableSolver } from "../../backend/families/masks.ts";
import type { Geometry } from "../../backend/geometry.ts";
import type { Kernels } from "../../backend/kernels.ts";
import type { F32 } from "../../backend/memory.ts";
import { expected } from "../../errors.ts";
import { type Verification, verifyGroups } from "../mask.ts";
import type { Epilogue } from "../operand.ts";
import { type Group, groupsOf, indexBits, keptOf, type Pattern, patternName } from "../pattern.ts";
import { EmulatedWeight } from "./emulated.ts";
import { PackedMatrix, type WeightPack } from "./packed-matrix.ts";

export class ShortGroupMatrix implements WeightPack {
  readonly pattern: Pattern;
  readonly rows: number;
  readonly k: number;
  readonly mask: Uint32Array;
  readonly masked: F32;
  readonly groups: readonly Group[];
  readonly #kernels: Kernels;
  readonly #length: number;
  readonly #padded: number;
  /** The same with each segment filled up to whole groups; the packs of kernels know no others. */
  readonly #whole: PackedMatrix;
  readonly #wide: F32;

  /** A row of k entries has segments of `length`: the channels at one tap of a kernel, or all inputs. */
  constructor(kernels: Kernels, rows: number, k: number, length: number, pattern: Pattern) {
    this.pattern = pattern;
    this.rows = rows;
    this.k = k;
    this.#kernels = kernels;
    this.#length = length;
    this.#padded = Math.ceil(length / pattern.m) * pattern.m;
    this.groups = groupsOf(pattern, k / length, length);
    this.mask = kernels.uint32(rows * maskWords(k));
    this.masked = kernels.float32(rows * k);
    const wide = (k / length) * this.#padded;
    this.#whole = new PackedMatrix(kernels, rows, wide, pattern);
    this.#wide = kernels.float32(rows * wide);
  }

  forward(y: F32, x: F32, geometry: Geometry, epilogue: Epilogue): void {
    new EmulatedWeight(this.#kernels, this.masked).forward(y, x, geometry, epilogue);
  }

  prune(w: F32, soft = 0): void {
    const { n, m } = this.pattern;
    const rest = this.#length % m;
    // So many of the N places of a shorter group are for entries that are not there. NaN is kept before all numbers, and
    // of equals the lower index: so a NaN of the weight itself stays as well.
    const places = n - keptOf(this.pattern, rest);
    this.#widen(w, (missing) => (missing < places ? Number.NaN : 0));
    this.#whole.prune(this.#wide);
    this.#narrowMask();
    this.repack(w, soft);
  }

  repack(w: F32, soft = 0): void {
    if (soft === 0) {
      this.masked.set(w);
      this.#kernels.applyMask(this.masked, this.mask, this.rows, this.k);
      return;
    }
    this.#widen(w, () => 0);
    this.#whole.repack(this.#wide, soft);
    this.#narrow(this.#whole.masked, this.masked);
  }

  /** As PackedMatrix has it. */
  softScale(w: F32): number {
    this.prune(w, 1);
    let [dot, square] = [0, 0];
    this.masked.forEach((value, i) => {
      dot += value * w[i];
      square += value * value;
    });
    return square > 0 ? dot / square : 1;
  }

  pruneTransposable(_w: F32, _solver: TransposableSolver): void {
    const todo = "Choose another method, or leave remainders dense";
    throw expected("transposable mask", "rows that are whole groups", patternName(this.pattern), todo);
  }

  unpackInto(w: Float32Array): void {
    w.set(this.masked);
  }

  verify(values: Float32Array): Verification {
    return verifyGroups(values, this.rows, this.k, this.pattern, this.groups);
  }

  /** Bytes of kept values and of their places in the groups. */
  storedBytes(): number {
    const { v } = this.pattern;
    const kept = this.groups.reduce((sum, group) => sum + group.kept, 0);
    return 4 * this.rows * kept + Math.ceil((Math.ceil(this.rows / v) * kept * indexBits(this.pattern)) / 8);
  }

  /** missing(i): what stands for the i-th entry behind a segment. */
  #widen(w: F32, missing: (i: number) => number): void {
    const [length, padded] = [this.#length, this.#padded];
    const fill = Float32Array.from({ length: padded - length }, (_, i) => missing(i));
    for (let from = 0, to = 0; from < w.length; from += length, to += padded) {
      this.#wide.set(w.subarray(from, from + length), to);
      this.#wide.set(fill, to + length);
    }
  }

  #narrow(wide: F32, w: F32): void {
    const [length, padded] = [this.#length, this.#padded];
    for (let to = 0, from = 0; to < w.length; to += length, from += padded)
      w.set(wide.subarray(from, from + length), to);
  }

  #narrowMask(): void {
    const [length, padded] = [this.#length, this.#padded];
    const [words, wideWords] = [maskWords(this.k), maskWords(this.#whole.k)];
    this.mask.fill(0);
    for (let row = 0; row < this.rows; row++) {
      for (let column = 0; column < this.k; column++) {
        const from = Math.floor(column / length) * padded + (column % length);
        const bit = (this.#whole.mask[row * wideWords + (from >>> 5)] >>> (from & 31)) & 1;
        this.mask[row * words + (column >>> 5)] |= bit << (column & 31);
      }
    }
  }
}
