/** Sparse operands for trials, made by the oracle. */
import { maskWords } from "../families/masks.ts";
import { type Pack, type Pattern, placeWords, SLICE, type Slices } from "../families/packs.ts";
import { type CompressedRows, CSR_BLOCK } from "../families/products.ts";
import { packs } from "../oracle/packs.ts";
import type { Shapes } from "./shapes.ts";
import { type ArgumentObject, empty, normal, random, read, written } from "./trials.ts";

/** A matrix pruned by the oracle, with its mask. */
export function pack(rows: number, k: number, pattern: Pattern): Pack & { readonly mask: Uint32Array } {
  const { n, m, v } = pattern;
  const slots = Math.ceil(rows / v) * (k / m) * n;
  const packed = { values: new Float32Array(slots * v), index: new Uint8Array(slots), pattern };
  const mask = new Uint32Array(rows * maskWords(k));
  packs.pruneRows(packed, mask, null, normal(rows * k), rows, k, 0);
  return { ...packed, mask };
}

/** A matrix pruned and put into slices by the oracle. */
export function slices(rows: number, k: number, pattern: Pattern): Slices & { readonly packed: Pack } {
  const { n, m } = pattern;
  const packed = pack(rows, k, pattern);
  const padded = Math.ceil(rows / SLICE) * SLICE;
  const sliced = {
    values: new Float32Array(padded * (k / m) * n),
    places: new Uint32Array(padded * placeWords(k, n, m)),
    pattern,
  };
  packs.packSlices(sliced, packed, rows, k);
  return { ...sliced, packed };
}

/** A pack as an argument that is only read. */
export const readPack = ({ values, index, pattern }: Pack): ArgumentObject => ({
  ...{ values: read(values), index: read(index), pattern: { ...pattern } },
});

/** Memory for a pack of [rows, k], as an argument that is written bit for bit. */
export function writtenPack(rows: number, k: number, pattern: Pattern): ArgumentObject {
  const { n, m, v } = pattern;
  const slots = Math.ceil(rows / v) * (k / m) * n;
  const [values, index] = [written(empty(slots * v), true), written(new Uint8Array(slots).fill(7), true)];
  return { values, index, pattern: { ...pattern } };
}

/** Compressed rows of blocks of K, in which `percent` of the entries are not zero. */
export function compressedRows(rows: number, k: number, percent: number): CompressedRows {
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

/** Shapes [t, k, out] of products with few rows: every size of a tile, and groups that end within a word of places. */
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
