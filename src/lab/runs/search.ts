/**
 * Chooses values of a recipe, such as the learning rate or the strength of a decay, on the validation split: the test split
 * is never looked at, and dense gets the same search as every sparse method.
 */
import type { Dataset } from "../../core/data/dataset.ts";
import { expected, TrisparseError } from "../../core/errors.ts";
import type { Device } from "../../core/tensor/device.ts";
import { valueAt, withValueAt } from "../recipes/paths.ts";
import { parseRecipe, type Recipe } from "../recipes/recipe.ts";
import { Run, type RunOptions } from "./run.ts";

/** Values to try, by the path of their key, such as "optimizer.learningRate". */
export type Grid = Readonly<Record<string, readonly unknown[]>>;

/** One training of a search. */
export interface Trial {
  readonly values: Readonly<Record<string, unknown>>;
  /** Loss on the validation split at the end; null if training did not get there with a finite loss. */
  readonly loss: number | null;
}

/** A recipe with the values that were chosen for it, and all that was tried; one trial is not run. */
export interface Searched {
  readonly recipe: Recipe;
  readonly chosen: Readonly<Record<string, unknown>>;
  readonly trials: readonly Trial[];
}

/** The combinations of a grid for a recipe: keys that its method does not have are left out. */
export function combinations(recipe: Recipe, grid: Grid): Record<string, unknown>[] {
  return Object.entries(grid)
    .filter(([key]) => valueAt(recipe, key) !== undefined)
    .reduce<Record<string, unknown>[]>(
      (all, [key, values]) => all.flatMap((one) => values.map((value) => ({ ...one, [key]: value }))),
      [{}],
    );
}

/**
 * Trains the recipe whole with each combination, with its own seed, and takes that of the least loss on the validation
 * split. Throws if there is no such split, or if none of them ends with a finite loss.
 */
export async function search(
  recipe: Recipe,
  grid: Grid,
  data: Dataset,
  device: Device,
  options: Pick<RunOptions, "compute" | "dispatcher"> = {},
): Promise<Searched> {
  const all = combinations(recipe, grid).map((values) => ({ values, recipe: withValues(recipe, values) }));
  if (all.length === 1) return { recipe: all[0].recipe, chosen: all[0].values, trials: [] };
  const trials: Trial[] = [];
  for (const one of all) trials.push({ values: one.values, loss: await trialLoss(one.recipe, data, device, options) });
  const best = trials.reduce((a, b, i) => ((b.loss ?? Infinity) < (trials[a].loss ?? Infinity) ? i : a), 0);
  if (trials[best].loss === null) {
    const got = `none of ${trials.map(({ values }) => JSON.stringify(values)).join(", ")}`;
    throw expected(`search, ${recipe.method.name}`, "a run that ends with a finite loss", got, "Try smaller values");
  }
  return { recipe: all[best].recipe, chosen: all[best].values, trials };
}

function withValues(recipe: Recipe, values: Readonly<Record<string, unknown>>): Recipe {
  const changed = Object.entries(values).reduce<unknown>((one, [key, value]) => withValueAt(one, key, value), recipe);
  return parseRecipe(changed, `search, ${recipe.method.name}`);
}

async function trialLoss(
  recipe: Recipe,
  data: Dataset,
  device: Device,
  options: Pick<RunOptions, "compute" | "dispatcher">,
): Promise<number | null> {
  const run = new Run({ ...recipe, monitor: { ...recipe.monitor, every: 0, masks: 0 } }, data, device, options);
  try {
    while (!run.done) {
      run.advance();
      await new Promise((resolve) => setImmediate(resolve));
    }
  } catch (error) {
    // it diverged; an error in the program itself must be seen
    if (!(error instanceof TrisparseError)) throw error;
    return null;
  }
  const { loss } = run.evaluate("validation");
  return Number.isFinite(loss) ? loss : null;
}
