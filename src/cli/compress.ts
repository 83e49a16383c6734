/** `trisparse compress`: makes a model smaller by learning structures away. */
import { existsSync } from "node:fs";
import { loadavg } from "node:os";
import { join } from "node:path";
import { type Command, Option } from "commander";
import type { SavedState } from "../core/nn/state.ts";
import { type CompressOptions, compress } from "../lab/compression/compress.ts";
import { parseRecipe, type Recipe } from "../lab/recipes/recipe.ts";
import { compressText } from "../lab/report/compress-table.ts";
import { readJson } from "../lab/runs/json-file.ts";
import { checkVacant, readRecipe, writeModel, writeResult } from "../lab/runs/run-folder.ts";
import { machineOf } from "../lab/runs/together.ts";
import { readWeights } from "../lab/runs/weights.ts";
import { readFile } from "../node/files.ts";
import { checkFits, defaultFolder } from "./compare.ts";
import {
  jsonOption,
  type MachineOptions,
  machineOptions,
  oneOf,
  openDevice,
  outOption,
  trainingOptions,
  wholeNumber,
  withOptions,
} from "./options.ts";
import { checkJson, type JsonOptions, writeOutput } from "./output.ts";
import { overridden, type RecipeOptions } from "./overrides.ts";
import { dataText, loadDataOf } from "./progress.ts";
import { asUsage, usageError } from "./usage.ts";

interface Options extends MachineOptions, JsonOptions, RecipeOptions {
  readonly structure?: string;
  readonly lambda?: string;
  readonly smallest?: number;
  readonly folded?: boolean;
  readonly form?: "proximal" | "subgradient";
  readonly layers?: string;
  readonly learn?: number;
  readonly learnRate?: number;
  readonly tune?: number;
  readonly out?: string;
}

export function addCompress(program: Command): void {
  const command = program
    .command("compress <model>")
    .summary("Learn structures away and make the model physically smaller.")
    .description(
      "Trains a recipe, or takes the trained run of a folder; learns filters, channels, shapes or blocks away with group " +
        "penalties; takes out what is zero; tunes the smaller model; and shows each layer before and after.",
    );
  withOptions(
    command,
    new Option(
      "--structure <names>",
      "Let these become zero together, separated by commas: filter, channel, shape, filter-2d, row, column, neuron, layer, body, block YxX (default: the recipe's regularize).",
    ),
    new Option(
      "--lambda <numbers>",
      "Weigh the penalties by this: one number for all, or one for each structure; not needed with --smallest.",
    ),
    new Option(
      "--layers <part>",
      "Penalize weights with this part in their names only (default: all but the recipe's skip).",
    ),
    new Option(
      "--form <form>",
      "Take proximal steps with exact zeros, or subgradient ones as the authors do (default: proximal).",
    ).argParser(oneOf("form", ["proximal", "subgradient"] as const)),
    new Option(
      "--smallest <share>",
      "Penalize this share of the groups alone, the smallest as learning begins.",
    ).argParser(share("--smallest")),
    new Option("--folded", "Penalize weights as the batch norm behind them scales them."),
    new Option("--learn <epochs>", "Learn under the penalties so long (default: half of the recipe's).").argParser(
      wholeNumber("learn", 1),
    ),
    new Option(
      "--learn-rate <share>",
      "Learn under the penalties at this share of the recipe's learning rate (default: 1).",
    ).argParser(share("--learn-rate")),
    new Option("--tune <epochs>", "Tune the smaller model so long (default: a third of the recipe's).").argParser(
      wholeNumber("tune", 1),
    ),
    ...trainingOptions(),
    outOption("folder", "Make this new folder for the smaller model (default: runs/<date and time>)."),
    ...machineOptions,
    jsonOption,
  ).action(run);
}

