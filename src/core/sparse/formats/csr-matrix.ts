/** A matrix in compressed rows: zeros without a pattern, as the kernel reads them. */
import { CSR_BLOCK } from "../../backend/families/products.ts";
import type { Geometry } from "../../backend/geometry.ts";
import type { Kernels } from "../../backend/kernels.ts";
import type { F32 } from "../../backend/memory.ts";

/**
 * Places of a matrix [rows, k], chosen once; `refresh` takes their values of now. An entry takes 5 bytes,
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

  /**
   * kept: not zero where an entry is stored. placeOf: where an entry lies in w and kept, default [rows, k]. Call refresh
   * before the first product.
   */
  constructor(
    kernels: Kernels,
    kept: ArrayLike<number>,
    rows: number,
    k: number,
    placeOf = (row: number, column: number): number => row * k + column,
  ) {
    this.#kernels = kernels;
    this.rows = rows;
    this.k = k;
    let count = 0;
    for (let i = 0; i < rows * k; i++) if (kept[i] !== 0) count++;
    this.values = kernels.float32(count);
    this.index = kernels.uint8(count);
    this.starts = kernels.uint32(Math.ceil(k / CSR_BLOCK) * rows + 1);
    this.#places = kernels.uint32(count);
    let [next, line] = [0, 0];
    for (let block = 0; block < k; block += CSR_BLOCK) {
      for (let row = 0; row < rows; row++) {
        for (let column = block; column < Math.min(k, block + CSR_BLOCK); column++) {
          const place = placeOf(row, column);
          if (kept[place] === 0) continue;
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

  /** From now on `refresh` takes the values of `other`, of the same w and kept: fewer of them, and mostly in cache. */
  followEntries(other: CsrMatrix): void {
    const entryOf = new Uint32Array(this.rows * this.k);
    other.#places.forEach((place, entry) => {
      entryOf[place] = entry;
    });
    this.#places.forEach((place, entry) => {
      this.#places[entry] = entryOf[place];
    });
  }

  /** Takes the values of w at the same places. */
  refresh(w: F32): void {
    this.#kernels.gatherEntries(this.values, w, this.#places, this.values.length);
  }

  /** y [T, rows] = im2col(x) w^T + bias, then max(0, .) if relu. */
  multiply(y: F32, x: F32, geometry: Geometry, bias: F32 | null = null, relu = false): void {
    this.#kernels.forwardCsr(y, x, this, bias, geometry, relu ? 1 : 0);
  }

  /** dw = dy^T im2col(x) at its entries, 0 elsewhere; w as [rows, k]. */
  gradient(dw: F32, dy: F32, x: F32, geometry: Geometry): void {
    this.#kernels.weightGradCsr(dw, dy, x, this, geometry);
  }
}
