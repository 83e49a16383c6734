/** A plan as a file: what a run folder keeps as plan.json, and what `train --plan` reads. */
import { PRODUCTS } from "../../core/backend/families/products.ts";
import { expected } from "../../core/errors.ts";
import type { PlannedLayer } from "../../core/sparsity/plan.ts";
import { readJson } from "./json-file.ts";

/** Reads a plan. Throws where it is none. Plans of version 0.1 are read as those of today. */
export function readPlan(file: string): readonly PlannedLayer[] {
  const plan = readJson("plan", file);
  const layers = Array.isArray(plan) ? plan.map(currentLayer) : null;
  if (layers === null || layers.some((layer) => layer === null)) {
    throw expected(file, "a plan as train wrote it", "something else", "Copy it back, or begin the run anew");
  }
  return layers as PlannedLayer[];
}

interface FormerLayer {
  readonly routes: Record<string, string>;
  readonly products: Record<string, { readonly route: string }>;
}

const currentWord = (word: string): string => (word === "masked" ? "emulated" : word);

/** A layer in the words of today; null: it is none. */
function currentLayer(layer: unknown): PlannedLayer | null {
  if (typeof layer !== "object" || layer === null) return null;
  const { computed } = layer as Partial<PlannedLayer>;
  if (computed !== undefined)
    return PRODUCTS.every((product) => typeof computed[product] === "string") ? (layer as PlannedLayer) : null;
  const { routes, products, ...rest } = layer as Partial<FormerLayer>;
  if (routes === undefined || products === undefined) return null;
  const wordsOf = (words: Record<string, string>): Record<string, string> =>
    Object.fromEntries(Object.entries(words).map(([product, word]) => [product, currentWord(word)]));
  return {
    ...rest,
    eligible: (rest as { pattern?: unknown }).pattern !== null,
    computed: wordsOf(routes),
    products: Object.fromEntries(
      Object.entries(products).map(([product, { route, ...planned }]) => [
        product,
        { ...planned, computed: currentWord(route), emulatedMs: null },
      ]),
    ),
  } as unknown as PlannedLayer;
}

/**
 * The plan of a file in the place of the one that was made now: how products are computed is taken over, and which layers stay
 * dense by measurement. What is pruned by which pattern must be the same: a plan changes no promise.
 */
export function withPlan(
  made: readonly PlannedLayer[],
  given: readonly PlannedLayer[],
  file: string,
  leavesSlower: boolean,
): readonly PlannedLayer[] {
  const refuse = (wanted: string, got: string): Error =>
    expected(file, wanted, got, "Take the plan.json of a run of the same model and method, or leave --plan out");
  const names = (layers: readonly PlannedLayer[]): string => layers.map(({ name }) => name).join(", ");
  if (names(made) !== names(given)) throw refuse(`a plan for ${names(made)}`, names(given));
  return made.map((layer, i) => {
    const other = given[i];
    const leftDense = leavesSlower && other.eligible && other.pattern === null;
    if (leftDense) return other;
    for (const product of PRODUCTS) {
      const text = ({ products }: PlannedLayer): string => {
        const { operand, method, pattern } = products[product];
        return operand === null ? "dense" : `${operand} by ${method} ${pattern}`;
      };
      if (text(layer) !== text(other)) throw refuse(`${layer.name}, ${product}: ${text(layer)}`, text(other));
    }
    return other;
  });
}
