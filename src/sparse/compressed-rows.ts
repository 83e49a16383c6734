/** Compressed sparse rows: the form of a weight with zeros in any place. */
import type { F32, Kernels } from "../kernels/kernels.ts";

/** Entries of row r: begins[r] .. begins[r + 1] - 1. */
export interface CompressedRows {
  readonly values: F32;
  readonly columns: Uint32Array;
  readonly begins: Uint32Array;
}

/** Of w [rows, k]. */
export function compressRows(kernels: Kernels, w: F32, rows: number, k: number): CompressedRows {
  const count = w.reduce((sum, x) => sum + Number(x !== 0), 0);
  const [values, columns, begins] = [kernels.float32(count), kernels.uint32(count), kernels.uint32(rows + 1)];
  let at = 0;
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < k; column++) {
      const x = w[row * k + column];
      if (x === 0) continue;
      values[at] = x;
      columns[at++] = column;
    }
    begins[row + 1] = at;
  }
  return { values, columns, begins };
}
