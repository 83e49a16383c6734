/** Tells when the decay of pruned weights is too weak for the length of a run. */

import { weightMethods } from "../../core/sparsity/methods/weights/methods.ts";
import { decayStrength, SOURCE_DECAY } from "../../core/sparsity/methods/weights/pruned-decay.ts";
import { optimizerOf } from "./optimizer.ts";
import type { Recipe } from "./recipe.ts";
import { nameOf } from "./recipe-name.ts";

/**
 * Below this exponent of the decay a line is told. A weight that stays pruned for the whole run then loses less than a
 * tenth, so that most masks stay those of STE: in docs/results/quality-sr-ste-strength.jsonl an exponent of 0.05 takes
 * 4 % of STE's flips, and one of 0.5 takes 27 %.
 */
const LEAST_EXPONENT = 0.1;

/**
 * A line for a run of this many steps that is nearly STE, though its method decays pruned weights; undefined for all
 * others. A decay that joins the gradient of AdamW is divided by the root of the variance, so nothing is told of it.
 */
export function weakDecayText(recipe: Recipe, steps: number): string | undefined {
  const { method, optimizer } = recipe;
  const { lambda, form = "gradient" } = method as { lambda?: number | "scaled"; form?: string };
  const entry = weightMethods.find(({ name }) => name === method.name);
  if (entry?.options.lambda !== decayStrength || typeof lambda !== "number" || lambda === 0) return undefined;
  const joins = form === "gradient";
  if (joins && optimizer.name !== "sgd") return undefined;
  const { learningRate = () => 0 } = optimizerOf(recipe, steps);
  let rates = 0;
  for (let step = 0; step < steps; step++) rates += learningRate(step);
  const momentum = joins && optimizer.name === "sgd" ? optimizer.momentum : 0;
  const exponent = (Math.abs(lambda) * rates) / (1 - momentum);
  if (exponent >= LEAST_EXPONENT) return undefined;
  const change = `${(100 * Math.abs(Math.expm1(-Math.sign(lambda) * exponent))).toPrecision(2)} %`;
  const scaled = (SOURCE_DECAY / rates).toPrecision(2);
  return (
    `${nameOf(recipe)}: with lambda ${lambda} a weight that stays pruned ${lambda > 0 ? "loses" : "gains"} ${change} over ` +
    `these ${steps} steps, which is nearly STE. lambda "scaled", here ${scaled}, decays as far as the source's training.`
  );
}
