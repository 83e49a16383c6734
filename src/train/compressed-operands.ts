/** Products with weights as compressed rows, while they are trained. */
import { type F32, type Geometry, inputGradGeometry } from "../kernels/kernels.ts";
import { CsrMatrix } from "../sparse/csr-matrix.ts";
import type { ForwardOperand, InputGradOperand, OperandPlan, Tensor } from "../tensor/tensor.ts";
import type { MultiplyingWeight } from "./layers.ts";
import type { MaskedWeight } from "./masked-weight.ts";

/** Sparsity and rows of the other operand from which compressed rows are faster: docs/design/0006-unstructured.md. */
export const LEAST_SPARSITY = 0.75;
const LEAST_POSITIONS = 32;

/** A weight as compressed rows, and turned for the input gradient where that is such a product; dense while that is faster. */
export class CompressedOperands implements OperandPlan {
  readonly #site: MaskedWeight;
  readonly #forward: FollowedMatrix;
  readonly #backward: FollowedMatrix | null;
  #geometry: Geometry | null = null;

  constructor(site: MaskedWeight, { axisLength: channels, turns }: MultiplyingWeight) {
    const { rows, k } = site;
    this.#site = site;
    this.#forward = new FollowedMatrix(site, ({ kernels, kept }) => new CsrMatrix(kernels, kept, rows, k));
    const placeOf = (channel: number, column: number): number =>
      (column % rows) * k + (k / channels - 1 - Math.floor(column / rows)) * channels + channel;
    this.#backward = turns
      ? new FollowedMatrix(site, ({ kernels, kept }) => {
          return new CsrMatrix(kernels, kept, channels, (k / channels) * rows, placeOf);
        })
      : null;
  }

  forward(_x: Tensor, geometry: Geometry): ForwardOperand | null {
    this.#geometry = geometry;
    return this.#pays() ? { operand: "compressed weight", compressed: this.#forward.current() } : null;
  }

  denseWeight(): F32 {
    return this.#site.weight;
  }

  inputGrad(): InputGradOperand | null {
    if (this.#backward === null || !this.#pays()) return null;
    const geometry = inputGradGeometry(this.#geometry!);
    return { operand: "compressed weight", compressed: this.#backward.current(), geometry };
  }

  weightGrad(): null {
    return null;
  }

  #pays(): boolean {
    const [batch, , , , , , , , height, width] = this.#geometry!;
    return batch * height * width >= LEAST_POSITIONS && this.#site.sparsity >= LEAST_SPARSITY;
  }
}

/** Follows a weight: its places when the mask moves, its values when it changes. */
class FollowedMatrix {
  readonly #site: MaskedWeight;
  readonly #make: (site: MaskedWeight) => CsrMatrix;
  #matrix: CsrMatrix | null = null;
  #revision = -1;
  #version = -1;

  constructor(site: MaskedWeight, make: (site: MaskedWeight) => CsrMatrix) {
    this.#site = site;
    this.#make = make;
  }

  current(): CsrMatrix {
    const { revision, parameter, weight } = this.#site;
    const { version, device } = parameter;
    const known = this.#matrix;
    if (known !== null && this.#revision === revision && this.#version === version) return known;
    const matrix = known === null || this.#revision !== revision ? this.#make(this.#site) : known;
    device.timed("pack", () => matrix.refresh(weight));
    this.#matrix = matrix;
    this.#revision = revision;
    this.#version = version;
    return matrix;
  }
}
