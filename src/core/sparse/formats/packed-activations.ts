/**
 * The activations as the N:M operand of forward: they are packed along the inputs, which forward sums over, and the
 * weight is dense.
 */

import type { Geometry } from "../../backend/geometry.ts";
import type { Kernels } from "../../backend/kernels.ts";
import type { F32 } from "../../backend/memory.ts";
import type { Epilogue, ForwardOperand, OperandFormat } from "../operand.ts";
import { DenseMatrix } from "./dense-matrix.ts";
import { EmulatedActivations } from "./emulated.ts";
import { PackedMatrix } from "./packed-matrix.ts";

export class PackedActivations implements ForwardOperand {
  readonly #kernels: Kernels;
  readonly x: PackedMatrix;
  readonly #w: F32;

  /** `x` [T, I] must stay valid until the product's backward; `w` is [O, I]. It serves matrices only, not images. */
  constructor(kernels: Kernels, x: PackedMatrix, w: F32) {
    this.#kernels = kernels;
    this.x = x;
    this.#w = w;
  }

  forward(y: F32, _x: F32, geometry: Geometry, { bias, relu }: Epilogue): void {
    this.#kernels.forwardSparseActivations(y, this.x, this.#w, bias, geometry, Number(relu));
  }

  /** The pruned activations: the weight gradient is that of what was multiplied. */
  get input(): F32 {
    return this.x.masked;
  }

  /** Zeroes the gradient of pruned entries, on which y does not depend. */
  keepInputGrad(dx: F32): void {
    const { mask, rows, k } = this.x;
    this.#kernels.applyMask(dx, mask, rows, k);
  }
}

export const activationsFormat: OperandFormat = {
  name: "packed activations",
  about: "the input along the inputs that forward sums over, in place of the weight",
  skips: true,
  images: false,
  forward: ({ kernels, geometry, pattern, x, w }) => {
    const packed = new PackedMatrix(kernels, geometry[0], geometry[3], { ...pattern, v: 1 });
    packed.prune(x);
    return {
      operand: new PackedActivations(kernels, packed, w),
      dense: new DenseMatrix(kernels, w),
      emulated: new EmulatedActivations(kernels, packed, w),
      x: packed.masked,
    };
  },
};
