import type { Recipe } from "./recipe.ts";

/** What a run is called: its strategy, its method, or of dense weights under penalties what these zero. */
export function nameOf({
  strategy,
  method,
  regularise = [],
}: Pick<Recipe, "strategy" | "method" | "regularise">): string {
  if (strategy !== undefined) return strategy.name;
  if (method.name !== "dense" || regularise.length === 0) return method.name;
  const structures = [...new Set(regularise.map(({ structure }) => structure.replace(" ", "-")))].join("+");
  const lambdas = [...new Set(regularise.map(({ lambda, smallest }) => lambda ?? `smallest-${smallest}`))];
  return `ssl-${structures}${lambdas.length === 1 ? `@${lambdas[0]}` : ""}`;
}
