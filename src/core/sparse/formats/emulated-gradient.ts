/** A gradient with zeros in it that is multiplied densely, for comparisons if no kernel skips the zeros. */

import type { Geometry } from "../../backend/geometry.ts";
import type { Kernels } from "../../backend/kernels.ts";
import type { F32 } from "../../backend/memory.ts";
import type { InputGradOperand, OperandFormat } from "../operand.ts";
import { DenseMatrix } from "./dense-matrix.ts";

export class EmulatedGradient implements InputGradOperand {
  readonly #kernels: Kernels;
  readonly #dy: F32;
  readonly #w: F32;

  /** `dy` [T, O] has zeros in it; `w` is [O, I]. */
  constructor(kernels: Kernels, dy: F32, w: F32) {
    this.#kernels = kernels;
    this.#dy = dy;
    this.#w = w;
  }

  inputGrad(dx: F32, _dy: F32, geometry: Geometry): void {
    this.#kernels.inputGrad(dx, this.#dy, this.#w, geometry);
  }
}

export const emulatedGradientFormat: OperandFormat = {
  name: "emulated gradient",
  about: "a gradient with zeros that are multiplied by, where no kernel skips them",
  skips: false,
  images: true,
  inputGrad: ({ kernels, w, dy }) => {
    const zeroed = kernels.float32(dy.length);
    zeroed.set(dy.map((value, i) => (i % 2 === 0 ? value : 0)));
    return { operand: new EmulatedGradient(kernels, zeroed, w), dense: new DenseMatrix(kernels, w), dy: zeroed };
  },
};
