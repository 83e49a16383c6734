/** The diagonal of the empirical Fisher information: F_ii is the mean of g_i^2 over samples. */
import { obdScores } from "../unstructured/scores.ts";
import { type Curvature, forgetSums, sumsOf } from "./curvature.ts";

/**
 * Scores by optimal brain damage, F_ii w_i^2 / 2. The sums take as many numbers as the weight has.
 * Source: LeCun et al. 1990, with the Fisher information in place of the Hessian (Hoefler et al. 2021 on second-order
 * methods).
 */
export const fisherDiagonal: Curvature = {
  add: (parameter, gradients) => {
    const { sums, samples } = sumsOf(parameter, parameter.rows * parameter.k);
    gradients.addSquares(sums);
    samples[0] += gradients.samples;
  },
  scores: (parameter) => {
    const { weight, rows, k, maskBytes } = parameter;
    const { sums, samples } = sumsOf(parameter, rows * k);
    const scores = obdScores(weight, sums);
    const count = Math.max(1, samples[0]);
    for (let i = 0; i < scores.length; i++) scores[i] = maskBytes[i] === 0 ? 0 : scores[i] / count;
    return scores;
  },
  forget: forgetSums,
};
