/** Divides a sparsity among layers. */

/** The budgets by their words in recipes; "global" ignores layers: all scores compete. */
export const BUDGETS = ["uniform", "erk", "global"] as const;
export type Budget = (typeof BUDGETS)[number];

/** A weight with its shape. */
interface Shaped {
  readonly shape: readonly number[];
}

/**
 * Erdos-Renyi-Kernel: the density of a layer is proportional to (sum of its dimensions) / (their product), so that
 * small layers stay denser. A layer for which that would be more than 1 is dense, and the others make up for it.
 * Source: Evci et al. 2020, section 3; their code makes the densest layer dense first, and so does this.
 */
export function erkDensities(layers: readonly Shaped[], density: number): number[] {
  const raw = layers.map(({ shape }) => shape.reduce((sum, length) => sum + length, 0) / sizeOf(shape));
  const sizes = layers.map(({ shape }) => sizeOf(shape));
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const isDense = layers.map(() => false);
  for (;;) {
    const sum = (of: (i: number) => number): number => sizes.reduce((all, _, i) => all + of(i), 0);
    const left = density * total - sum((i) => (isDense[i] ? sizes[i] : 0));
    const scale = left / sum((i) => (isDense[i] ? 0 : raw[i] * sizes[i]));
    const densest = Math.max(...raw.filter((_, i) => !isDense[i]));
    if (isDense.every((dense) => dense) || scale * densest <= 1)
      return raw.map((one, i) => (isDense[i] ? 1 : scale * one));
    raw.forEach((one, i) => {
      if (one === densest) isDense[i] = true;
    });
  }
}

/** Number of entries that each layer keeps. */
export function keptOfLayers(layers: readonly Shaped[], budget: "uniform" | "erk", sparsity: number): number[] {
  const densities = budget === "erk" ? erkDensities(layers, 1 - sparsity) : layers.map(() => 1 - sparsity);
  return layers.map(({ shape }, i) => Math.round(densities[i] * sizeOf(shape)));
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}
