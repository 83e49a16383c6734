/**
 * A mask has one bit for each entry of a [rows, k] matrix, 1 where the entry is kept. Rows start on a 32-bit word; bit
 * i of a row is bit i % 32 of its word i / 32; the bits behind k are 0.
 */

import { maskWords } from "../backend/families/masks.ts";
import { expected } from "../errors.ts";
import { type Group, groupsOf, misfit, type Pattern, patternName } from "./pattern.ts";

/** Number of ones in a word. */
export function ones(word: number): number {
  let x = word - ((word >>> 1) & 0x55555555);
  x = (x & 0x33333333) + ((x >>> 2) & 0x33333333);
  return Math.imul((x + (x >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

export function isKept(mask: Uint32Array, k: number, row: number, column: number): boolean {
  return ((mask[row * maskWords(k) + (column >>> 5)] >>> (column & 31)) & 1) === 1;
}

/** Number of entries that a mask keeps. */
export function countKept(mask: Uint32Array): number {
  let count = 0;
  for (const word of mask) count += ones(word);
  return count;
}

/**
 * The sparse architecture divergence of two masks of a matrix: the number of entries kept in exactly one of them, not
 * normalized (Zhou et al. 2021, section 3; how the paper normalizes is unconfirmed, so both forms are reported).
 */
export function divergence(a: Uint32Array, b: Uint32Array): number {
  if (a.length !== b.length) {
    throw expected(
      "divergence",
      `two masks of one shape (${a.length} words)`,
      `${b.length} words`,
      "Compare masks of the same layer",
    );
  }
  let count = 0;
  for (let i = 0; i < a.length; i++) count += ones(a[i] ^ b[i]);
  return count;
}

/** The result of verifying one matrix. */
export interface Verification {
  readonly ok: boolean;
  /** Number of groups of the matrix, and of those that break the pattern. */
  readonly groups: number;
  readonly violations: number;
  /** The first violation in words; null if there is none. */
  readonly first: string | null;
}

/**
 * Verifies the values themselves, not a mask: in every group of m neighbors of a row of w [rows, k] at most n are not
 * zero, and with v > 1 the rows of a vector share n places. O(rows * k).
 */
export function verifyValues(w: Float32Array, rows: number, k: number, pattern: Pattern): Verification {
  const why = misfit(pattern, k);
  if (why !== undefined) return { ok: false, groups: 0, violations: 0, first: why };
  return verifyGroups(w, rows, k, pattern, groupsOf(pattern, 1, k));
}

/** The same of rows that are cut into these groups, which may be shorter. */
export function verifyGroups(
  w: Float32Array,
  rows: number,
  k: number,
  pattern: Pattern,
  groupsOfRow: readonly Group[],
): Verification {
  let groups = 0;
  let violations = 0;
  let first: string | null = null;
  for (let row = 0; row < rows; row += pattern.v) {
    for (const { begin, length, kept } of groupsOfRow) {
      let used = 0;
      for (let j = begin; j < begin + length; j++) {
        for (let r = row; r < Math.min(rows, row + pattern.v); r++) {
          if (w[r * k + j] !== 0) {
            used++;
            break;
          }
        }
      }
      groups++;
      if (used <= kept) continue;
      violations++;
      first ??= `row ${row}, inputs ${begin}..${begin + length - 1}: ${used} of ${length} are not zero, ${patternName(pattern)} allows ${kept}`;
    }
  }
  return { ok: violations === 0, groups, violations, first };
}

/** Verifies that exactly n entries are kept in every group of every row, and the same ones in the rows of a vector. */
export function verifyMask(mask: Uint32Array, rows: number, k: number, pattern: Pattern): Verification {
  const { n, m, v } = pattern;
  let groups = 0;
  let violations = 0;
  let first: string | null = null;
  for (let row = 0; row < rows; row++) {
    const leader = row - (row % v);
    for (let column = 0; column < k; column += m) {
      let count = 0;
      let alike = true;
      for (let j = column; j < column + m; j++) {
        const here = isKept(mask, k, row, j);
        count += here ? 1 : 0;
        alike &&= here === isKept(mask, k, leader, j);
      }
      groups++;
      if (count === n && alike) continue;
      violations++;
      first ??= alike
        ? `row ${row}, inputs ${column}..${column + m - 1}: ${count} kept, ${patternName(pattern)} keeps ${n}`
        : `row ${row}, inputs ${column}..${column + m - 1}: another choice than row ${leader} of its vector`;
    }
  }
  return { ok: violations === 0, groups, violations, first };
}
