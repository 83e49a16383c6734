/** Turns the words of a recipe into the methods that they name. */

import { type Pattern, parsePattern } from "../../core/sparse/pattern.ts";
import { activationMethods } from "../../core/sparsity/methods/activations/methods.ts";
import type { MethodFactory } from "../../core/sparsity/methods/define-method.ts";
import { inputGradMethods } from "../../core/sparsity/methods/input-grad/methods.ts";
import type { WeightMethod } from "../../core/sparsity/methods/method.ts";
import { unstructuredMethods } from "../../core/sparsity/methods/unstructured/methods.ts";
import type { UnstructuredMethod } from "../../core/sparsity/methods/unstructured/unstructured-method.ts";
import { weightGradMethods } from "../../core/sparsity/methods/weight-grad/methods.ts";
import { dense } from "../../core/sparsity/methods/weights/dense.ts";
import { weightMethods } from "../../core/sparsity/methods/weights/methods.ts";
import type { Operands, OperandsByLayer } from "../../core/sparsity/plan.ts";
import type { MethodChoice, OperandChoice, Recipe } from "./recipe.ts";

type ChosenMethods = Pick<Recipe, "method" | "spatialBranches" | "activations" | "inputGrad" | "weightGrad">;

/** The method without a pattern that a recipe names; null if it names one of another kind. */
export function unstructuredMethodOf({ method }: Pick<Recipe, "method">): UnstructuredMethod | null {
  return made(unstructuredMethods, method) ?? null;
}

/**
 * The N:M method for weights that a recipe names; dense for a method without a pattern, which acts outside of the
 * products.
 */
export function weightMethodOf({ method, spatialBranches }: Pick<Recipe, "method" | "spatialBranches">): WeightMethod {
  const chosen = made(weightMethods, method) ?? dense();
  return spatialBranches ? { ...chosen, spatialBranches } : chosen;
}

/** The operands that a recipe asks for in each layer, by the name of its weight; its `layers` take precedence. */
export function operandsByLayer(recipe: ChosenMethods & Pick<Recipe, "layers">): OperandsByLayer {
  const all = operandsOf(recipe);
  const own = Object.entries(recipe.layers).map(
    ([part, choices]) => [part, operandsOf({ ...recipe, ...choices } as ChosenMethods)] as const,
  );
  return {
    all,
    parts: own.map(([part]) => part),
    of: (name) => own.find(([part]) => name.includes(part))?.[1] ?? all,
  };
}

/** The operands that a recipe asks for. */
export function operandsOf(recipe: ChosenMethods): Operands {
  const { method, activations, inputGrad, weightGrad } = recipe;
  const sparse = weightMethods.some((one) => one.sparse && one.name === method.name);
  const pattern = (own: string | undefined): Pattern => parsePattern(own ?? method.pattern ?? "2:4");
  const ofActivations = made(activationMethods, activations);
  const ofInputGrad = made(inputGradMethods, inputGrad);
  const ofWeightGrad = made(weightGradMethods, weightGrad);
  const fixed = ofWeightGrad?.operand === "activations" ? ofWeightGrad.pattern : undefined;
  return {
    forward: sparse ? { method: weightMethodOf(recipe), pattern: pattern(method.pattern) } : null,
    activations: ofActivations === undefined ? null : { method: ofActivations, pattern: patternOfActivations(recipe) },
    inputGrad: ofInputGrad === undefined ? null : { method: ofInputGrad, pattern: pattern(inputGrad.pattern) },
    weightGrad:
      ofWeightGrad === undefined ? null : { method: ofWeightGrad, pattern: fixed ?? pattern(weightGrad.pattern) },
  };
}

/**
 * The pattern of the activations. Default: that of the weights, without vectors, which would share a mask between rows.
 */
function patternOfActivations({ method, activations }: ChosenMethods): Pattern {
  if (activations.pattern !== undefined) return parsePattern(activations.pattern);
  return { ...parsePattern(method.pattern ?? "2:4"), v: 1 };
}

/**
 * The method that a choice names, with the other keys of the choice as options; undefined if no method of the table has
 * the name.
 */
function made<Method>(
  methods: readonly MethodFactory<Method>[],
  { name: chosen, pattern, ...options }: MethodChoice | OperandChoice,
): Method | undefined {
  return methods.find(({ name }) => name === chosen)?.(options);
}
