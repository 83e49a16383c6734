/** Activations under a mask that does not look at values: one of each two neighboring positions, for weightGrad. */

import type { Geometry } from "../../backend/geometry.ts";
import type { Kernels } from "../../backend/kernels.ts";
import type { F32 } from "../../backend/memory.ts";
import type { WeightGradOperand } from "../operand.ts";

/** Which positions are kept and what stands for the others: the kernel weightGradAlternate has the numbers. */
export interface FixedMaskChoice {
  /** From 0 to 4. */
  readonly mask: number;
  /** What is taken of a kept position for its dropped neighbor. */
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
