/** Sparse products for a model that is trained without a recipe. */

import { PRODUCTS } from "../backend/families/products.ts";
import { expected } from "../errors.ts";
import type { Module } from "../nn/module.ts";
import { type Pattern, parsePattern, patternName } from "../sparse/pattern.ts";
import { multiplyingWeights } from "./layers.ts";
import type { InputGradMethod, WeightGradMethod, WeightMethod } from "./methods/method.ts";
import { inAllLayers, type PlannedLayer, planLayers } from "./plan.ts";
import { Sparsity } from "./sparsity.ts";

export interface SparsifyOptions {
  /** "2:4", "1:4v2", ... */
  readonly pattern: string;
  /** Steps of the whole run: methods with phases count in shares of it. */
  readonly steps: number;
  /** Makes inputGrad sparse too; its pattern is the weight's unless another is given. */
  readonly inputGrad?: InputGradMethod | undefined;
  readonly inputGradPattern?: string | undefined;
  /** The same for weightGrad. */
  readonly weightGrad?: WeightGradMethod | undefined;
  readonly weightGradPattern?: string | undefined;
  /** Of samples of gradients. Default 1. */
  readonly seed?: number | undefined;
}

/** Throws unless the plan makes some product sparse, naming each layer's reason. */
export function requireSparse(layers: readonly PlannedLayer[], what: string): void {
  const asked = layers.some(({ products }) => PRODUCTS.some((product) => products[product].operand !== null));
  if (asked) return;
  const reasons = layers.map(({ name, reason }) => `${name}: ${reason}`).join("; ");
  throw expected(
    what,
    "at least one layer that it fits",
    reasons === "" ? "a model without products" : reasons,
    "Choose another pattern, or layer widths that are multiples of its M",
  );
}

/**
 * Puts a model's products under methods, by the sparse routes. Call once a model, before training.
 * method: of the weights, null where they stay dense.
 */
export function sparsify(model: Module, method: WeightMethod | null, options: SparsifyOptions): Sparsity {
  const { steps, seed = 1, inputGrad, weightGrad } = options;
  const pattern = parsePattern(options.pattern);
  const patternOr = (text: string | undefined): Pattern => (text === undefined ? pattern : parsePattern(text));
  const operands = inAllLayers({
    forward: method === null ? null : { method, pattern },
    // without an input nothing is known of what makes that of a layer
    activations: null,
    inputGrad: inputGrad === undefined ? null : { method: inputGrad, pattern: patternOr(options.inputGradPattern) },
    weightGrad: weightGrad === undefined ? null : { method: weightGrad, pattern: patternOr(options.weightGradPattern) },
  });
  const layers = planLayers(multiplyingWeights(model), operands);
  requireSparse(layers, `pattern ${patternName(pattern)}`);
  return new Sparsity(model, operands, layers, { steps, seed });
}
