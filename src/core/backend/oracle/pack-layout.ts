/** Reads and writes packs and slices, slot by slot. */
import { expected } from "../../errors.ts";
import { type Pack, type Pattern, packBlock, placeWords, SLICE } from "../families/packs.ts";
import type { F32 } from "../memory.ts";

/**
 * A dense operand; mask: 1 where its entries are, null for everywhere. Pruned entries are left out of the products, not
 * multiplied as zeros: 0 * NaN would be NaN.
 */
export interface Operand {
  readonly values: Float32Array;
  readonly mask: Uint8Array | null;
}

export const dense = (values: F32): Operand => ({ values, mask: null });

/**
 * Calls visit(row, column, slot, row within its group) for every kept entry in the order of a pack; rows may be beyond
 * the last.
 */
export function slots(
  rows: number,
  k: number,
  { n, m, v }: Pattern,
  mask: (group: number, column: number) => boolean,
  visit: (row: number, column: number, slot: number, r: number) => void,
): void {
  const groups = Math.ceil(rows / v);
  let slot = 0;
  for (let k0 = 0; k0 < k; k0 += packBlock(m)) {
    const end = Math.min(k, k0 + packBlock(m));
    for (let group = 0; group < groups; group++) {
      const first = slot;
      for (let column = k0; column < end; column++) {
        if (!mask(group, column)) continue;
        for (let r = 0; r < v; r++) visit(group * v + r, column, slot, r);
        slot++;
      }
      const wanted = ((end - k0) / m) * n;
      if (slot - first !== wanted) {
        const where = `${slot - first} kept in row ${group * v}, columns ${k0}..${end - 1}`;
        throw expected("packRows", `a mask that keeps ${n} of every ${m}`, where, "Make the mask with pruneRows");
      }
    }
  }
}

/** The [rows, k] matrix that a pack holds; column j of row i goes to place(i, j). */
export function unpack(
  { values, index, pattern: { n, m, v } }: Pack,
  rows: number,
  k: number,
  place: (row: number, column: number) => number = (row, column) => row * k + column,
): Operand {
  // in the precision of the input: gradients are checked with doubles
  const Values = values.constructor as Float32ArrayConstructor;
  const operand = { values: new Values(rows * k), mask: new Uint8Array(rows * k) };
  let slot = 0;
  for (let k0 = 0; k0 < k; k0 += packBlock(m)) {
    const count = ((Math.min(k, k0 + packBlock(m)) - k0) / m) * n;
    for (let first = 0; first < rows; first += v) {
      for (let i = 0; i < count; i++, slot++) {
        for (let row = first; row < Math.min(rows, first + v); row++) {
          const at = place(row, k0 + index[slot]);
          operand.values[at] = values[slot * v + row - first];
          operand.mask[at] = 1;
        }
      }
    }
  }
  return operand;
}

/**
 * Calls visit(row, group, slot of all values, word of its place, shift in it) for each slot of slices, including rows
 * beyond the last.
 */
export function sliceSlots(
  rows: number,
  k: number,
  { n, m }: Pattern,
  visit: (row: number, group: number, at: number, word: number, shift: number) => void,
): void {
  const bits = m <= 4 ? 2 : 4;
  const slots = (k / m) * n;
  for (let row = 0; row < padded(rows, SLICE); row++) {
    const [slice, lane] = [Math.floor(row / SLICE), row % SLICE];
    for (let slot = 0; slot < slots; slot++) {
      const word = slice * placeWords(k, n, m) + Math.floor((slot * bits) / 32);
      visit(row, Math.floor(slot / n), (slice * slots + slot) * SLICE + lane, word * SLICE + lane, (slot * bits) % 32);
    }
  }
}

/** Number of rows of a packed operand in whole groups of v, as they are multiplied. */
export const padded = (rows: number, v: number): number => Math.ceil(rows / v) * v;

/**
 * Packs the rows of a matrix that is given by its groups: `choose` returns the kept places of rows first..last-1, in
 * order.
 */
export function packColumns(
  { values, index, pattern: { n, m, v } }: Pack,
  rows: number,
  k: number,
  choose: (first: number, last: number, begin: number) => { j: number; keptAs: (row: number) => number }[],
): void {
  let slot = 0;
  for (let block = 0; block < k; block += packBlock(m)) {
    const end = Math.min(k, block + packBlock(m));
    for (let first = 0; first < rows; first += v) {
      const last = Math.min(rows, first + v);
      for (let begin = block; begin < end; begin += m) {
        const mask = choose(first, last, begin);
        if (mask.length !== n) throw new RangeError(`pack: a group of ${m} does not keep ${n}`);
        for (const { j, keptAs } of mask) {
          index[slot] = begin + j - block;
          for (let r = 0; r < v; r++) values[slot * v + r] = first + r < last ? keptAs(first + r) : 0;
          slot++;
        }
      }
    }
  }
}
