/** Sparse operands, made by the oracle. */
import { maskWords } from "../families/masks.ts";
import { placeWords, SLICE } from "../families/packs.ts";
import { CSR_BLOCK } from "../families/products.ts";
import { packs } from "../oracle/packs.ts";
import type { Shapes } from "./shapes.ts";
import { normal, random } from "./trials.ts";

/** A weight matrix pruned by the oracle. */
export function pack(rows: number, k: number, n: number, m: number, v: number, w: Float32Array = normal(rows * k)) {
  const count = Math.ceil(rows / v) * (k / m) * n;
  const values = new Float32Array(count * v);
  const index = new Uint8Array(count);
  const mask = new Uint32Array(rows * maskWords(k));
  const masked = new Float32Array(rows * k);
  packs.pruneRows(values, index, mask, masked, w, rows, k, n, m, v, 0);
  return { values, index, mask, masked, w };
}

/** A matrix pruned and put into slices by the oracle. */
export function slices(rows: number, k: number, n: number, m: number, v: number) {
  const { values, index } = pack(rows, k, n, m, v);
  const padded = Math.ceil(rows / SLICE) * SLICE;
  const sliced = {
    values: new Float32Array(padded * (k / m) * n),
    places: new Uint32Array(padded * placeWords(k, n, m)),
  };
  packs.packSlices(sliced.values, sliced.places, values, index, rows, k, n, m, v);
  return { ...sliced, packed: { values, index } };
}

/** Compressed rows of blocks of K, with so many non-zeros in a hundred. */
export function compressedRows(rows: number, k: number, percent: number) {
  const values: number[] = [];
  const index: number[] = [];
  const starts = [0];
  for (let block = 0; block < k; block += CSR_BLOCK) {
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < Math.min(CSR_BLOCK, k - block); column++) {
        if (random.integer(100) >= percent) continue;
        values.push(random.normal());
        index.push(column);
      }
      starts.push(values.length);
    }
  }
  return {
    values: Float32Array.from(values),
    index: Uint8Array.from(index),
    starts: Uint32Array.from(starts),
  };
}

/** [t, k, out] of products with few rows: every size of a tile, groups that end within a word of places. */
export function fewRows({ odd }: Shapes, m: number): readonly (readonly [number, number, number])[] {
  if (!odd) return [[3, 480, 1100]];
  const drawn = (): readonly [number, number, number] => [
    1 + random.integer(20),
    m * (1 + random.integer(70)),
    1 + random.integer(90),
  ];
  return [
    [1, m, 1],
    [1, 64 * m, 33],
    [2, 37 * m, 16],
    [3, 16 * m, 47],
    [8, 9 * m, 64],
    [13, 65 * m, 19],
    drawn(),
    drawn(),
  ];
}
