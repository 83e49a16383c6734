import type { Dataset } from "../../core/data/dataset.ts";
import type { Device } from "../../core/tensor/device.ts";
import type { Recipe } from "../recipes/recipe.ts";
import type { Bench, Scale } from "./claim.ts";

/**
 * For claims that train within their measurements: runs one trial for each seed and returns their results, which are
 * plain data that all measurements share. The folder keeps a trial that is done.
 */
export function trials<T>(
  recipes: Readonly<Record<Scale, object>>,
  trial: (recipe: Recipe, data: Dataset, device: Device) => T,
): (bench: Bench) => Promise<readonly T[]> {
  const found = new WeakMap<Bench, Promise<readonly T[]>>();
  const all = async (bench: Bench): Promise<readonly T[]> => {
    const results: T[] = [];
    // one after the other: training does not yield, so trials that ran together would all be saved only at the end
    for (const seed of bench.seeds) {
      const given = { ...recipes[bench.scale], seed };
      const one = await bench.kept(given, async () => {
        const { recipe, data } = await bench.load(given);
        return trial(recipe, data, bench.device);
      });
      results.push(one);
    }
    return results;
  };
  return (bench) => {
    const known = found.get(bench) ?? all(bench);
    found.set(bench, known);
    return known;
  };
}
