/** Scores say how much an entry matters: the higher its score, the longer it stays. */
import type { Curvature } from "../fisher/curvature.ts";
import type { UnstructuredParameter } from "./unstructured-method.ts";

/** The scores by their words in recipes. */
export const SCORES = ["magnitude", "first-order", "obd", "obs"] as const;
/** Where scores come from: what the weight and its gradient say, or a curvature. */
export type ScoreSource = "magnitude" | "first-order" | Curvature;

/** The units that are kept or pruned as a whole. */
export const UNITS = ["weights", "rows", "columns", "blocks"] as const;
export type Unit = (typeof UNITS)[number];

/** Number of rows, and of columns, of a block. */
const BLOCK = 4;

/** Score of pruned entries: it is below all others, so that they stay pruned. */
const PRUNED = -1;

/** The scores |w|, |w dL/dw| with the gradient of this step, or those of a curvature; a pruned entry has -1. */
export function scoresOf(parameter: UnstructuredParameter, score: ScoreSource): Float32Array {
  const { weight, gradient, maskBytes } = parameter;
  const scores = new Float32Array(weight.length);
  if (typeof score === "object") {
    scores.set(score.scores(parameter));
    for (let i = 0; i < scores.length; i++) if (maskBytes[i] === 0) scores[i] = PRUNED;
    return scores;
  }
  // loops, not callbacks, because this runs over a million entries at every update
  for (let i = 0; i < weight.length; i++) {
    if (maskBytes[i] === 0) scores[i] = PRUNED;
    else scores[i] = Math.abs(score === "magnitude" ? weight[i] : weight[i] * gradient[i]);
  }
  return scores;
}

/** The unit of each entry of a parameter, and the number of entries of each unit. */
export function unitsOf(
  { rows, k }: UnstructuredParameter,
  unit: Unit,
): { readonly of: Uint32Array; readonly sizes: Uint32Array } {
  const across = Math.ceil(k / BLOCK);
  const find = (i: number): number => {
    const [row, column] = [Math.floor(i / k), i % k];
    switch (unit) {
      case "weights":
        return i;
      case "rows":
        return row;
      case "columns":
        return column;
      case "blocks":
        return Math.floor(row / BLOCK) * across + Math.floor(column / BLOCK);
    }
  };
  const of = Uint32Array.from({ length: rows * k }, (_, i) => find(i));
  const sizes = new Uint32Array(of.reduce((most, one) => Math.max(most, one), -1) + 1);
  for (const one of of) sizes[one]++;
  return { of, sizes };
}

/** Mean score of each unit; -1 if all of its entries are pruned. */
export function scoresOfUnits(scores: Float32Array, of: Uint32Array, sizes: Uint32Array): Float32Array {
  const sums = new Float64Array(sizes.length);
  for (let i = 0; i < scores.length; i++) sums[of[i]] += scores[i];
  return Float32Array.from(sums, (sum, i) => sum / sizes[i]);
}

/**
 * Optimal brain damage: the increase of the loss if one entry alone becomes zero, from the diagonal of the Hessian.
 * Source: LeCun et al. 1990.
 */
export function obdScores(w: ArrayLike<number>, hessianDiagonal: ArrayLike<number>): Float64Array {
  return Float64Array.from(w, (value, i) => (hessianDiagonal[i] * value ** 2) / 2);
}

/**
 * The increase of the loss if an entry becomes zero and all others make up for it. `inverse` is that of the Hessian,
 * [n, n].
 */
export function obsScores(w: ArrayLike<number>, inverse: ArrayLike<number>): Float64Array {
  return Float64Array.from(w, (value, i) => value ** 2 / (2 * inverse[i * w.length + i]));
}

/** The change of w if entry `at` becomes zero. Source: Hassibi and Stork 1993 (optimal brain surgeon), equation 5. */
export function obsUpdate(w: ArrayLike<number>, inverse: ArrayLike<number>, at: number): Float64Array {
  const n = w.length;
  return Float64Array.from(w, (_, i) => (-w[at] / inverse[at * n + at]) * inverse[i * n + at]);
}
