/** Wraps a recipe's optimizer with its penalties: on which weights, in which steps. */
import { BATCH_NORM_EPSILON } from "../../core/autograd/ops/batch-norm.ts";
import { expected } from "../../core/errors.ts";
import { BatchNorm } from "../../core/nn/batch-norm.ts";
import type { Module } from "../../core/nn/module.ts";
import { normalizedLayers } from "../../core/nn/normalized-layers.ts";
import { Residual } from "../../core/nn/residual.ts";
import { Sequential } from "../../core/nn/sequential.ts";
import { freezeZeros, regularize } from "../../core/optim/regularize.ts";
import type { Transform } from "../../core/optim/transform.ts";
import { type MultiplyingWeight, multiplyingWeights } from "../../core/sparsity/layers.ts";
import { type Folding, foldedGroupLasso } from "../../core/sparsity/methods/structured/folded.ts";
import { groupStructure, type WeightShape } from "../../core/sparsity/methods/structured/groups.ts";
import {
  type Among,
  groupLasso,
  type Lambda,
  l1,
  type Penalty,
  sumOf,
} from "../../core/sparsity/methods/structured/penalties.ts";
import { phaseAt } from "../../core/sparsity/phases.ts";
import { skipReasons } from "../../core/sparsity/skip.ts";
import type { Sparsifier } from "../../core/sparsity/sparsifier.ts";
import type { Parameter } from "../../core/tensor/tensor.ts";
import type { Recipe } from "./recipe.ts";

/**
 * The penalties of a recipe as a sparsifier: they act from phases.sparseFrom to phases.frozenFrom, and entries that are
 * zero then stay zero until phases.denseFrom. Returns null if the recipe has none. Nothing is attached to the model,
 * and the groups that penalties choose are kept with the optimizer's state.
 */
export function penaltiesOf(
  recipe: Recipe,
  model: Module,
  weights: readonly MultiplyingWeight[],
  steps: number,
): Sparsifier | null {
  const { regularize: regularizers = [] } = recipe;
  if (regularizers.length === 0) return null;
  return {
    name: "penalties",
    pruned: false,
    around: (optimizer) => withPenalties(optimizer, recipe, regularizers, model, weights, steps),
    observe: () => 0,
    report: () => [],
    storedBytes: () => new Map(),
    applyTo: () => {},
    verify: () => [],
    state: () => new Map(),
    restore: () => {},
    detach: () => {},
  };
}

function withPenalties(
  optimizer: Transform,
  recipe: Recipe,
  regularizers: readonly Regularizer[],
  model: Module,
  multiplying: readonly MultiplyingWeight[],
  steps: number,
): Transform {
  const norms = new Map(normalizedLayers(model).map(({ layer, norm }) => [layer.weight, norm]));
  const momentum = recipe.optimizer.name === "sgd" ? recipe.optimizer.momentum : 0;
  let rates = 0;
  for (let step = 0; step < steps; step++)
    if (phaseAt(recipe.phases, step, steps) === "sparse")
      rates += (optimizer.learningRate?.(step) ?? 0) / (1 - momentum);
  const penalties = penaltiesByForm(recipe, regularizers, model, multiplying, norms, { within: GONE * rates });
  const bodies = regularizers.some(({ structure }) => structure === "body");
  let active = bodies ? held(optimizer, streamGains(model)) : optimizer;
  for (const [form, ofForm] of penalties) active = regularize(active, ofForm, { form, momentum });
  const weights = new Set([...penalties.values()].flatMap((one) => [...one.keys()]));
  const folded = regularizers.some(({ folded }) => folded) ? [...weights].map((weight) => norms.get(weight)) : [];
  // a folded penalty zeroes gains and shifts too
  const scales = folded.flatMap((norm) => (norm === undefined ? [] : [norm.weight, norm.bias]));
  const frozen = freezeZeros(optimizer, [...weights, ...scales]);
  const phases = { dense: optimizer, sparse: active, frozen };
  return {
    ...optimizer,
    name: active.name,
    init: active.init,
    update: (slots, step) => phases[phaseAt(recipe.phases, step, steps)].update(slots, step),
  };
}

/**
 * Share of a penalty's steps, by the sum of their rates, after which the chosen groups are zero. The others then learn
 * without them.
 */
const GONE = 2 / 3;

type Regularizer = NonNullable<Recipe["regularize"]>[number];
type Form = Regularizer["form"];

