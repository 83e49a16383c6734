/**
 * Operands with zeros that are multiplied by: dense arithmetic in the place of a kernel that would skip them. Each adds the
 * same terms in the same order as its sparse counterpart, and so gives the same bits.
 */

import type { Geometry } from "../../backend/geometry.ts";
import type { Kernels } from "../../backend/kernels.ts";
import type { F32 } from "../../backend/memory.ts";
import type {
  Epilogue,
  ForwardOperand,
  InputGradOperand,
  OperandFormat,
  Trial,
  TrialMatrices,
  WeightGradOperand,
} from "../operand.ts";
import type { Pattern } from "../pattern.ts";
import { DenseMatrix } from "./dense-matrix.ts";
import type { FixedMaskChoice } from "./fixed-mask.ts";
import type { PackedMatrix } from "./packed-matrix.ts";

/** Stands for a PackedMatrix in forward, and for a PackedTranspose in inputGrad. */
export class EmulatedWeight implements ForwardOperand, InputGradOperand {
  readonly #kernels: Kernels;
  readonly #w: F32;

  /** w [O, I], with zeros; not copied. */
  constructor(kernels: Kernels, w: F32) {
    this.#kernels = kernels;
    this.#w = w;
  }

  forward(y: F32, x: F32, geometry: Geometry, { bias, relu }: Epilogue): void {
    this.#kernels.forwardEmulated(y, x, this.#w, bias, geometry, Number(relu));
  }

  inputGrad(dx: F32, dy: F32, geometry: Geometry): void {
    this.#kernels.inputGrad(dx, dy, this.#w, geometry);
  }
}

/** Stands for PackedActivations. */
export class EmulatedActivations implements ForwardOperand {
  readonly #kernels: Kernels;
  readonly #x: PackedMatrix;
  readonly #w: F32;

  /** x [T, I], which holds until the product's backward; w [O, I]. */
  constructor(kernels: Kernels, x: PackedMatrix, w: F32) {
    this.#kernels = kernels;
    this.#x = x;
    this.#w = w;
  }

  forward(y: F32, _x: F32, geometry: Geometry, { bias, relu }: Epilogue): void {
    this.#kernels.forwardEmulated(y, this.#x.masked, this.#w, bias, geometry, Number(relu));
  }

  get input(): F32 {
    return this.#x.masked;
  }

  keepInputGrad(dx: F32): void {
    const { mask, rows, k } = this.#x;
    this.#kernels.applyMask(dx, mask, rows, k);
  }
}

/** Stands for a PackedGradient; of convolutions too, for which there is none. */
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

/** Stands for the PackedTranspose of a sampled gradient in weightGrad. */
export class EmulatedSample implements WeightGradOperand {
  readonly #kernels: Kernels;
  readonly #dy: F32;
  readonly #pattern: Pattern;

  /** dy [T, O], with zeros; pattern: of the pack that it stands for. */
  constructor(kernels: Kernels, dy: F32, pattern: Pattern) {
    this.#kernels = kernels;
    this.#dy = dy;
    this.#pattern = pattern;
  }

  weightGrad(dw: F32, _dy: F32, x: F32, geometry: Geometry): void {
    this.#kernels.weightGradEmulated(dw, this.#dy, x, geometry, this.#pattern);
  }
}

/** Stands for a FixedMask. */
export class EmulatedFixedMask implements WeightGradOperand {
  readonly #kernels: Kernels;
  readonly #choice: FixedMaskChoice;

  constructor(kernels: Kernels, choice: FixedMaskChoice) {
    this.#kernels = kernels;
    this.#choice = choice;
  }

  weightGrad(dw: F32, dy: F32, x: F32, geometry: Geometry): void {
    const { mask, restore, scale } = this.#choice;
    this.#kernels.weightGradAlternateEmulated(dw, dy, x, geometry, mask, restore, scale);
  }
}

const zeroed = (kernels: Kernels, values: F32): F32 => {
  const array = kernels.float32(values.length);
  array.set(values.map((value, i) => (i % 2 === 0 ? value : 0)));
  return array;
};

export const emulatedFormat: OperandFormat = {
  name: "emulated",
  about: "a weight or a gradient with zeros that are multiplied by, to the bits of the sparse kernels",
  skips: false,
  images: true,
  forward: ({ kernels, w }: TrialMatrices): Trial<ForwardOperand> => {
    const masked = zeroed(kernels, w);
    return { operand: new EmulatedWeight(kernels, masked), dense: new DenseMatrix(kernels, masked) };
  },
  inputGrad: ({ kernels, w, dy }: TrialMatrices): Trial<InputGradOperand> => {
    const masked = zeroed(kernels, dy);
    return { operand: new EmulatedGradient(kernels, masked, w), dense: new DenseMatrix(kernels, w), dy: masked };
  },
  weightGrad: ({ kernels, w, dy, pattern }: TrialMatrices): Trial<WeightGradOperand> => {
    const masked = zeroed(kernels, dy);
    return { operand: new EmulatedSample(kernels, masked, pattern), dense: new DenseMatrix(kernels, w), dy: masked };
  },
};
