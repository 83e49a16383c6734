/**
 * The gradient as the N:M operand of inputGrad: it is packed along the outputs, which inputGrad sums over, and the
 * weight is dense.
 */

import type { Geometry } from "../../backend/geometry.ts";
import type { Kernels } from "../../backend/kernels.ts";
import type { F32 } from "../../backend/memory.ts";
import type { InputGradOperand, OperandFormat } from "../operand.ts";
import { DenseMatrix } from "./dense-matrix.ts";
import { EmulatedGradient } from "./emulated.ts";
import { PackedMatrix, type PackedOperand } from "./packed-matrix.ts";

export class PackedGradient implements InputGradOperand {
  readonly #kernels: Kernels;
  readonly dy: PackedOperand;
  readonly #w: F32;

  /** `dy` is [T, O], `w` is [O, I]. It serves matrices only, not images. */
  constructor(kernels: Kernels, dy: PackedOperand, w: F32) {
    this.#kernels = kernels;
    this.dy = dy;
    this.#w = w;
  }

  inputGrad(dx: F32, _dy: F32, geometry: Geometry): void {
    this.#kernels.inputGradSparseGradient(dx, this.dy, this.#w, geometry);
  }
}

export const gradientFormat: OperandFormat = {
  name: "packed gradient",
  about: "the gradient along the outputs that inputGrad sums over, in place of the weight",
  skips: true,
  images: false,
  inputGrad: ({ kernels, geometry, pattern, w, dy }) => {
    const packed = new PackedMatrix(kernels, geometry[0], geometry[10], pattern);
    packed.prune(dy);
    return {
      operand: new PackedGradient(kernels, packed, w),
      dense: new DenseMatrix(kernels, w),
      emulated: new EmulatedGradient(kernels, packed.masked, w),
      dy: packed.masked,
    };
  },
};