/** The penalty of each parameter, by form. */
function penaltiesByForm(
  recipe: Recipe,
  regularizers: readonly Regularizer[],
  model: Module,
  weights: readonly MultiplyingWeight[],
  norms: ReadonlyMap<Parameter, BatchNorm>,
  untold: Lambda,
): Map<Form, Map<Parameter, Penalty>> {
  const found = new Map<Form, Map<Parameter, Penalty[]>>();
  regularizers.forEach((regularizer, i) => {
    const { structure, lambda = untold, form, bySize, smallest, folded = false, layers } = regularizer;
    const chosen = targetsOf(recipe, regularizer, model, weights);
    if (chosen.length === 0) {
      const names = candidates(structure, model, weights).map(({ name }) => name);
      const there = names.length > 0 ? `a part of ${names.join(", ")}` : "residual bodies that end in a batch norm";
      const none = layers ?? (structure === "body" ? "none" : "none that skip leaves");
      throw expected(`regularize ${i + 1}`, there, none, "Correct its layers, or the structure");
    }
    const ofWeights = structure !== "weight" && structure !== "body";
    if (folded && (norms.size === 0 || !ofWeights)) {
      const [wanted, got] = ofWeights
        ? ["a batch norm behind a layer", "none in the model"]
        : ["groups of weights for folded", structure];
      throw expected(`regularize ${i + 1}`, wanted, got, "Leave folded out");
    }
    if (smallest !== undefined && structure === "weight")
      throw expected(`regularize ${i + 1}`, "groups of weights for smallest", structure, "Leave smallest out");
    const ofForm = found.get(form) ?? new Map<Parameter, Penalty[]>();
    found.set(form, ofForm);
    // a share of a weight's only group is all of it, so the share is taken among all weights
    const rivals: Among["rivals"] = [];
    for (const { parameter, shape } of chosen) {
      const { kernels } = parameter.device;
      const norm = folded ? norms.get(parameter) : undefined;
      const groups = (): Penalty => {
        const of = groupStructure(structure);
        const among = of.whole ? { weight: parameter, rivals } : undefined;
        const options = { bySize, smallest, among };
        return norm === undefined
          ? groupLasso(kernels, lambda, of, shape, options)
          : foldedGroupLasso(kernels, lambda, of, shape, foldingOf(norm), options);
      };
      const penalty = structure === "weight" ? l1(kernels, lambda as number) : groups();
      ofForm.set(parameter, [...(ofForm.get(parameter) ?? []), penalty]);
    }
  });
  const sums = (all: Map<Parameter, Penalty[]>) => new Map([...all].map(([weight, list]) => [weight, sumOf(...list)]));
  return new Map([...found].map(([form, all]) => [form, sums(all)]));
}

/** Whether a model has anything that a penalty of the recipe acts on. */
export function actsOn(recipe: Recipe, regularizer: Regularizer, model: Module): boolean {
  return targetsOf(recipe, regularizer, model, multiplyingWeights(model)).length > 0;
}

/** A parameter that a penalty may act on. */
interface Target {
  readonly name: string;
  readonly parameter: Parameter;
  readonly shape: WeightShape;
}

function targetsOf(
  recipe: Recipe,
  { structure, layers }: Regularizer,
  model: Module,
  weights: readonly MultiplyingWeight[],
): Target[] {
  const all = candidates(structure, model, weights);
  if (layers !== undefined) return all.filter(({ name }) => name.includes(layers));
  if (structure === "body") return all;
  const skipped = skipReasons(weights, recipe.skip);
  return all.filter((_, i) => skipped[i] === undefined);
}

function candidates(structure: string, model: Module, weights: readonly MultiplyingWeight[]): Target[] {
  if (structure === "body") return bodyGains(model);
  return weights.map(({ name, weight, rows, k, axisLength }) => {
    return { name, parameter: weight, shape: { rows, taps: k / axisLength, channels: axisLength } };
  });
}

/**
 * The gains of the batch norms that end residual bodies. A convolution before a batch norm can shrink forever without a
 * change of what the body computes; if these gains are zero, the body is a constant.
 */
function bodyGains(model: Module): Target[] {
  const found: Target[] = [];
  for (const [path, module] of model.modules()) {
    if (!(module instanceof Residual && module.body instanceof Sequential)) continue;
    const [name, last] = module.body.layers[module.body.layers.length - 1];
    if (!(last instanceof BatchNorm)) continue;
    const { weight } = last;
    found.push({
      ...{ name: `${path}.body.${name}.weight`, parameter: weight },
      shape: { rows: 1, taps: 1, channels: weight.size },
    });
  }
  return found;
}

/**
 * The gains of the last batch norm before the first residual body, which set the size of the sum that bodies add to.
 * They must stay constant while bodies are penalized. Otherwise the whole sum shrinks and the classifier grows: the
 * penalty falls, nothing that the network computes changes, and no body goes.
 */
function streamGains(model: Module): Parameter[] {
  let gains: Parameter[] = [];
  for (const [, module] of model.modules()) {
    if (module instanceof Residual) return gains;
    if (module instanceof BatchNorm) gains = [module.weight];
  }
  return [];
}

/** Wraps an optimizer so that it leaves some parameters unchanged. */
function held(optimizer: Transform, parameters: readonly Parameter[]): Transform {
  return {
    ...optimizer,
    update: (slots, step) =>
      optimizer.update(
        slots.filter(({ parameter }) => !parameters.includes(parameter)),
        step,
      ),
  };
}

function foldingOf({ weight, bias, runningVariance }: BatchNorm): Folding {
  return {
    ...{ gain: weight.data, gainGradient: weight.grad, shift: bias.data },
    ...{ variance: runningVariance.data as Float32Array, epsilon: BATCH_NORM_EPSILON },
  };
}
