/** `trisparse train` and `trisparse resume`. */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { loadavg } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import type { Dataset } from "../core/data/dataset.ts";
import type { SavedState } from "../core/nn/state.ts";
import type { Device } from "../core/tensor/device.ts";
import { parseRecipe } from "../lab/recipes/recipe.ts";
import { comparisonText, recipeText } from "../lab/report/table.ts";
import { isComparison, openComparison } from "../lab/runs/compare.ts";
import { checkVacant, RunFolder, readJson, writeJson } from "../lab/runs/run-folder.ts";
import { machineOf, trainTogether } from "../lab/runs/together.ts";
import { readWeights } from "../lab/runs/weights.ts";
import { readFile } from "../node/files.ts";
import { checkFits, defaultFolder, failUnverified, finishComparison } from "./compare.ts";
import {
  backendOption,
  checkJson,
  jsonOption,
  type MachineOptions,
  type MonitorOptions,
  monitored,
  monitorOption,
  openDevice,
  precisionOption,
  type RouteOptions,
  routeOption,
  routesOf,
  threadsOption,
  wholeNumber,
} from "./options.ts";
import { writeOutput } from "./output.ts";
import { dataText, loadDataOf, withProgress } from "./progress.ts";
import { asUsage, usageError } from "./usage.ts";

interface TrainOptions extends MachineOptions, RouteOptions, MonitorOptions {
  readonly dataDir?: string;
  readonly seed?: number;
  readonly out?: string;
  readonly from?: string;
}

export function addTrain(program: Command): void {
  program
    .command("train <recipe>")
    .summary("one run from a recipe file")
    .description(
      "Trains one run from a recipe, a JSON file: recipes/ holds some, recipes/schema.json says what may be in it.",
    )
    .option("--data-dir <folder>", "the folder of the data set's files (default: the recipe's, else fetched once)")
    .option("--seed <number>", "in place of the recipe's", wholeNumber("seed", 0))
    .option("--from <weights>", "begin with these: a run, a compressed model, or a safetensors file (default: drawn)")
    .option("--out <folder>", "a new folder for the run (default: runs/<date and time>)")
    .addOption(monitorOption)
    .addOption(routeOption)
    .addOption(threadsOption)
    .addOption(backendOption)
    .addOption(precisionOption)
    .addOption(jsonOption)
    .action(train);
}

async function train(file: string, options: TrainOptions): Promise<void> {
  const written = asUsage(() => parseRecipe(readJson("recipe", file), file));
  const recipe = {
    ...monitored(written, options),
    data: options.dataDir === undefined ? written.data : { ...written.data, dir: options.dataDir },
    seed: options.seed ?? written.seed,
  };
  const out = options.out ?? defaultFolder();
  asUsage(() => checkVacant("--out", out));
  checkJson(options);
  const given = options.from === undefined ? null : readStart(options.from);
  const device = openDevice(options, recipe);
  const data = await loadDataOf(recipe);
  checkFits(recipe, data, given?.start);
  const folder = RunFolder.create(out, recipe);
  if (given !== null) writeJson(join(out, "start.json"), { from: given.file, sha256: given.sha256 });
  process.stderr.write(`${dataText(data)}; run in ${out}\n`);
  await finishRun(folder, options, data, device, given?.start);
}

/** Weights of a folder that train or compress wrote, or of a file. */
function readStart(path: string): { file: string; start: SavedState; sha256: string } {
  const own = join(path, "weights.safetensors");
  const isFolder = existsSync(join(path, "recipe.json"));
  if (isFolder && !existsSync(own))
    throw usageError("--from", "a run that is done", `${path} without its weights`, `First: trisparse resume ${path}`);
  const file = isFolder ? own : path;
  return asUsage(() => {
    const bytes = readFile("--from", file);
    const start = readWeights(bytes, file);
    for (const [name, { data }] of start) checkFinite(name, data);
    return { file, start, sha256: createHash("sha256").update(bytes).digest("hex") };
  });
}

/** One value that is no number would spoil all others. */
function checkFinite(name: string, data: ArrayLike<number | bigint>): void {
  if (Array.prototype.every.call(data, (value) => Number.isFinite(Number(value)))) return;
  const wrong = `${name} with a value that is not finite`;
  throw usageError("--from", "tensors of finite numbers", wrong, "Write the file anew from the trained model");
}

export function addResume(program: Command): void {
  program
    .command("resume <folder>")
    .summary("go on with a run or a comparison from its last checkpoint")
    .description("Goes on with what train or compare began, from the last checkpoint, to the same weights bit for bit.")
    .option("--data-dir <folder>", "the folder of the data set's files now (default: as before)")
    .addOption(threadsOption)
    .addOption(backendOption)
    .addOption(precisionOption)
    .addOption(jsonOption)
    .action(resume);
}

async function resume(path: string, options: TrainOptions): Promise<void> {
  if (!isComparison(path) && !existsSync(join(path, "recipe.json"))) {
    throw usageError(
      "resume",
      "the folder of a run or a comparison",
      existsSync(path) ? `${path}, which is none` : `${path}, which does not exist`,
      "Name the folder that train or compare wrote (by default in runs/)",
    );
  }
  checkJson(options);
  const folder = isComparison(path) ? openComparison(path)[0] : RunFolder.open(path);
  const { recipe } = folder;
  const device = openDevice(options, recipe);
  const dir = options.dataDir ?? recipe.data.dir;
  const data = await loadDataOf({ ...recipe, data: { ...recipe.data, ...(dir === undefined ? {} : { dir }) } });
  if (isComparison(path)) await finishComparison(path, options, data, device);
  else await finishRun(folder, options, data, device);
}

async function finishRun(
  folder: RunFolder,
  options: TrainOptions,
  data: Dataset,
  device: Device,
  start?: SavedState,
): Promise<void> {
  const load = loadavg()[0];
  const name = recipeText(folder.recipe);
  const runs = await withProgress([name], folder.path, (observer) =>
    trainTogether([folder], data, device, { ...observer, ...routesOf(options, device), start }),
  );
  const machine = machineOf(device, load);
  writeJson(join(folder.path, "machine.json"), machine);
  writeOutput(options.json, { machine, recipe: folder.recipe, runs }, comparisonText(runs, machine));
  failUnverified(runs);
}
