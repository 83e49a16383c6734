/** Kernels of masks, with one bit for each entry: what they keep, how they differ, and choices that give no pack. */
import type { F32 } from "../memory.ts";
import type { Positions } from "../positions.ts";
import type { Pattern } from "./packs.ts";

/** Number of 32-bit words of one mask row: rows start on a word. */
export function maskWords(k: number): number {
  return Math.ceil(k / 32);
}

/** The ways in which pruneTransposable can choose. */
export const TRANSPOSABLE_SOLVERS = ["exact", "greedy"] as const;
export type TransposableSolver = (typeof TRANSPOSABLE_SOLVERS)[number];

export interface MaskKernels {
  /**
   * Chooses a mask of w [rows, k], both multiples of m, that keeps in each m x m block exactly n of every row and of
   * every column (Hubara et al. 2021); packRows and pruneColumns can both take it. NaN is above infinity.
   * solver, a place in TRANSPOSABLE_SOLVERS: 0 finds the largest sum of |w|; 1 takes heavy entries first, keeps at
   * least half of that sum, and prunes at most twice as much. What 1 leaves short of n it fills up; where that would
   * lose weight, the block is solved as by 0. Ties: see the oracle. The largest 2:4 is that of all 90 patterns, by sums
   * |a| + |b| in a row, then two rows, then both halves, in single precision; of equals it is the first way in which
   * rows 0 and 1 use the columns, and in each half the first pattern.
   */
  pruneTransposable(mask: Uint32Array, w: F32, rows: number, k: number, pattern: Pattern, solver: number): void;
  /** grad += lambda * w where the mask is 0. */
  maskedDecay(grad: F32, w: F32, mask: Uint32Array, rows: number, k: number, lambda: number): void;
  /** x = 0 where the mask is 0. */
  applyMask(x: F32, mask: Uint32Array, rows: number, k: number): void;
  /** out[0] = the number of ones of a xor b: entries that are kept in exactly one of two masks. */
  maskDivergence(out: Float64Array, a: Uint32Array, b: Uint32Array, words: number): void;
  /**
   * Measures what a mask keeps of w [rows, k], for each row: out [rows, 3] = sum of the kept |w|, sum of all |w|,
   * number of kept entries that are zero.
   */
  keptMagnitude(out: Float64Array, w: F32, mask: Uint32Array, rows: number, k: number): void;
  /**
   * out [groups] = the mean of the rank-th smallest |w| of each group and of the one above it (NaN is above infinity).
   * A group is `segments` runs of `length` entries; groups and segments begin at multiples of their strides. 1 <= rank
   * < segments * length.
   */
  thresholds(
    out: F32,
    w: F32,
    groups: number,
    segments: number,
    length: number,
    groupStride: number,
    segmentStride: number,
    rank: number,
  ): void;
  /**
   * y = w (1 + f + g), w [rows, taps, k / taps]: f and g are the logistic function of (|w| - t) / temperature where |w|
   * is above t, else 0; t is the threshold of the entry's row for f and of its tap for g. Without ofTaps, g is 0 (Xiang
   * et al. 2024, MaxQ).
   */
  softAxes(
    y: F32,
    w: F32,
    ofRows: F32,
    ofTaps: F32 | null,
    rows: number,
    k: number,
    taps: number,
    temperature: number,
  ): void;
}

export const maskPositions: Positions<MaskKernels> = {
  pruneTransposable: (mask, w, rows, k, { n, m }, solver) => [mask, w, rows, k, n, m, solver],
};
