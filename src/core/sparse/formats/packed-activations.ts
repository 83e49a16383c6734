/** The activations as the N:M operand of forward: packed along the inputs, which it sums over; the weight is dense. */

import type { Geometry } from "../../backend/geometry.ts";
import type { Kernels } from "../../backend/kernels.ts";
import type { F32 } from "../../backend/memory.ts";
import type { Epilogue, ForwardOperand } from "../operand.ts";
import type { PackedMatrix } from "./packed-matrix.ts";

export class PackedActivations implements ForwardOperand {
  readonly #kernels: Kernels;
  readonly x: PackedMatrix;
  readonly #w: F32;

  /** x [T, I], which holds until the product's backward; w [O, I]. Of matrices only, not of images. */
  constructor(kernels: Kernels, x: PackedMatrix, w: F32) {
    this.#kernels = kernels;
    this.x = x;
    this.#w = w;
  }

  forward(y: F32, _x: F32, geometry: Geometry, { bias, relu }: Epilogue): void {
    const { values, index, pattern, rows, k } = this.x;
    const { n, m, v } = pattern;
    const out = geometry[10];
    this.#kernels.forwardSparseActivations(y, values, index, this.#w, bias, rows, k, out, Number(relu), n, m, v);
  }

  /** The weight gradient is that of what was multiplied. */
  get input(): F32 {
    return this.x.masked;
  }

  /** y does not depend on what was pruned. */
  keepInputGrad(dx: F32): void {
    const { mask, rows, k } = this.x;
    this.#kernels.applyMask(dx, mask, rows, k);
  }
}
