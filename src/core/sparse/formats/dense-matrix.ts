/** A dense weight as an operand, which every product falls back to. If it has zeros in it, it emulates sparsity. */

import type { Geometry } from "../../backend/geometry.ts";
import type { Kernels } from "../../backend/kernels.ts";
import type { F32 } from "../../backend/memory.ts";
import type { Epilogue, ForwardOperand, InputGradOperand, OperandFormat, WeightGradOperand } from "../operand.ts";

export class DenseMatrix implements ForwardOperand, InputGradOperand, WeightGradOperand {
  readonly #kernels: Kernels;
  readonly #w: F32;

  /** `w` is [O, I]; it is not copied. */
  constructor(kernels: Kernels, w: F32) {
    this.#kernels = kernels;
    this.#w = w;
  }

  forward(y: F32, x: F32, geometry: Geometry, { bias, relu }: Epilogue): void {
    this.#kernels.forward(y, x, this.#w, bias, geometry, Number(relu));
  }

  inputGrad(dx: F32, dy: F32, geometry: Geometry): void {
    this.#kernels.inputGrad(dx, dy, this.#w, geometry);
  }

  weightGrad(dw: F32, dy: F32, x: F32, geometry: Geometry): void {
    this.#kernels.weightGrad(dw, dy, x, geometry);
  }
}

export const denseFormat: OperandFormat = {
  name: "dense",
  about: "the weight as it is, or with zeros that are multiplied by",
  skips: false,
  images: true,
  forward: ({ kernels, w }) => ({ operand: new DenseMatrix(kernels, w), dense: new DenseMatrix(kernels, w) }),
  inputGrad: ({ kernels, w }) => ({ operand: new DenseMatrix(kernels, w), dense: new DenseMatrix(kernels, w) }),
  weightGrad: ({ kernels, w }) => ({ operand: new DenseMatrix(kernels, w), dense: new DenseMatrix(kernels, w) }),
};
