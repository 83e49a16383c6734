/** A matrix in compressed rows (CSR), whose zeros follow no pattern, as its kernels read it. */

import { CSR_BLOCK } from "../../backend/families/products.ts";
import { type Geometry, inputGradGeometry } from "../../backend/geometry.ts";
import type { Kernels } from "../../backend/kernels.ts";
import type { F32 } from "../../backend/memory.ts";
import type {
  Epilogue,
  ForwardOperand,
  InputGradOperand,
  OperandFormat,
  TrialMatrices,
  WeightGradOperand,
} from "../operand.ts";
import { DenseMatrix } from "./dense-matrix.ts";

const NO_EPILOGUE: Epilogue = { bias: null, relu: false };

/**
 * A sparse matrix [rows, k] whose places are chosen once; `refresh` takes their current values. An entry takes 5 bytes,
 * and each row of each block of K 4 bytes for its start. The matrix of a weight is an operand of forward and
 * weightGrad; that of its transpose, with the taps in reverse order, is one of inputGrad.
 */
export class CsrMatrix implements ForwardOperand, InputGradOperand, WeightGradOperand {
  readonly rows: number;
  readonly k: number;
  /** Values, [block of K][row][entry]. */
  readonly values: F32;
  /** Column of each entry within its block. */
  readonly index: Uint8Array;
  /** Start of each row, [block of K][row], and one more. */
  readonly starts: Uint32Array;
  /** Place of each entry in w. */
  readonly #places: Uint32Array;
  readonly #kernels: Kernels;

  /**
   * An entry is stored where `maskBytes` is not zero. `placeOf` says where an entry lies in w and maskBytes; the
   * default is [rows, k]. Call refresh before the first product.
   */
  constructor(
    kernels: Kernels,
    maskBytes: ArrayLike<number>,
    rows: number,
    k: number,
    placeOf = (row: number, column: number): number => row * k + column,
  ) {
    this.#kernels = kernels;
    this.rows = rows;
    this.k = k;
    let count = 0;
    for (let i = 0; i < rows * k; i++) if (maskBytes[i] !== 0) count++;
    this.values = kernels.float32(count);
    this.index = kernels.uint8(count);
    this.starts = kernels.uint32(Math.ceil(k / CSR_BLOCK) * rows + 1);
    this.#places = kernels.uint32(count);
    let [next, line] = [0, 0];
    for (let block = 0; block < k; block += CSR_BLOCK) {
      for (let row = 0; row < rows; row++) {
        for (let column = block; column < Math.min(k, block + CSR_BLOCK); column++) {
          const place = placeOf(row, column);
          if (maskBytes[place] === 0) continue;
          this.index[next] = column - block;
          this.#places[next++] = place;
        }
        this.starts[++line] = next;
      }
    }
  }

  get nonZeros(): number {
    return this.values.length;
  }

  get bytes(): number {
    return this.values.byteLength + this.index.byteLength + this.starts.byteLength;
  }

  /**
   * From now on `refresh` takes the values of `other`, made of the same w and maskBytes: there are fewer of them, and
   * they are mostly in cache.
   */
  followEntries(other: CsrMatrix): void {
    const entryOf = new Uint32Array(this.rows * this.k);
    other.#places.forEach((place, entry) => {
      entryOf[place] = entry;
    });
    this.#places.forEach((place, entry) => {
      this.#places[entry] = entryOf[place];
    });
  }

  /** Takes the current values of w at the same places. */
  refresh(w: F32): void {
    this.#kernels.gatherEntries(this.values, w, this.#places, this.values.length);
  }

  /** Computes y [T, rows] = im2col(x) w^T, then the epilogue. */
  forward(y: F32, x: F32, geometry: Geometry, { bias, relu }: Epilogue = NO_EPILOGUE): void {
    this.#kernels.forwardCsr(y, x, this, bias, geometry, Number(relu));
  }

  /**
   * Computes the input gradient as a forward product of dy; inputGradGeometry says for which convolutions this is
   * right.
   */
  inputGrad(dx: F32, dy: F32, geometry: Geometry): void {
    this.forward(dx, dy, inputGradGeometry(geometry));
  }

  /** Computes dw = dy^T im2col(x) at the stored entries and 0 elsewhere, with w as [rows, k]. */
  weightGrad(dw: F32, dy: F32, x: F32, geometry: Geometry): void {
    this.#kernels.weightGradCsr(dw, dy, x, this, geometry);
  }
}

export const csrFormat: OperandFormat = {
  name: "compressed rows",
  about: "the weight without any of its zeros, in whatever places; its gradient at the kept entries alone",
  skips: true,
  images: true,
  forward: (given) => {
    const { masked, matrix } = compressed(given);
    return { operand: matrix, dense: new DenseMatrix(given.kernels, masked) };
  },
  inputGrad: (given) => {
    const { kernels, geometry } = given;
    const { maskBytes, masked, rows, k } = compressed(given);
    const channels = geometry[3];
    const placeOf = (channel: number, column: number): number =>
      (column % rows) * k + (k / channels - 1 - Math.floor(column / rows)) * channels + channel;
    const turned = new CsrMatrix(kernels, maskBytes, channels, (k / channels) * rows, placeOf);
    turned.refresh(masked);
    return { operand: turned, dense: new DenseMatrix(kernels, masked) };
  },
  weightGrad: (given) => {
    const { maskBytes, masked, matrix } = compressed(given);
    const whole = new DenseMatrix(given.kernels, masked);
    return {
      operand: matrix,
      dense: {
        weightGrad: (dw, ...rest) => {
          whole.weightGrad(dw, ...rest);
          for (let i = 0; i < dw.length; i++) dw[i] *= maskBytes[i];
        },
      },
    };
  },
};

/** A weight of which a third of the entries is kept. */
function compressed({ kernels, geometry, w }: TrialMatrices) {
  const rows = geometry[10];
  const k = w.length / rows;
  const maskBytes = Uint8Array.from(w, (_, i) => Number(i % 3 === 0));
  const masked = kernels.float32(w.length);
  masked.set(w.map((value, i) => value * maskBytes[i]));
  const matrix = new CsrMatrix(kernels, maskBytes, rows, k);
  matrix.refresh(masked);
  return { rows, k, maskBytes, masked, matrix };
}
