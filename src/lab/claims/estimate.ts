/** How long the trainings of a reproduction will take, before they begin. */
import type { Device } from "../../core/tensor/device.ts";
import { parseRecipe, type Recipe } from "../recipes/recipe.ts";
import { Run } from "../runs/run.ts";
import { quartiles } from "../statistics/quartiles.ts";
import type { Place } from "./bench-of.ts";
import type { Claim } from "./claim.ts";
import { dataOf, withData } from "./runs.ts";
import type { Job } from "./spread.ts";

const STEPS = 4;

/**
 * Seconds that one process needs for the jobs: their steps by the median time of a dense step of the same model and
 * batch, which is measured here. It is good to a factor of two: sparse steps, evaluations and regularizers differ.
 */
export async function estimate(
  jobs: readonly Job[],
  claims: readonly Claim[],
  device: Device,
  place: Place,
): Promise<number> {
  const perStep = new Map<string, { ms: number; stepsPerEpoch: number }>();
  let total = 0;
  for (const { claim, recipe: own, seed } of jobs) {
    const trials = claims.find(({ name }) => name === claim)?.trials;
    const recipe = own ?? parseRecipe({ ...trials!.recipes[place.scale], seed }, claim);
    const { model, batchSize, data } = recipe;
    const key = JSON.stringify({ model, batchSize, data });
    const known = perStep.get(key) ?? (await timed(recipe, device, place));
    perStep.set(key, known);
    const steps = recipe.steps ?? recipe.epochs! * known.stepsPerEpoch;
    total += (known.ms * steps * (own === null ? trials!.trainings : 1)) / 1000;
  }
  return total;
}

async function timed(
  { strategy: _, regularize: __, ...recipe }: Recipe,
  device: Device,
  { dataDir }: Place,
): Promise<{ ms: number; stepsPerEpoch: number }> {
  const none = { name: "dense" };
  const dense = parseRecipe({
    ...{ ...recipe, method: none, activations: none, inputGrad: none, weightGrad: none, layers: {} },
    ...{ spatialBranches: false, phases: {} },
  });
  const run = new Run(dense, await dataOf(withData(dense, dataDir)), device);
  const times = Array.from({ length: 1 + STEPS }, () => run.advance().ms);
  return { ms: quartiles(times.slice(1)).median, stepsPerEpoch: run.batches.stepsPerEpoch };
}
