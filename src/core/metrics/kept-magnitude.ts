/** Measures how much magnitude a mask keeps of a weight, and how many kept groups and rows are all zero. */

import type { Kernels } from "../backend/kernels.ts";
import type { F32 } from "../backend/memory.ts";
import { isKept } from "../sparse/mask.ts";
import type { Group } from "../sparse/pattern.ts";

/** The measurements of one matrix. */
export interface KeptMagnitude {
  /** Sum of the kept |w|, and of all |w|. */
  readonly kept: number;
  readonly all: number;
  /** Numbers of groups (with v > 1: of all v rows) and of rows whose kept entries are all exactly zero. */
  readonly deadGroups: number;
  readonly deadRows: number;
}

/**
 * Measures w [rows, k] under a mask that keeps exactly so many of each group of a row; v rows share a choice. A kernel makes one pass over the weights; groups are looked at
 * only in rows that can hold a dead one.
 */
export function keptMagnitude(
  kernels: Kernels,
  w: F32,
  mask: Uint32Array,
  rows: number,
  k: number,
  v: number,
  groups: readonly Group[],
): KeptMagnitude {
  const found = kernels.float64(rows * 3);
  kernels.keptMagnitude(found, w, mask, rows, k);
  let [sum, all, deadGroups, deadRows] = [0, 0, 0, 0];
  const kept = groups.reduce((count, group) => count + group.kept, 0);
  const least = Math.min(...groups.map((group) => group.kept));
  const zeros = (row: number): number => found[row * 3 + 2];
  for (let row = 0; row < rows; row++) {
    sum += found[row * 3];
    all += found[row * 3 + 1];
    if (zeros(row) === kept) deadRows++;
  }
  const isZero = (row: number, column: number): boolean => !isKept(mask, k, row, column) || w[row * k + column] === 0;
  for (let first = 0; first < rows; first += v) {
    const vector = Array.from({ length: Math.min(v, rows - first) }, (_, i) => first + i);
    if (vector.some((row) => zeros(row) < least)) continue;
    for (const { begin, length } of groups) {
      let dead = true;
      for (let i = 0; dead && i < vector.length * length; i++)
        dead = isZero(first + Math.floor(i / length), begin + (i % length));
      if (dead) deadGroups++;
    }
  }
  return { kept: sum, all, deadGroups, deadRows };
}
