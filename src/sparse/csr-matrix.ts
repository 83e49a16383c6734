/** A matrix in compressed rows: zeros without a pattern, as the kernel reads them. */
import { CSR_BLOCK, type F32, type Kernels } from "../kernels/kernels.ts";

/**
 * The non-zeros of w [rows, k], chosen once; `refresh` follows their values while the places stay. An entry takes 5 bytes,
 * and a start 4 bytes for each row of each block of K.
 */
export class CsrMatrix {
  readonly rows: number;
  readonly k: number;
  /** [block of K][row][entry] */
  readonly values: F32;
  /** Columns within the block. */
  readonly index: Uint8Array;
  /** [block of K][row], and one more. */
  readonly starts: Uint32Array;
  /** Of each entry in w. */
  readonly #places: Uint32Array;
  readonly #kernels: Kernels;

  constructor(kernels: Kernels, w: ArrayLike<number>, rows: number, k: number) {
    this.#kernels = kernels;
    this.rows = rows;
    this.k = k;
    let count = 0;
    for (let i = 0; i < rows * k; i++) if (w[i] !== 0) count++;
    this.values = kernels.float32(count);
    this.index = kernels.uint8(count);
    this.starts = kernels.uint32(Math.ceil(k / CSR_BLOCK) * rows + 1);
    this.#places = new Uint32Array(count);
    let [next, line] = [0, 0];
    for (let block = 0; block < k; block += CSR_BLOCK) {
      for (let row = 0; row < rows; row++) {
        for (let column = block; column < Math.min(k, block + CSR_BLOCK); column++) {
          if (w[row * k + column] === 0) continue;
          this.index[next] = column - block;
          this.#places[next++] = row * k + column;
        }
        this.starts[++line] = next;
      }
    }
    this.refresh(w);
  }

  get nonZeros(): number {
    return this.values.length;
  }

  get bytes(): number {
    return this.values.byteLength + this.index.byteLength + this.starts.byteLength;
  }

  /** Takes the values of w at the same places. */
  refresh(w: ArrayLike<number>): void {
    const { values } = this;
    const places = this.#places;
    for (let i = 0; i < places.length; i++) values[i] = w[places[i]];
  }

  /** y [t, rows] = x [t, k] w^T + bias, then max(0, .) if relu. */
  multiply(y: F32, x: F32, t: number, bias: F32 | null = null, relu = false): void {
    const { values, index, starts, k, rows } = this;
    this.#kernels.forwardCsr(y, x, values, index, starts, bias, t, k, rows, relu ? 1 : 0);
  }
}
