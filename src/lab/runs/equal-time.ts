/**
 * Numbers of steps with which runs take equal time. Equal steps ask what sparsity costs; equal time asks what a user
 * gets, because a faster step buys more of them, each with a schedule that ends where the run does.
 */
import type { Dataset } from "../../core/data/dataset.ts";
import type { Device } from "../../core/tensor/device.ts";
import type { Recipe } from "../recipes/recipe.ts";
import { quartiles } from "../statistics/quartiles.ts";
import { Run, type RunOptions } from "./run.ts";

/** A trial of the whole run in a tenth of its steps, but within these. */
const MOST_TRIAL_STEPS = 64;
const LEAST_TRIAL_STEPS = 24;
/**
 * Steps before those. They count once: in the first steps memory is taken, and some methods measure the weights that they
 * begin with.
 */
const WARM_UP = 4;
/** A trial is cut into so many parts, each of which counts by its median step. */
const PARTS = 8;

/** A recipe with the number of steps that fits. */
export interface Fitted {
  readonly recipe: Recipe;
  readonly steps: number;
  /** Time of a step of the first recipe / of this one, means over a run without its first steps. */
  readonly ratio: number;
}

/**
 * Gives every recipe as many steps as take the time of the first one, which keeps its own. The times are measured in
 * short trials of whole runs, so that phases in which a method is dense or prunes count by their shares; rounds are in
 * turn, and what fails to fit in a median, such as a pause of the machine, does not count. The first steps count once, as
 * they are. Nothing of a trial remains.
 */
export async function fitToTime(
  recipes: readonly Recipe[],
  data: Dataset,
  device: Device,
  options: Pick<RunOptions, "compute" | "dispatcher"> = {},
): Promise<Fitted[]> {
  const { steps } = new Run(recipes[0], data, device, options);
  const trialSteps = Math.min(MOST_TRIAL_STEPS, Math.max(LEAST_TRIAL_STEPS, Math.round(steps / 10)));
  const trials = recipes.map((recipe) => {
    const monitor = { ...recipe.monitor, every: 0, masks: 0 };
    return new Run({ ...withSteps(recipe, WARM_UP + trialSteps), monitor }, data, device, options);
  });
  const times: number[][] = trials.map(() => []);
  for (let step = 0; step < WARM_UP + trialSteps; step++) {
    trials.forEach((run, i) => {
      times[i].push(run.advance().ms);
    });
    await new Promise((resolve) => setImmediate(resolve));
  }
  const [first, ...others] = times.map(costOf);
  return recipes.map((recipe, i) => {
    if (i === 0) return { recipe, steps, ratio: 1 };
    const cost = others[i - 1];
    const own = stepsWithin(first, steps, cost);
    return { recipe: withSteps(recipe, own), steps: own, ratio: first.step / cost.step };
  });
}

/** Milliseconds of a mean step, and what the first steps took beyond that. */
interface Cost {
  readonly start: number;
  readonly step: number;
}

/** The number of steps of cost `own` that take the time of `steps` of cost `base`; at least one. */
export function stepsWithin(base: Cost, steps: number, own: Cost): number {
  return Math.max(1, Math.round((base.start - own.start + base.step * steps) / own.step));
}

/** The cost of the steps of a trial, whose first ones begin a run. */
export function costOf(ms: readonly number[]): Cost {
  const step = timeOfRun(ms.slice(WARM_UP)) / Math.min(PARTS, ms.length - WARM_UP);
  return { start: ms.slice(0, WARM_UP).reduce((sum, one) => sum + one - step, 0), step };
}

/** Sum over parts of the run of the median step; milliseconds, up to a factor that all runs share. */
export function timeOfRun(ms: readonly number[]): number {
  const parts = Math.min(PARTS, ms.length);
  const bounds = Array.from({ length: parts + 1 }, (_, i) => Math.round((i * ms.length) / parts));
  return bounds.slice(1).reduce((sum, to, i) => sum + quartiles(ms.slice(bounds[i], to)).median, 0);
}

function withSteps({ epochs: _, ...recipe }: Recipe, steps: number): Recipe {
  return { ...recipe, steps };
}
