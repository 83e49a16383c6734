/** The penalties of a recipe around its optimiser: which weights, in which steps. */
import { BATCH_NORM_EPSILON } from "../autograd/ops/batch-norm.ts";
import { expected } from "../errors.ts";
import { type Folding, foldedGroupLasso } from "../methods/structured/folded.ts";
import { groupStructure } from "../methods/structured/groups.ts";
import { groupLasso, l1, type Penalty, sumOf } from "../methods/structured/penalties.ts";
import type { BatchNorm } from "../nn/batch-norm.ts";
import type { Module } from "../nn/module.ts";
import { normalisedLayers } from "../nn/normalised-layers.ts";
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
  const norms = new Map(normalisedLayers(model).map(({ layer, norm }) => [layer.weight, norm]));
  const penalties = penaltiesOf(recipe, recipe.regularise, model, norms);
  const momentum = recipe.optimiser.name === "sgd" ? recipe.optimiser.momentum : 0;
  let active = optimiser;
  for (const [form, ofForm] of penalties) active = regularise(active, ofForm, { form, momentum });
  const weights = new Set([...penalties.values()].flatMap((one) => [...one.keys()]));
  const folded = recipe.regularise.some(({ folded }) => folded) ? [...weights].map((weight) => norms.get(weight)) : [];
  // a folded penalty zeroes gains and shifts too
  const scales = folded.flatMap((norm) => (norm === undefined ? [] : [norm.weight, norm.bias]));
  const frozen = freezeZeros(optimiser, [...weights, ...scales]);
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
  norms: ReadonlyMap<Parameter, BatchNorm>,
): Map<Form, Map<Parameter, Penalty>> {
  const weights = multiplyingWeights(model);
  const found = new Map<Form, Map<Parameter, Penalty[]>>();
  regularisers.forEach(({ structure, lambda, form, bySize, folded = false, layers }, i) => {
    const skipped = skipReasons(weights, recipe.skip);
    const chosen = weights.filter(({ name }, at) =>
      layers === undefined ? skipped[at] === undefined : name.includes(layers),
    );
    if (chosen.length === 0) {
      const names = weights.map(({ name }) => name).join(", ");
      const where = `regularise ${i + 1}`;
      throw expected(where, `a part of ${names}`, layers ?? "none that skip leaves", "Correct its layers");
    }
    if (folded && (norms.size === 0 || structure === "weight")) {
      const [wanted, got] =
        structure === "weight" ? ["groups for folded", "weight"] : ["a batch norm behind a layer", "none in the model"];
      throw expected(`regularise ${i + 1}`, wanted, got, "Leave folded out");
    }
    const ofForm = found.get(form) ?? new Map<Parameter, Penalty[]>();
    found.set(form, ofForm);
    for (const weight of chosen) {
      const { kernels } = weight.weight.device;
      const norm = folded ? norms.get(weight.weight) : undefined;
      const penalty =
        structure === "weight"
          ? l1(kernels, lambda)
          : norm === undefined
            ? groupLasso(kernels, lambda, groupStructure(structure), shapeOf(weight), { bySize })
            : foldedGroupLasso(
                kernels,
                ...([lambda, groupStructure(structure), shapeOf(weight)] as const),
                foldingOf(norm),
                {
                  bySize,
                },
              );
      ofForm.set(weight.weight, [...(ofForm.get(weight.weight) ?? []), penalty]);
    }
  });
  const sums = (all: Map<Parameter, Penalty[]>) => new Map([...all].map(([weight, list]) => [weight, sumOf(...list)]));
  return new Map([...found].map(([form, all]) => [form, sums(all)]));
}

function shapeOf({ rows, k, axisLength }: MultiplyingWeight) {
  return { rows, taps: k / axisLength, channels: axisLength };
}

function foldingOf({ weight, bias, runningVariance }: BatchNorm): Folding {
  return {
    ...{ gain: weight.data, gainGradient: weight.grad, shift: bias.data },
    ...{ variance: runningVariance.data as Float32Array, epsilon: BATCH_NORM_EPSILON },
  };
}
