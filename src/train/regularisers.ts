/** The penalties of a recipe around its optimiser: which weights, in which steps. */
import { expected } from "../errors.ts";
import { groupStructure } from "../methods/structured/groups.ts";
import { groupLasso, l1, type Penalty, sumOf } from "../methods/structured/penalties.ts";
import type { Module } from "../nn/module.ts";
import { freezeZeros, regularise } from "../optim/regularise.ts";
import type { Transform } from "../optim/transform.ts";
import type { Parameter } from "../tensor/tensor.ts";
import { type MultiplyingWeight, multiplyingWeights } from "./layers.ts";
import { phaseAt } from "./phases.ts";
import { skipReasons } from "./plan.ts";
import type { Recipe } from "./recipe.ts";

/**
 * The optimiser with the penalties of the recipe: they act from phases.sparseFrom to phases.frozenFrom, and what is zero
 * then stays zero until phases.denseFrom.
 */
export function withRegularisers(optimiser: Transform, recipe: Recipe, model: Module, steps: number): Transform {
  if (recipe.regularise === undefined) return optimiser;
  const penalties = penaltiesOf(recipe, recipe.regularise, model);
  const momentum = recipe.optimiser.name === "sgd" ? recipe.optimiser.momentum : 0;
  let active = optimiser;
  for (const [form, ofForm] of penalties) active = regularise(active, ofForm, { form, momentum });
  const frozen = freezeZeros(optimiser, [...new Set([...penalties.values()].flatMap((one) => [...one.keys()]))]);
  const phases = { dense: optimiser, sparse: active, frozen };
  return {
    ...optimiser,
    name: active.name,
    update: (slots, step) => phases[phaseAt(recipe.phases, step, steps)].update(slots, step),
  };
}

type Regulariser = NonNullable<Recipe["regularise"]>[number];
type Form = Regulariser["form"];

/** By form, each weight's penalty. */
function penaltiesOf(
  recipe: Recipe,
  regularisers: readonly Regulariser[],
  model: Module,
): Map<Form, Map<Parameter, Penalty>> {
  const weights = multiplyingWeights(model);
  const found = new Map<Form, Map<Parameter, Penalty>>();
  regularisers.forEach(({ structure, lambda, form, bySize, layers }, i) => {
    const skipped = skipReasons(weights, recipe.skip);
    const chosen = weights.filter(({ name }, at) =>
      layers === undefined ? skipped[at] === undefined : name.includes(layers),
    );
    if (chosen.length === 0) {
      const names = weights.map(({ name }) => name).join(", ");
      const where = `regularise ${i + 1}`;
      throw expected(where, `a part of ${names}`, layers ?? "none that skip leaves", "Correct its layers");
    }
    const ofForm = found.get(form) ?? new Map<Parameter, Penalty>();
    found.set(form, ofForm);
    for (const weight of chosen) {
      const { kernels } = weight.weight.device;
      const penalty =
        structure === "weight"
          ? l1(kernels, lambda)
          : groupLasso(kernels, lambda, groupStructure(structure), shapeOf(weight), { bySize });
      const others = ofForm.get(weight.weight);
      ofForm.set(weight.weight, others === undefined ? penalty : sumOf(others, penalty));
    }
  });
  return found;
}

function shapeOf({ rows, k, axisLength }: MultiplyingWeight) {
  return { rows, taps: k / axisLength, channels: axisLength };
}
