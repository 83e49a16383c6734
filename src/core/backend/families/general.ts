/**
 * Kernels from which users can build a loss or layer of their own: elementwise operations with broadcasting,
 * reductions, batches of products.
 */
import { expected } from "../../errors.ts";
import type { Geometry } from "../geometry.ts";
import type { F32 } from "../memory.ts";

/**
 * The operations that `elementwise` can compute from its operands a, b and c. The second half are gradients, named by
 * their formulas.
 */
export const OPERATIONS = [
  ...["copy", "add", "subtract", "multiply", "divide"],
  // a^b
  "power",
  ...["exp", "log", "sqrt", "abs"],
  // a, but b where it is below b and else c where it is above c; NaN stays NaN
  "clamp",
  ...["sigmoid", "tanh"],
  // b where a is not 0, else c
  "select",
  // e^(a - b)
  "expOfDifference",
  // -a b / c
  "quotientByDivisor",
  // a c b^(c - 1), 0 where c is 0
  "powerByBase",
  // a b log(c), 0 where c is 0
  "powerByExponent",
  // a / (2 b)
  "sqrtBackward",
  // a with the sign of b, 0 where b is 0
  "absBackward",
  // a where b equals c, else 0
  "clampBackward",
  // a b (1 - b)
  "sigmoidBackward",
  // a (1 - b^2)
  "tanhBackward",
  // a (b - c)
  "softmaxBackward",
  // a - e^b c
  "logSoftmaxBackward",
] as const;
export type Operation = (typeof OPERATIONS)[number];

/** The most axes that `elementwise` can tell apart. Must equal native/body/general.inl. */
export const MAX_RANK = 8;

/**
 * How `elementwise` reads its operands: the rank, then MAX_RANK integers each for the shape of the output and for the
 * strides of a, b and c. It always has this length, by which the WASM backend tells it from other arrays.
 */
export type Layout = Int32Array;
export const LAYOUT_LENGTH: number = 1 + 4 * MAX_RANK;

/** The layout of an output of this shape; `strides` are the steps along each axis in each of the three operands. */
export function layoutOf(shape: readonly number[], strides: readonly (readonly number[])[]): Layout {
  // neighboring axes are joined if every operand is contiguous over both
  const merged: { length: number; steps: readonly number[] }[] = [];
  shape.forEach((length, axis) => {
    if (length === 1) return;
    const steps = strides.map((of) => of[axis]);
    const last = merged.at(-1);
    if (last?.steps.every((step, i) => step === steps[i] * length)) {
      last.length *= length;
      last.steps = steps;
    } else {
      merged.push({ length, steps });
    }
  });
  if (merged.length === 0) merged.push({ length: 1, steps: strides.map(() => 0) });
  if (merged.length > MAX_RANK) {
    const got = `${merged.length} in [${shape.join(", ")}]`;
    throw expected("layout", `at most ${MAX_RANK} axes that do not follow each other in memory`, got, "Reshape first");
  }
  const layout = new Int32Array(LAYOUT_LENGTH);
  layout[0] = merged.length;
  merged.forEach(({ length, steps }, axis) => {
    layout[1 + axis] = length;
    steps.forEach((step, i) => {
      layout[1 + (i + 1) * MAX_RANK + axis] = step;
    });
  });
  return layout;
}

export interface GeneralKernels {
  /**
   * Writes OPERATIONS[operation] of a, b and c, read as the layout says, to y, which is contiguous; y may be an operand
   * that has y's own layout. Operands that the operation does not have are not read for their values, but must be
   * arrays of the backend.
   */
  elementwise(y: F32, a: F32, b: F32, c: F32, operation: number, layout: Layout): void;
  /**
   * y [outer, inner] = factor times the sum over the middle of x [outer, length, inner], added in double precision. If
   * `largest`, the largest value instead: NaN is above all, and a zero may have either sign.
   */
  reduce(y: F32, x: F32, outer: number, length: number, inner: number, largest: number, factor: number): void;
  /** dx [outer, length, inner] = dy at the first place where x equals the largest, y [outer, inner], else 0. */
  maxBackward(dx: F32, dy: F32, x: F32, y: F32, outer: number, length: number, inner: number): void;
  /** out[places[i]] += x[i], one after another. */
  scatterEntries(out: F32, x: F32, places: Uint32Array, count: number): void;
  /**
   * Computes one product for each matrix of a batch, which follow each other in memory; g is the geometry of one,
   * without images. product 0: out [T, O] = left [T, I] right [O, I]^T; 1: out [T, I] = left [T, O] right [O, I]; 2:
   * out [O, I] = left [T, O]^T right [T, I].
   */
  batchedProduct(out: F32, left: F32, right: F32, g: Geometry, batch: number, product: number): void;
}
