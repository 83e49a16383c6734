import type { Recipe } from "./recipe.ts";

/** The name of a run: its strategy or its method; for dense weights under penalties, the structures that these zero. */
export function nameOf({
  strategy,
  method,
  regularize = [],
}: Pick<Recipe, "strategy" | "method" | "regularize">): string {
  if (strategy !== undefined) return strategy.name;
  if (method.name !== "dense" || regularize.length === 0) return method.name;
  const structures = [...new Set(regularize.map(({ structure }) => structure.replace(" ", "-")))].join("+");
  const lambdas = [...new Set(regularize.map(({ lambda, smallest }) => lambda ?? `smallest-${smallest}`))];
  return `ssl-${structures}${lambdas.length === 1 ? `@${lambdas[0]}` : ""}`;
}
