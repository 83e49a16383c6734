/** Products with weights as compressed rows, while they are trained. */
import type { F32, Geometry } from "../kernels/kernels.ts";
import { CsrMatrix } from "../sparse/csr-matrix.ts";
import type { ForwardOperand, InputGradOperand, OperandPlan, Tensor } from "../tensor/tensor.ts";
import type { MaskedWeight } from "./masked-weight.ts";

/** Sparsity and rows of the other operand from which compressed rows are faster: docs/design/0006-unstructured.md. */
export const LEAST_SPARSITY = 0.75;
const LEAST_POSITIONS = 32;

/** The weight of a linear layer as compressed rows, and its transpose for the input gradient; dense while that is faster. */
export class CompressedOperands implements OperandPlan {
  readonly #site: MaskedWeight;
  readonly #forward: FollowedMatrix;
  readonly #backward: FollowedMatrix;

  constructor(site: MaskedWeight) {
    this.#site = site;
    this.#forward = new FollowedMatrix(site, false);
    this.#backward = new FollowedMatrix(site, true);
  }

  forward(_x: Tensor, geometry: Geometry): ForwardOperand | null {
    return this.#operand(this.#forward, geometry[0]);
  }

  denseWeight(): F32 {
    return this.#site.weight;
  }

  inputGrad(dy: F32): InputGradOperand | null {
    return this.#operand(this.#backward, dy.length / this.#site.rows);
  }

  weightGrad(): null {
    return null;
  }

  #operand(
    rows: FollowedMatrix,
    positions: number,
  ): { readonly operand: "compressed weight"; readonly compressed: CsrMatrix } | null {
    if (positions < LEAST_POSITIONS || this.#site.sparsity < LEAST_SPARSITY) return null;
    return { operand: "compressed weight", compressed: rows.current() };
  }
}

/** Follows a weight: its places when the mask moves, its values when it changes. */
class FollowedMatrix {
  readonly #site: MaskedWeight;
  readonly #transposed: boolean;
  #matrix: CsrMatrix | null = null;
  #revision = -1;
  #version = -1;

  constructor(site: MaskedWeight, transposed: boolean) {
    this.#site = site;
    this.#transposed = transposed;
  }

  current(): CsrMatrix {
    const { kernels, kept, rows, k, revision, parameter, weight } = this.#site;
    const { version, device } = parameter;
    const known = this.#matrix;
    if (known !== null && this.#revision === revision && this.#version === version) return known;
    const [height, width] = this.#transposed ? [k, rows] : [rows, k];
    const isNew = known === null || this.#revision !== revision;
    const matrix = isNew ? new CsrMatrix(kernels, kept, height, width, this.#transposed) : known;
    device.timed("pack", () => matrix.refresh(weight));
    this.#matrix = matrix;
    this.#revision = revision;
    this.#version = version;
    return matrix;
  }
}
