/** The runs of claims: each has a folder named after its recipe, which claims with the same run share. */
import { createHash } from "node:crypto";
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Dataset } from "../../core/data/dataset.ts";
import type { Device } from "../../core/tensor/device.ts";
import { loadData, sources } from "../data/sources.ts";
import type { Recipe } from "../recipes/recipe.ts";
import { RunFolder, readResult } from "../runs/run-folder.ts";
import { type RunResult, trainTogether } from "../runs/together.ts";

/** The seeds of `count` runs: 1, 2, ... */
export function seedsUpTo(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i + 1);
}

/** The folder of a recipe's run within that of the reproduction. */
export function folderOf(recipe: Recipe): string {
  return join("runs", runName(recipe));
}

/** The recipe with the folder of its data set: DIR/NAME, DIR/images/NAME or DIR/text. */
export function withData(recipe: Recipe, dir: string | undefined): Recipe {
  if (dir === undefined || recipe.data.dir !== undefined || sources[recipe.data.name].isMade) return recipe;
  // without a file, the text is generated
  if (recipe.data.name === "text" && recipe.data.file === undefined) return recipe;
  const { name } = recipe.data;
  const found = [join(dir, name), join(dir, "images", name)].find((path) => existsSync(path));
  return { ...recipe, data: { ...recipe.data, dir: found ?? join(dir, name) } };
}

/** The name of a run's folder: it depends on everything that the run depends on, but not on where its data are. */
export function runName({ about: _, data: { dir: __, ...data }, ...rest }: Recipe): string {
  const hash = createHash("sha256")
    .update(JSON.stringify({ ...rest, data }))
    .digest("hex")
    .slice(0, 10);
  const { name } = rest.strategy ?? rest.method;
  return `${data.name}-${rest.model.name}-${name}-${rest.seed}-${hash}`;
}

export function dataOf({ data: { name, dir, file, shuffled, limit, validation }, seed }: Recipe): Promise<Dataset> {
  return loadData(name, { dir, file, seed, shuffled, limit, validation });
}

/** The result of the recipe in its folder: read there, or trained from its last checkpoint. */
export async function finishedRun(path: string, recipe: Recipe, device: Device): Promise<RunResult> {
  const file = join(path, "result.json");
  if (!existsSync(file)) {
    const data = await dataOf(recipe);
    const folder = existsSync(join(path, "recipe.json")) ? RunFolder.open(path) : RunFolder.create(path, recipe);
    await trainTogether([folder], data, device, { compute: "sparse" });
    // hundreds of runs: what is left is what reports read
    for (const large of ["checkpoint.safetensors", "weights.safetensors"]) rmSync(join(path, large), { force: true });
  }
  return readResult("run", file) as RunResult;
}
