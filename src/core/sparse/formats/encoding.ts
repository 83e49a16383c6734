/**
 * The N:M encoding of a matrix, for files and for counting bytes: the kept values in row order, and one index of
 * ceil(log2 M) bits for each kept entry, packed without gaps, lowest bits first. 2:4 in f32 takes 2 * 32 + 2 * 2 of 128
 * bits: 53 % of the dense bytes.
 */
import { expected } from "../../errors.ts";
import { isKept } from "../mask.ts";
import { indexBits, misfit, type Pattern, patternName } from "../pattern.ts";

export interface EncodedMatrix {
  readonly rows: number;
  readonly k: number;
  readonly pattern: Pattern;
  /** Kept values, [row group][group along k][slot][row of the group]; rows beyond the last are left out. */
  readonly values: Float32Array;
  /** Bit-packed positions within their group, one for each slot. */
  readonly indices: Uint8Array;
}

/** Encodes w [rows, k] under a mask with exactly n kept in each group. */
export function encodeMatrix(
  w: Float32Array,
  mask: Uint32Array,
  rows: number,
  k: number,
  pattern: Pattern,
): EncodedMatrix {
  const why = misfit(pattern, k);
  if (why !== undefined) throw expected("N:M encoding", `k divisible by ${pattern.m}`, `${k}`, why);
  const { n, m, v } = pattern;
  const bits = indexBits(pattern);
  const slots = Math.ceil(rows / v) * (k / m) * n;
  const values = new Float32Array(rows * (k / m) * n);
  const indices = new Uint8Array(Math.ceil((slots * bits) / 8));
  let value = 0;
  let slot = 0;
  for (let row = 0; row < rows; row += v) {
    for (let column = 0; column < k; column += m) {
      const before = slot;
      for (let j = 0; j < m; j++) {
        if (!isKept(mask, k, row, column + j)) continue;
        for (let b = 0; b < bits; b++) {
          const at = slot * bits + b;
          indices[at >>> 3] |= ((j >>> b) & 1) << (at & 7);
        }
        slot++;
        for (let r = row; r < Math.min(rows, row + v); r++) values[value++] = w[r * k + column + j];
      }
      if (slot - before !== n) {
        throw expected(
          "N:M encoding",
          `${n} kept in each group of ${m} (${patternName(pattern)})`,
          `${slot - before} in row ${row}, column ${column}`,
          "Encode under the mask that pruning made",
        );
      }
    }
  }
  return { rows, k, pattern, values, indices };
}

/** Decodes to the dense matrix [rows, k], with zeros where it is pruned. */
export function decodeMatrix({ rows, k, pattern, values, indices }: EncodedMatrix): Float32Array {
  const { n, m, v } = pattern;
  const bits = indexBits(pattern);
  const w = new Float32Array(rows * k);
  let value = 0;
  let slot = 0;
  for (let row = 0; row < rows; row += v) {
    for (let column = 0; column < k; column += m) {
      for (let kept = 0; kept < n; kept++, slot++) {
        let j = 0;
        for (let b = 0; b < bits; b++) {
          const at = slot * bits + b;
          j |= ((indices[at >>> 3] >>> (at & 7)) & 1) << b;
        }
        for (let r = row; r < Math.min(rows, row + v); r++) w[r * k + column + j] = values[value++];
      }
    }
  }
  return w;
}

/** Number of bytes of the encoding, counted from its arrays. */
export function encodedBytes({ values, indices }: EncodedMatrix): number {
  return values.byteLength + indices.byteLength;
}
