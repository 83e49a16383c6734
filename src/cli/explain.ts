/** `trisparse explain RECIPE`: what would be sparse, how it is computed, and why. */

import { loadavg } from "node:os";
import type { Command } from "commander";
import { Random } from "../core/random.ts";
import { Dispatcher } from "../core/sparsity/dispatcher.ts";
import { sources } from "../lab/data/sources.ts";
import { parseRecipe } from "../lab/recipes/recipe.ts";
import { weakDecayText } from "../lab/recipes/weak-decay.ts";
import { planText } from "../lab/report/plan-table.ts";
import { readJson } from "../lab/runs/json-file.ts";
import { planOf, setUp } from "../lab/runs/setup.ts";
import { machineOf } from "../lab/runs/together.ts";
import { timesFile } from "../node/times-file.ts";
import {
  type ComputeOptions,
  computeOf,
  computeOption,
  jsonOption,
  leaveDenseOption,
  type MachineOptions,
  machineOptions,
  openDevice,
  recipeOptions,
  textOption,
  withOptions,
} from "./options.ts";
import { checkText, type TextOptions, writeOutput } from "./output.ts";
import { overridden, type RecipeOptions } from "./overrides.ts";
import { asUsage } from "./usage.ts";

type Options = MachineOptions &
  ComputeOptions &
  TextOptions &
  Pick<RecipeOptions, "seed" | "batchSize" | "set" | "leaveDense">;

export function addExplain(program: Command): void {
  const command = program
    .command("explain <recipe>")
    .summary("Show what a recipe makes sparse in each layer, how it is computed, and why.")
    .description(
      "Times each product of each layer, dense and sparse, at the recipe's shapes on this machine, and shows what " +
        "training would choose. Needs no data. Times are kept in the cache folder (TRISPARSE_CACHE).",
    );
  withOptions(
    command,
    ...recipeOptions(),
    computeOption,
    leaveDenseOption,
    ...machineOptions,
    textOption,
    jsonOption,
  ).action(explain);
}

function explain(file: string, options: Options): void {
  const recipe = asUsage(() => parseRecipe(overridden(readJson("recipe", file), options, file), file));
  checkText(options);
  const load = loadavg()[0];
  const device = openDevice(options, recipe);
  const { task } = sources[recipe.data.name];
  const setup = asUsage(() => setUp(recipe, task, { device, random: new Random(recipe.seed) }));
  const compute = computeOf(options) ?? "auto";
  const layers = asUsage(() =>
    planOf(setup, { compute, dispatcher: new Dispatcher(device.kernels, timesFile(device.kernels)) }),
  );
  // epochs are steps of the data, which are not read here
  const weak = recipe.steps === undefined ? undefined : weakDecayText(recipe, recipe.steps);
  if (weak !== undefined) process.stderr.write(`${weak}\n`);
  const machine = machineOf(device, load);
  writeOutput(options, { machine, recipe, layers }, planText(layers, machine), options.out);
}
