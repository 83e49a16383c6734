/** Kernels for operations on each entry alone, and sums. */
import type { Draw } from "../../random.ts";
import type { F32 } from "../memory.ts";
import type { Positions } from "../positions.ts";

export interface ElementwiseKernels {
  /** y = a + b, then max(0, .) if relu; y may be a or b. */
  add(y: F32, a: F32, b: F32, count: number, relu: number): void;
  /** y = alpha a + beta b; y may be a or b. */
  mix(y: F32, a: F32, b: F32, count: number, alpha: number, beta: number): void;
  /** y += factor a b. */
  addProduct(y: F32, a: F32, b: F32, count: number, factor: number): void;
  scale(x: F32, count: number, factor: number): void;
  /** y += amount where x > 0, y -= amount where x < 0. */
  addSigns(y: F32, x: F32, count: number, amount: number): void;
  /**
   * Moves w towards 0 by amount, and to 0 where it would pass it. If hard, sets w to 0 where |w| is below amount and
   * leaves the rest.
   */
  shrink(w: F32, count: number, amount: number, hard: number): void;
  relu(y: F32, x: F32, count: number): void;
  /** dx = dy where y > 0, else 0; dx may be dy. */
  reluBackward(dx: F32, dy: F32, y: F32, count: number): void;
  /** y = x Phi(x), in the exact (erf) form. */
  gelu(y: F32, x: F32, count: number): void;
  geluBackward(dx: F32, dy: F32, x: F32, count: number): void;
  /** y = max(0, x)^2. */
  squaredRelu(y: F32, x: F32, count: number): void;
  squaredReluBackward(dx: F32, dy: F32, x: F32, count: number): void;
  /**
   * y = x / (1 - probability) where Philox(seed, layer; i / 4, step)[i % 4] >= probability * 2^32, else 0. It is also
   * its own backward.
   */
  dropout(y: F32, x: F32, count: number, probability: number, draw: Draw): void;
  /** out [columns] = sums over the rows of x [rows, columns]. */
  columnSums(out: F32, x: F32, rows: number, columns: number): void;
  /** out [rows] = the dot products of the rows of a with those of b [rows, columns], in double precision. */
  rowProducts(out: Float64Array, a: F32, b: F32, rows: number, columns: number): void;
}

export const elementwisePositions: Positions<ElementwiseKernels> = {
  dropout: (y, x, count, probability, { seed, layer, step }) => [y, x, count, probability, seed, layer, step],
};
