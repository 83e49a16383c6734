/**
 * The operands of weights whose zeros have no pattern: compressed rows where they pay, else the weight with its zeros.
 */

import type { Geometry } from "../backend/geometry.ts";
import type { F32 } from "../backend/memory.ts";
import { CsrMatrix } from "../sparse/formats/csr-matrix.ts";
import { DenseMatrix } from "../sparse/formats/dense-matrix.ts";
import type { ForwardOperand, InputGradOperand, WeightGradOperand } from "../sparse/operand.ts";
import type { OperandPlan, Tensor } from "../tensor/tensor.ts";
import type { MultiplyingWeight } from "./layers.ts";
import type { MaskedParameter } from "./masked-parameter.ts";

/**
 * Sparsity and number of positions from which compressed rows are faster than dense: docs/design/0006-unstructured.md.
 */
export const LEAST_SPARSITY = 0.75;
export const LEAST_SPARSITY_OF_GRADIENT = 0.85;
const LEAST_POSITIONS = 32;
const LEAST_POSITIONS_OF_GRADIENT = 128;

/**
 * The operands of one weight. The gradient of pruned entries is 0, on either route, in every step in which the method
 * does not read it.
 */
export class UnstructuredOperands implements OperandPlan {
  readonly #sparse: MaskedParameter;
  readonly #readsGradient: () => boolean;
  readonly #forward: FollowedMatrix | null;
  readonly #backward: FollowedMatrix | null;
  #geometry: Geometry | null = null;

  constructor(
    sparse: MaskedParameter,
    { axisLength: channels, turns }: MultiplyingWeight,
    compresses: boolean,
    readsGradient: () => boolean,
  ) {
    const { rows, k } = sparse;
    const placeOf = (channel: number, column: number): number =>
      (column % rows) * k + (k / channels - 1 - Math.floor(column / rows)) * channels + channel;
    this.#sparse = sparse;
    this.#readsGradient = readsGradient;
    const forward = new FollowedMatrix(
      sparse,
      () => new CsrMatrix(sparse.kernels, sparse.maskBytes, rows, k),
      () => sparse.weight,
    );
    const backward = new FollowedMatrix(
      sparse,
      () => {
        const matrix = new CsrMatrix(sparse.kernels, sparse.maskBytes, channels, (k / channels) * rows, placeOf);
        matrix.followEntries(forward.current());
        return matrix;
      },
      () => forward.current().values,
    );
    this.#forward = compresses ? forward : null;
    this.#backward = compresses && turns ? backward : null;
  }

  forward(_x: Tensor, geometry: Geometry): ForwardOperand | null {
    this.#geometry = geometry;
    if (this.#forward === null || !this.#pays(LEAST_SPARSITY, LEAST_POSITIONS)) return null;
    return this.#forward.current();
  }

  inputGrad(): InputGradOperand | null {
    if (this.#backward === null || !this.#pays(LEAST_SPARSITY, LEAST_POSITIONS)) return null;
    return this.#backward.current();
  }

  weightGrad(): WeightGradOperand | null {
    const { kernels, mask, rows, k, pruned, weight } = this.#sparse;
    if (this.#readsGradient()) return null;
    if (this.#forward !== null && this.#pays(LEAST_SPARSITY_OF_GRADIENT, LEAST_POSITIONS_OF_GRADIENT))
      return this.#forward.current();
    if (!pruned) return null;
    const dense = new DenseMatrix(kernels, weight);
    return {
      weightGrad: (dw, ...rest) => {
        dense.weightGrad(dw, ...rest);
        // otherwise clipping would see other gradients on this route
        kernels.applyMask(dw, mask, rows, k);
      },
    };
  }

  #pays(sparsity: number, leastPositions: number): boolean {
    const [batch, , , , , , , , height, width] = this.#geometry!;
    return batch * height * width >= leastPositions && this.#sparse.sparsity >= sparsity;
  }
}

/**
 * Compressed rows that follow a weight: their places change when the mask moves, their values when the weight changes.
 */
class FollowedMatrix {
  readonly #sparse: MaskedParameter;
  readonly #make: () => CsrMatrix;
  readonly #source: () => F32;
  #matrix: CsrMatrix | null = null;
  #revision = -1;
  #version = -1;

  /** `source` gives the array from which the values are taken. */
  constructor(sparse: MaskedParameter, make: () => CsrMatrix, source: () => F32) {
    this.#sparse = sparse;
    this.#make = make;
    this.#source = source;
  }

  current(): CsrMatrix {
    const { revision, parameter } = this.#sparse;
    const { version, device } = parameter;
    const known = this.#matrix;
    if (known !== null && this.#revision === revision && this.#version === version) return known;
    const matrix = known === null || this.#revision !== revision ? this.#make() : known;
    const source = this.#source();
    device.timed("pack", () => matrix.refresh(source));
    this.#matrix = matrix;
    this.#revision = revision;
    this.#version = version;
    return matrix;
  }
}
