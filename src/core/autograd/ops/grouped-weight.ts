/** The weight of a grouped convolution as an operand. It is always dense, because there is no sparse kernel for it. */
import type { Geometry } from "../../backend/geometry.ts";
import type { Kernels } from "../../backend/kernels.ts";
import type { F32 } from "../../backend/memory.ts";
import type { Epilogue, ForwardOperand, InputGradOperand, WeightGradOperand } from "../../sparse/operand.ts";

export class GroupedWeight implements ForwardOperand, InputGradOperand, WeightGradOperand {
  readonly #kernels: Kernels;
  readonly #w: F32;
  readonly #groups: number;

  /** `w` is [O, KH, KW, C / groups]; it is not copied. */
  constructor(kernels: Kernels, w: F32, groups: number) {
    this.#kernels = kernels;
    this.#w = w;
    this.#groups = groups;
  }

  forward(y: F32, x: F32, geometry: Geometry, { bias, relu }: Epilogue): void {
    this.#kernels.groupedForward(y, x, this.#w, bias, geometry, this.#groups, Number(relu));
  }

  inputGrad(dx: F32, dy: F32, geometry: Geometry): void {
    this.#kernels.groupedInputGrad(dx, dy, this.#w, geometry, this.#groups);
  }

  weightGrad(dw: F32, dy: F32, x: F32, geometry: Geometry): void {
    this.#kernels.groupedWeightGrad(dw, dy, x, geometry, this.#groups);
  }
}
