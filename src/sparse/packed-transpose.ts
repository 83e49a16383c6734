/** The pack of a transpose, made from the matrix as it lies: what inputGradSparse and weightGradSparse take. */
import { expected } from "../errors.ts";
import type { F32, Kernels } from "../kernels/kernels.ts";
import { type Draw, type PackedOperand, slotsOf } from "./packed-matrix.ts";
import { type Pattern, patternName } from "./pattern.ts";

/** The transpose, [rows, k], of a matrix with k rows; groups along k. The arrays are written in place. */
export class PackedTranspose implements PackedOperand {
  readonly pattern: Pattern;
  readonly rows: number;
  readonly k: number;
  readonly values: F32;
  readonly index: Uint8Array;
  readonly #kernels: Kernels;

  /** Throws where k is no multiple of m. */
  constructor(kernels: Kernels, rows: number, k: number, pattern: Pattern) {
    const slots = slotsOf(pattern, rows, k);
    this.pattern = pattern;
    this.rows = rows;
    this.k = k;
    this.values = kernels.float32(slots * pattern.v);
    this.index = kernels.uint8(slots);
    this.#kernels = kernels;
  }

  /**
   * Keeps the largest by magnitude of w [k / taps, taps, rows] (ties keep the lower index). mask: of w as
   * [k / taps, taps * rows]; what it does not keep counts as zero.
   */
  prune(w: F32, mask: Uint32Array | null, taps: number): void {
    const { n, m, v } = this.pattern;
    this.#kernels.pruneColumns(this.values, this.index, w, mask, this.rows, this.k, taps, n, m, v);
  }

  /** Keeps an unbiased sample of minimum variance of g [k, rows]. */
  sample(g: F32, { seed, layer, step }: Draw): void {
    const { n, m, v } = this.pattern;
    this.#kernels.sampleColumns(this.values, this.index, g, this.rows, this.k, n, m, v, seed, layer, step);
  }

  /** Keeps an unbiased 2:4 sample of g [k, rows] by two draws a group. */
  sampleApproximately(g: F32, { seed, layer, step }: Draw): void {
    if (patternName(this.pattern) !== "2:4")
      throw expected("approx-MVUE", "the pattern 2:4", patternName(this.pattern), "Sample with MVUE");
    this.#kernels.sampleColumnsApproximately(this.values, this.index, g, this.rows, this.k, seed, layer, step);
  }
}
