/**
 * The empirical Fisher information in blocks: F = damping I + the mean of g g^T over samples, for neighboring weights of
 * a row. Entries of different blocks are taken for independent.
 */

import { factorize, inverseDiagonal, solve } from "./cholesky.ts";
import { blocksOf, type Curvature, type CurvedParameter, forgetSums, sumsOf } from "./curvature.ts";

export interface BlockOptions {
  /** Number of weights of a block; the last one of a row is shorter where they do not tile it. */
  readonly size: number;
  /** The damping, as a share of the mean of F_ii over the kept entries of a weight. */
  readonly damping: number;
  /** Whether the weights that stay make up for those that go. */
  readonly compensates: boolean;
}

/**
 * Scores by optimal brain surgeon, w_i^2 / (2 [F^-1]_ii), and the update of the weights of a block that stay. The sums
 * take `size` numbers for each weight; scores and update cost size^2 / 3 multiply-adds for each, in TypeScript.
 * Source: Hassibi and Stork 1993, equation 5; with blocks of the Fisher information Singh and Alistarh 2020 (WoodFisher),
 * Kurtic et al. 2022 (The Optimal BERT Surgeon).
 * Differences: (1) the sources update the inverse one gradient at a time, by the Woodbury identity; here the products of
 * gradients are summed and the block is factored once, which is the same matrix. (2) The damping is a share of the mean
 * of the diagonal, not a number. (3) The update is that of all entries that leave a block at once, the minimum of the
 * quadratic under their being zero; scores are of one entry alone, as in the sources.
 * Entries that were pruned before take no part in their block, as in WoodFisher.
 */
export function fisherBlocks({ size, damping, compensates }: BlockOptions): Curvature {
  const compensate = (parameter: CurvedParameter, keeps: Uint8Array): void => {
    const { weight, maskBytes } = parameter;
    eachBlock(parameter, size, damping, ({ first, length, entry, least }) => {
      const kept = placesOf(keeps, first, length);
      const leaving = placesOf(maskBytes, first, length).filter((place) => keeps[first + place] === 0);
      const n = kept.length;
      if (n === 0 || leaving.length === 0) return;
      const a = submatrix(kept, entry);
      const b = Float64Array.from(kept, (i) => leaving.reduce((sum, j) => sum + entry(i, j) * weight[first + j], 0));
      factorize(a, n, least);
      solve(a, n, b);
      for (let i = 0; i < n; i++) weight[first + kept[i]] += b[i];
    });
  };
  return {
    add: (parameter, gradients) => {
      const { sums, samples } = sumsOf(parameter, lengthOf(parameter, size));
      gradients.addProducts(sums, size);
      samples[0] += gradients.samples;
    },
    scores: (parameter) => {
      const { weight, maskBytes } = parameter;
      const scores = new Float64Array(weight.length);
      eachBlock(parameter, size, damping, ({ first, length, entry, least }) => {
        const kept = placesOf(maskBytes, first, length);
        const a = submatrix(kept, entry);
        factorize(a, kept.length, least);
        const inverse = inverseDiagonal(a, kept.length);
        kept.forEach((place, i) => {
          scores[first + place] = weight[first + place] ** 2 / (2 * inverse[i]);
        });
      });
      return scores;
    },
    ...(compensates ? { compensate } : {}),
    forget: forgetSums,
  };
}

function lengthOf({ rows, k }: CurvedParameter, size: number): number {
  return blocksOf(rows, k, size).reduce((sum, { length }) => sum + rows * length ** 2, 0);
}

/** The block of one row. */
interface RowBlock {
  /** Place of its first entry in the weight. */
  readonly first: number;
  readonly length: number;
  /** F_ij, damping included. */
  readonly entry: (i: number, j: number) => number;
  /** The damping, below which no pivot is in exact arithmetic. */
  readonly least: number;
}

/** Visits the blocks of all rows; none if every gradient was zero, since all scores are then zero too. */
function eachBlock(parameter: CurvedParameter, size: number, damping: number, visit: (block: RowBlock) => void): void {
  const { rows, k, maskBytes } = parameter;
  const { sums, samples } = sumsOf(parameter, lengthOf(parameter, size));
  const blocks = blocksOf(rows, k, size);
  let [trace, kept] = [0, 0];
  for (const { begin, length, start } of blocks) {
    for (let row = 0; row < rows; row++) {
      for (let i = 0; i < length; i++) {
        if (maskBytes[row * k + begin + i] === 0) continue;
        trace += sums[start + row * length ** 2 + i * (length + 1)];
        kept++;
      }
    }
  }
  const least = (damping * trace) / (kept * samples[0]);
  if (!(least > 0)) return;
  for (const { begin, length, start } of blocks) {
    for (let row = 0; row < rows; row++) {
      const at = start + row * length ** 2;
      const entry = (i: number, j: number): number => sums[at + i * length + j] / samples[0] + (i === j ? least : 0);
      visit({ first: row * k + begin, length, entry, least });
    }
  }
}

/** The lower triangle of the rows and columns at these places, which is all that a factorization reads. */
function submatrix(places: readonly number[], entry: (i: number, j: number) => number): Float64Array {
  const n = places.length;
  const a = new Float64Array(n * n);
  for (let i = 0; i < n; i++) for (let j = 0; j <= i; j++) a[i * n + j] = entry(places[i], places[j]);
  return a;
}

/** The places within a block where the flags are 1. */
function placesOf(flags: Uint8Array, first: number, length: number): number[] {
  const places: number[] = [];
  for (let i = 0; i < length; i++) if (flags[first + i] === 1) places.push(i);
  return places;
}
