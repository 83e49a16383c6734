/**
 * Activations under a fixed mask that does not depend on values: it keeps half of the positions, or of each entry's, for
 * weightGrad.
 */

import type { Geometry } from "../../backend/geometry.ts";
import type { Kernels } from "../../backend/kernels.ts";
import type { F32 } from "../../backend/memory.ts";
import type { OperandFormat, WeightGradOperand } from "../operand.ts";
import { DenseMatrix } from "./dense-matrix.ts";
import { EmulatedFixedMask } from "./emulated.ts";

/** Which positions count, and what replaces the others; the kernel weightGradAlternate explains the numbers. */
export interface FixedMaskChoice {
  /** Number of the mask, from 0 to 8. */
  readonly mask: number;
  /** Share of a kept position that stands for a dropped neighbor. */
  readonly restore: number;
  readonly scale: number;
}

export class FixedMask implements WeightGradOperand {
  readonly #kernels: Kernels;
  readonly #choice: FixedMaskChoice;

  constructor(kernels: Kernels, choice: FixedMaskChoice) {
    this.#kernels = kernels;
    this.#choice = choice;
  }

  weightGrad(dw: F32, dy: F32, x: F32, geometry: Geometry): void {
    const { mask, restore, scale } = this.#choice;
    this.#kernels.weightGradAlternate(dw, dy, x, geometry, mask, restore, scale);
  }
}

export const fixedMaskFormat: OperandFormat = {
  name: "fixed mask",
  about: "every second position of the activations, whatever its value, in weightGrad",
  skips: true,
  images: false,
  weightGrad: ({ kernels, geometry, w, dy }) => {
    const outputs = geometry[10];
    const choice = { mask: 0, restore: 0.5, scale: 2 };
    // even positions are kept, with a share of the odd ones behind them
    const restored = kernels.float32(dy.length);
    for (let i = 0; i < dy.length; i++) {
      const isKept = Math.floor(i / outputs) % 2 === 0;
      if (isKept) restored[i] = choice.scale * (dy[i] + choice.restore * dy[i + outputs]);
    }
    return {
      ...{ operand: new FixedMask(kernels, choice), emulated: new EmulatedFixedMask(kernels, choice) },
      ...{ dense: new DenseMatrix(kernels, w), dy: restored },
    };
  },
};
