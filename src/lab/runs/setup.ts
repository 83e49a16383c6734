/**
 * Makes what a run needs before its first step: from the recipe, the model with its weights, the operands that shall be
 * sparse, the plan, and the session that holds them.
 */
import type { Task } from "../../core/data/dataset.ts";
import { expected } from "../../core/errors.ts";
import type { InitOptions } from "../../core/nn/init-options.ts";
import type { Module } from "../../core/nn/module.ts";
import { normalizedConvs } from "../../core/nn/spatial-branch.ts";
import { type Pattern, parsePattern } from "../../core/sparse/pattern.ts";
import { Dispatcher } from "../../core/sparsity/dispatcher.ts";
import { type MultiplyingWeight, multiplyingWeights, traceProducts } from "../../core/sparsity/layers.ts";
import type { UnstructuredMethod } from "../../core/sparsity/methods/unstructured/unstructured-method.ts";
import { PatternSparsifier } from "../../core/sparsity/pattern-sparsifier.ts";
import {
  type Compute,
  type OperandsByLayer,
  type PlannedLayer,
  planLayers,
  type Timer,
} from "../../core/sparsity/plan.ts";
import { Session } from "../../core/sparsity/session.ts";
import type { Sparsifier } from "../../core/sparsity/sparsifier.ts";
import { asksForSparse, requireSparse } from "../../core/sparsity/sparsify.ts";
import { UnstructuredSparsifier, withUnstructured } from "../../core/sparsity/unstructured-sparsifier.ts";
import type { Shape } from "../../core/tensor/tensor.ts";
import { buildModel, inputOf } from "../recipes/architecture.ts";
import { operandsByLayer, unstructuredMethodOf } from "../recipes/operands.ts";
import type { Recipe } from "../recipes/recipe.ts";
import { penaltiesOf } from "../recipes/regularizers.ts";

export interface Setup {
  readonly recipe: Recipe;
  readonly model: Module;
  /** The weights of the model that multiply. */
  readonly weights: readonly MultiplyingWeight[];
  /** The operands that shall be sparse. */
  readonly operands: OperandsByLayer;
  /** The method that zeroes weights without a pattern; null if there is none. */
  readonly masking: UnstructuredMethod | null;
  /** Shape of one input, without the batch, and the number of inputs that a step multiplies. */
  readonly input: { readonly shape: Shape; readonly count: number };
}

/** How products are computed. */
export interface PlanOptions {
  /** Default "sparse". "auto" needs a dispatcher. */
  readonly compute?: Compute | undefined;
  /** Where times come from. */
  readonly dispatcher?: Timer | undefined;
}

/**
 * Builds the model of a recipe, with first weights drawn from init's generator. Throws if the model does not fit the
 * task.
 */
export function setUp(recipe: Recipe, task: Task, init: InitOptions): Setup {
  const model = buildModel(recipe.model, task, init);
  return {
    ...{ recipe, model, weights: multiplyingWeights(model), operands: operandsByLayer(recipe) },
    ...{ masking: unstructuredMethodOf(recipe), input: inputOf(recipe, task) },
  };
}

/** The plan of a run. Throws if what its recipe asks for fits no layer. */
export function planOf(setup: Setup, options: PlanOptions = {}): PlannedLayer[] {
  const { recipe, weights, operands, masking } = setup;
  const plan = planPatterns(setup, options);
  if (masking === null) return plan;
  // other sparse operands have plans of their own
  const compresses = options.compute !== "emulated" && !asksForSparse(operands, weights);
  return withUnstructured(plan, weights, recipe.skip, masking.name, compresses);
}

function planPatterns(setup: Setup, { compute = "sparse", dispatcher }: PlanOptions): PlannedLayer[] {
  const { recipe, model, weights, operands, input } = setup;
  if (!asksForSparse(operands, weights)) return planLayers(weights, operands);
  const { leaveDense } = recipe;
  const timer = dispatcher ?? (leaveDense === "slower" ? new Dispatcher(weights[0].weight.device.kernels) : undefined);
  const plan = planLayers(weights, operands, {
    compute,
    products: traceProducts(model, input.shape, input.count, weights),
    ...{ skip: recipe.skip, leaveDense, remainder: recipe.remainder },
    ...(timer === undefined ? {} : { dispatcher: timer }),
  });
  const { name, pattern } = recipe.method;
  // that nothing gains is an answer
  if (leaveDense !== undefined && plan.some(({ eligible }) => eligible)) return withBranches(plan, operands, model);
  requireSparse(plan, pattern === undefined ? `method ${name}` : `pattern ${pattern}`);
  return withBranches(plan, operands, model);
}

/** The plan with a note for each branch, which takes the time of its layer once more. */
function withBranches(plan: readonly PlannedLayer[], operands: OperandsByLayer, model: Module): PlannedLayer[] {
  const paths = new Set(normalizedConvs(model).map(({ path }) => `${path}.weight`));
  const { forward: all } = operands.all;
  if (all?.method.spatialBranches === true && paths.size === 0) {
    const todo = "Choose the model cnn or resnet, or the method alone";
    throw expected(`branches of ${all.method.name}`, "a 3x3 convolution with a batch norm behind it", "none", todo);
  }
  return plan.map((layer) => {
    const asked = operands.of(layer.name).forward?.method.spatialBranches === true;
    if (!asked || layer.pattern === null || !paths.has(layer.name)) return layer;
    const { forward } = layer.products;
    const products = { ...layer.products, forward: { ...forward, reason: `${forward.reason}; twice, with a branch` } };
    return { ...layer, products };
  });
}

/** Makes a kind of sparsifier that a run may have; null if its recipe does not ask for it. */
type SparsifierSource = (setup: Setup, plan: readonly PlannedLayer[], steps: number) => Sparsifier | null;

/** The kinds of sparsifiers, the innermost first: the last one sees the finished gradient first. */
const SPARSIFIERS: readonly SparsifierSource[] = [
  ({ recipe, model, weights }, _plan, steps) => penaltiesOf(recipe, model, weights, steps),
  ({ recipe: { seed }, model, weights, masking }, plan, steps) =>
    masking === null ? null : UnstructuredSparsifier.of(model, weights, plan, masking, { steps, seed }),
  ({ recipe: { seed, phases, remainder, keepZeros }, model, weights, operands }, plan, steps) =>
    asksForSparse(operands, weights)
      ? new PatternSparsifier(model, weights, operands, plan, { steps, seed, phases, remainder, keepZeros })
      : null,
];

/** Puts the model under what its recipe asks for, for a run of this many steps. */
export function sessionOf(setup: Setup, plan: readonly PlannedLayer[], steps: number): Session {
  const sparsifiers = SPARSIFIERS.flatMap((source) => source(setup, plan, steps) ?? []);
  return new Session(setup.model, setup.weights, plan, sparsifiers);
}

/**
 * The patterns of a dense run's virtual masks, by the names of the layers that would be sparse; empty if there are
 * none.
 */
export function virtualPatterns({ recipe, weights }: Setup): Map<string, Pattern> {
  const { virtual } = recipe.monitor;
  if (virtual === undefined) return new Map();
  const operands = operandsByLayer({ ...recipe, method: { name: "ste", pattern: virtual } });
  const plan = planLayers(weights, operands, { compute: "sparse", skip: recipe.skip });
  return new Map(
    plan.flatMap(({ name, pattern }) => (pattern === null ? [] : [[name, parsePattern(pattern)] as const])),
  );
}
