/** `trisparse train` and `trisparse resume`. */
import { createHash } from "node:crypto";
import { cpSync, existsSync } from "node:fs";
import { loadavg } from "node:os";
import { join } from "node:path";
import { type Command, Option } from "commander";
import type { Dataset } from "../core/data/dataset.ts";
import type { SavedState } from "../core/nn/state.ts";
import { Random } from "../core/random.ts";
import type { Device } from "../core/tensor/device.ts";
import { parseRecipe } from "../lab/recipes/recipe.ts";
import { weakDecayText } from "../lab/recipes/weak-decay.ts";
import { comparisonText, recipeText } from "../lab/report/table.ts";
import { isComparison, openComparison } from "../lab/runs/compare.ts";
import { readJson } from "../lab/runs/json-file.ts";
import { readPlan, withPlan } from "../lab/runs/plan-file.ts";
import { checkVacant, RunFolder, writeResult } from "../lab/runs/run-folder.ts";
import { planOf, setUp } from "../lab/runs/setup.ts";
import { machineOf, trainTogether } from "../lab/runs/together.ts";
import { readWeights } from "../lab/runs/weights.ts";
import { readFile } from "../node/files.ts";
import { checkFits, defaultFolder, failUnverified, finishComparison } from "./compare.ts";
import {
  type ComputeOptions,
  computeOption,
  computingOf,
  jsonOption,
  leaveDenseOption,
  type MachineOptions,
  machineOptions,
  monitorOption,
  openDevice,
  outOption,
  trainingOptions,
  withOptions,
} from "./options.ts";
import { checkJson, type JsonOptions, writeOutput } from "./output.ts";
import { overridden, type RecipeOptions } from "./overrides.ts";
import { dataText, loadDataOf, withProgress } from "./progress.ts";
import { asUsage, usageError } from "./usage.ts";

interface TrainOptions extends MachineOptions, ComputeOptions, JsonOptions, RecipeOptions {
  readonly out?: string;
  readonly from?: string;
  readonly plan?: string;
}

export function addTrain(program: Command): void {
  const command = program
    .command("train <recipe>")
    .summary("Train one run from a recipe file.")
    .description(
      "Trains one run from a recipe, a JSON file: recipes/ holds some, recipes/schema.json says what may be in it.",
    );
  withOptions(
    command,
    ...trainingOptions(),
    new Option(
      "--from <weights>",
      "Begin with the weights of a run, a compressed model, or a safetensors file (default: drawn ones).",
    ),
    outOption("folder", "Make this new folder for the run (default: runs/<date and time>)."),
    new Option(
      "--plan <file>",
      "Compute products as this plan.json of another run of the model says, and measure nothing (default: a new plan).",
    ),
    monitorOption,
    computeOption,
    leaveDenseOption,
    ...machineOptions,
    jsonOption,
  ).action(train);
}

async function train(file: string, options: TrainOptions): Promise<void> {
  const recipe = asUsage(() => parseRecipe(overridden(readJson("recipe", file), options, file), file));
  const out = options.out ?? defaultFolder();
  asUsage(() => checkVacant("--out", out));
  checkJson(options);
  const given = options.from === undefined ? null : readStart(options.from);
  const plan = options.plan === undefined ? undefined : asUsage(() => readPlan(options.plan ?? ""));
  const device = openDevice(options, recipe);
  const data = await loadDataOf(recipe);
  const weak = weakDecayText(recipe, checkFits(recipe, data, given?.start));
  if (plan !== undefined) {
    const setup = setUp(recipe, data, { device, random: new Random(recipe.seed) });
    const leavesSlower = recipe.leaveDense === "slower";
    const made = asUsage(() =>
      planOf({ ...setup, recipe: { ...recipe, leaveDense: leavesSlower ? undefined : recipe.leaveDense } }),
    );
    asUsage(() => withPlan(made, plan, options.plan ?? "", leavesSlower));
  }
  const folder = RunFolder.create(out, recipe);
  if (plan !== undefined) folder.plan = plan;
  if (given !== null) writeResult(join(out, "start.json"), { from: given.file, sha256: given.sha256 });
  process.stderr.write(`${dataText(data)}; run in ${out}\n${weak === undefined ? "" : `${weak}\n`}`);
  await finishRun(folder, options, data, device, given?.start);
}

/** Reads weights from a folder that train or compress wrote, or from a file. */
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

/** Throws if an array holds a value that is no number, because one such value would spoil all others. */
function checkFinite(name: string, data: ArrayLike<number | bigint>): void {
  if (Array.prototype.every.call(data, (value) => Number.isFinite(Number(value)))) return;
  const wrong = `${name} with a value that is not finite`;
  throw usageError("--from", "tensors of finite numbers", wrong, "Write the file anew from the trained model");
}

export function addResume(program: Command): void {
  const command = program
    .command("resume <folder>")
    .summary("Go on with a run or a comparison from its last checkpoint.")
    .description(
      "Goes on with what train or compare began, from the last checkpoint, to the same weights bit for bit.",
    );
  withOptions(
    command,
    new Option("--data-dir <folder>", "Read the data set's files from this folder now (default: as before)."),
    outOption("folder", "Go on in a copy, this new folder, and leave the one that is named as it is."),
    ...machineOptions,
    jsonOption,
  ).action(resume);
}

async function resume(from: string, options: TrainOptions): Promise<void> {
  if (!isComparison(from) && !existsSync(join(from, "recipe.json"))) {
    throw usageError(
      "resume",
      "the folder of a run or a comparison",
      existsSync(from) ? `${from}, which is none` : `${from}, which does not exist`,
      "Name the folder that train or compare wrote (by default in runs/)",
    );
  }
  checkJson(options);
  const path = options.out ?? from;
  if (path !== from) {
    asUsage(() => checkVacant("--out", path));
    cpSync(from, path, { recursive: true });
  }
  const folder = isComparison(path) ? openComparison(path)[0] : RunFolder.open(path);
  const { recipe } = folder;
  const device = openDevice(options, recipe);
  if (isComparison(path)) return await finishComparison(path, options, device);
  const dir = options.dataDir ?? recipe.data.dir;
  const data = await loadDataOf({ ...recipe, data: { ...recipe.data, ...(dir === undefined ? {} : { dir }) } });
  await finishRun(folder, options, data, device);
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
    trainTogether([folder], data, device, { ...observer, ...computingOf(options, device, [folder.recipe]), start }),
  );
  const machine = machineOf(device, load);
  writeResult(join(folder.path, "machine.json"), machine);
  writeOutput(options, { machine, recipe: folder.recipe, runs }, comparisonText(runs, machine));
  failUnverified(runs);
}
