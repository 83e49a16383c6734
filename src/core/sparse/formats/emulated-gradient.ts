/** A gradient with zeros in it, multiplied densely: where no kernel skips them, to compare with. */

import type { Geometry } from "../../backend/geometry.ts";
import type { Kernels } from "../../backend/kernels.ts";
import type { F32 } from "../../backend/memory.ts";
import type { InputGradOperand } from "../operand.ts";

export class EmulatedGradient implements InputGradOperand {
  readonly #kernels: Kernels;
  readonly #dy: F32;
  readonly #w: F32;

  /** dy [T, O], with zeros; w [O, I]. */
  constructor(kernels: Kernels, dy: F32, w: F32) {
    this.#kernels = kernels;
    this.#dy = dy;
    this.#w = w;
  }

  inputGrad(dx: F32, _dy: F32, geometry: Geometry): void {
    this.#kernels.inputGrad(dx, this.#dy, this.#w, geometry);
  }
}