async function run(path: string, options: Options): Promise<void> {
  const { file, written, weights } = modelAt("compress", path);
  const recipe = asUsage(() => penalized(written, file, options));
  if (recipe.regularize === undefined)
    throw usageError("compress", "structures to learn away", "none", "For example: --structure filter --lambda 0.005");
  const out = options.out ?? defaultFolder();
  asUsage(() => checkVacant("--out", out));
  checkJson(options);
  const device = openDevice(options, recipe);
  const load = loadavg()[0];
  const data = await loadDataOf(recipe);
  checkFits(recipe, data);
  process.stderr.write(`${dataText(data)}; smaller model in ${out}\n`);
  const compressed = compress(recipe, data, device, {
    ...{ learn: options.learn, learnRate: options.learnRate, tune: options.tune },
    ...{ onStep: progress(), start: weights?.() },
  });
  const { model, recipe: smaller, ...numbers } = compressed;
  writeModel(out, smaller, model);
  const result = { machine: machineOf(device, load), recipe: smaller, regularize: recipe.regularize, ...numbers };
  writeResult(join(out, "compressed.json"), result);
  writeOutput(options, result, compressText(compressed));
}

/**
 * The recipe as it is written, and a function that reads the weights, from the folder of a run or of a smaller model;
 * or a recipe alone.
 */
export function modelAt(
  verb: string,
  path: string,
): { readonly file: string; readonly written: unknown; readonly weights?: () => SavedState } {
  const file = join(path, "recipe.json");
  if (!existsSync(file)) return { file: path, written: asUsage(() => readJson("recipe", path)) };
  const weights = join(path, "weights.safetensors");
  if (!existsSync(weights))
    throw usageError(verb, "a run that is done", `${path} without its weights`, `First: trisparse resume ${path}`);
  return {
    file,
    written: asUsage(() => readRecipe("recipe", file)),
    weights: () => readWeights(readFile("weights", weights), weights),
  };
}

/** The recipe with the penalties and other keys of the options. */
function penalized(written: unknown, file: string, options: Options): Recipe {
  const recipe = parseRecipe(overridden(written, options, file), file);
  const { structure, lambda, smallest, folded, form, layers } = options;
  const structures = structure?.split(",").map((word) => word.trim());
  const lambdas = lambda?.split(",").map(Number);
  const driven = smallest !== undefined && form !== "subgradient";
  if ((structures === undefined) !== (lambdas === undefined) && !(structures !== undefined && driven))
    throw usageError("compress", "--structure and --lambda together", "one of them", "Give both, or neither");
  const alone = Object.entries({ form, layers, smallest, folded }).find(([, value]) => value !== undefined);
  if (structures === undefined && alone !== undefined)
    throw usageError(`--${alone[0]}`, "--structure beside it", "none", "Name structures, or change the recipe");
  if (structures !== undefined && lambdas !== undefined && ![1, structures.length].includes(lambdas.length))
    throw usageError("--lambda", `1 or ${structures.length} numbers`, `${lambdas.length}`, "One for each structure");
  const regularize = structures?.map((word, i) => ({
    structure: word,
    ...(lambdas === undefined ? {} : { lambda: lambdas[lambdas.length === 1 ? 0 : i] }),
    ...(form === undefined ? {} : { form }),
    ...(layers === undefined ? {} : { layers }),
    ...(smallest === undefined ? {} : { smallest }),
    ...(folded === undefined ? {} : { folded }),
  }));
  return regularize === undefined ? recipe : parseRecipe({ ...recipe, regularize }, "compress");
}

const share =
  (option: string) =>
  (text: string): number => {
    const value = Number(text);
    if (!(value > 0 && value <= 1)) throw usageError(option, "a number above 0, at most 1", text, "For example 0.5");
    return value;
  };

/** Prints a line for each stage and each tenth of it. */
function progress(): CompressOptions["onStep"] {
  return (stage, { step, loss }, steps) => {
    const tenth = Math.max(1, Math.floor(steps / 10));
    if ((step + 1) % tenth === 0)
      process.stderr.write(`${stage}: step ${step + 1} of ${steps}, loss ${loss.toFixed(4)}\n`);
  };
}
