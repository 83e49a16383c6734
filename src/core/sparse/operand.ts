/**
 * Operands: what a product multiplies by in place of a dense matrix. A format is a file in formats/: a class with the
 * products that it has kernels for, and a line in the table that the conformance suite goes through. Products know this
 * contract alone.
 *
 * Legend: Y [T, O] = im2col(X) W^T, dX = dY W, dW = dY^T im2col(X); all of one geometry, that of the forward product.
 */

import type { Geometry } from "../backend/geometry.ts";
import type { F32 } from "../backend/memory.ts";

/** What follows a product in the same pass over memory: + bias [O], then max(0, .). */
export interface Epilogue {
  readonly bias: F32 | null;
  readonly relu: boolean;
}

export interface ForwardOperand {
  /** y = im2col(x) W^T, then the epilogue; y is overwritten. */
  forward(y: F32, x: F32, geometry: Geometry, epilogue: Epilogue): void;
  /** What the backward products take for x, where this stands for x and not for the weight. */
  readonly input?: F32;
  /** dx, as inputGrad leaves it, through what was kept of x; of operands with an `input`. */
  keepInputGrad?(dx: F32): void;
}

export interface InputGradOperand {
  /** dx = dy W; dx is overwritten. */
  inputGrad(dx: F32, dy: F32, geometry: Geometry): void;
}

export interface WeightGradOperand {
  /** dw = dy^T im2col(x); dw is overwritten. */
  weightGrad(dw: F32, dy: F32, x: F32, geometry: Geometry): void;
}
