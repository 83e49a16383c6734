/**
 * Operands: a product multiplies by them in place of a dense matrix. A format is a file in formats/: a class with the
 * products that it has kernels for, and a line in the table that the conformance suite goes through. Products know this
 * contract alone.
 *
 * Legend: Y [T, O] = im2col(X) W^T, dX = dY W, dW = dY^T im2col(X); all of one geometry, that of the forward product.
 */

import type { Geometry } from "../backend/geometry.ts";
import type { Kernels } from "../backend/kernels.ts";
import type { F32 } from "../backend/memory.ts";
import type { Pattern } from "./pattern.ts";

/** Operations that follow a product in the same pass over memory: + bias [O], then max(0, .) if `relu`. */
export interface Epilogue {
  readonly bias: F32 | null;
  readonly relu: boolean;
}

export interface ForwardOperand {
  /** Computes y = im2col(x) W^T, then the epilogue; y is overwritten. */
  forward(y: F32, x: F32, geometry: Geometry, epilogue: Epilogue): void;
  /** The input that the backward products use instead of x; given if the operand replaces x and not the weight. */
  readonly input?: F32;
  /** Zeroes the entries of dx, as inputGrad left it, where x was pruned; given together with `input`. */
  keepInputGrad?(dx: F32): void;
}

export interface InputGradOperand {
  /** Computes dx = dy W; dx is overwritten. */
  inputGrad(dx: F32, dy: F32, geometry: Geometry): void;
}

export interface WeightGradOperand {
  /** Computes dw = dy^T im2col(x); dw is overwritten. */
  weightGrad(dw: F32, dy: F32, x: F32, geometry: Geometry): void;
}

/**
 * The matrices of a product in a trial of a format: x [T, I] or images, w [O, I], dy [T, O]. Their dimensions fit the
 * pattern.
 */
export interface TrialMatrices {
  readonly kernels: Kernels;
  readonly geometry: Geometry;
  readonly pattern: Pattern;
  readonly x: F32;
  readonly w: F32;
  readonly dy: F32;
}

/**
 * The operand that a format makes of these matrices, and a dense operand that must give the same result. x and dy, if
 * given, replace those of the trial.
 */
export interface Trial<Operand> {
  readonly operand: Operand;
  readonly dense: Operand;
  /** Of a format that skips: the operand with dense arithmetic on its zeros, which gives the same bits. */
  readonly emulated?: Operand;
  readonly x?: F32;
  readonly dy?: F32;
}

/** A line of the table of formats. The conformance suite compares each product that a format has with the dense one. */
export interface OperandFormat {
  readonly name: string;
  readonly about: string;
  /** Whether it multiplies less than a dense operand does; only then is it a speed-up. */
  readonly skips: boolean;
  /** Whether it serves convolutions, or matrices alone. */
  readonly images: boolean;
  readonly forward?: (given: TrialMatrices) => Trial<ForwardOperand>;
  readonly inputGrad?: (given: TrialMatrices) => Trial<InputGradOperand>;
  readonly weightGrad?: (given: TrialMatrices) => Trial<WeightGradOperand>;
}
