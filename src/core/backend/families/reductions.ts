/**
 * Kernels for values that a step would otherwise read back on the host: the start of backward, means of losses, norms
 * for clipping.
 */
import type { F32 } from "../memory.ts";

/**
 * Squares are added in double precision and in one order on all backends: in each SUM_CHUNK, the square of entry i goes
 * into sum i % SUM_LANES; these sums are added one after another, and so are the chunks. Must equal
 * native/body/reductions.inl.
 */
export const SUM_CHUNK = 16384;
export const SUM_LANES = 8;

export interface ReductionKernels {
  /** x = value. */
  fill(x: F32, count: number, value: number): void;
  /** y = x. */
  copy(y: F32, x: F32, count: number): void;
  /** out [1] = the mean of x, whose entries are added one after another in double precision. */
  mean(out: F32, x: F32, count: number): void;
  /** out [1] = sum of x^2, in the order above. */
  sumOfSquares(out: Float64Array, x: F32, count: number): void;
  /**
   * factor [1] = min(1, norm / (root + 1e-6)), where root is that of the sum of squares [count]; NaN if root is NaN.
   */
  clipFactor(factor: F32, squares: Float64Array, count: number, norm: number): void;
  /** y = factor [1] x; y may be x, which is not touched if the factor is 1. */
  scaleBy(y: F32, x: F32, factor: F32, count: number): void;
}
