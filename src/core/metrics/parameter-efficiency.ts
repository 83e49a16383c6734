/**
 * Measures how much accuracy the non-zeros of a network buy. Hoefler et al. 2021 announce such a metric; its formula
 * could not be confirmed, so both definitions here are our reading: see docs/accounting.md.
 */
import { expected } from "../errors.ts";

/** Accuracy in percent for each million of non-zeros. */
export function parameterEfficiency(accuracyPercent: number, nonZeros: number): number {
  return accuracyPercent / (nonZeros / 1e6);
}

/**
 * The hardness of each example: the share of a pool of models that get it wrong. `correct` says, for each model,
 * whether it gets each example right.
 */
export function hardnessOf(correct: readonly ArrayLike<boolean | number>[]): Float64Array {
  if (correct.length === 0) {
    throw expected("hardness", "at least one model of reference", "none", "Give the answers of a pool of models");
  }
  return Float64Array.from(
    { length: correct[0].length },
    (_, i) => correct.filter((model) => !model[i]).length / correct.length,
  );
}

/**
 * The share of all hardness that lies in examples answered right, for each million of non-zeros; an example that every
 * model of the pool gets right counts nothing. NaN if no example is hard.
 */
export function hardParameterEfficiency(
  correct: ArrayLike<boolean | number>,
  hardness: ArrayLike<number>,
  nonZeros: number,
): number {
  if (correct.length !== hardness.length) {
    throw expected(
      "hardness-normalized parameter efficiency",
      `one answer an example (${hardness.length})`,
      String(correct.length),
      "Take hardness and answers from the same examples, in one order",
    );
  }
  let [solved, all] = [0, 0];
  for (let i = 0; i < correct.length; i++) {
    all += hardness[i];
    if (correct[i]) solved += hardness[i];
  }
  return solved / all / (nonZeros / 1e6);
}
