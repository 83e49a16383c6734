/** `trisparse account MODEL`: the costs of a model, layer by layer, in multiply-adds and bytes. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { jsKernels } from "../core/backend/js.ts";
import { parameterEfficiency } from "../core/metrics/parameter-efficiency.ts";
import { loadState } from "../core/nn/state.ts";
import { Random } from "../core/random.ts";
import { PackedMatrix } from "../core/sparse/formats/packed-matrix.ts";
import { parsePattern } from "../core/sparse/pattern.ts";
import { account } from "../core/sparsity/accounting.ts";
import { multiplyingWeights } from "../core/sparsity/layers.ts";
import { Device } from "../core/tensor/device.ts";
import { sources } from "../lab/data/sources.ts";
import type { buildModel } from "../lab/recipes/architecture.ts";
import { parseRecipe } from "../lab/recipes/recipe.ts";
import { accountText } from "../lab/report/account-table.ts";
import { readResult } from "../lab/runs/run-folder.ts";
import { planOf, setUp } from "../lab/runs/setup.ts";
import { modelAt } from "./compress.ts";
import { jsonOption, recipeOptions, textOption, withOptions } from "./options.ts";
import { checkText, type TextOptions, writeOutput } from "./output.ts";
import { overridden, type RecipeOptions } from "./overrides.ts";
import { asUsage } from "./usage.ts";

type Options = TextOptions & Pick<RecipeOptions, "seed" | "batchSize" | "set">;

export function addAccount(program: Command): void {
  const command = program
    .command("account <model>")
    .summary("Count what a model costs, layer by layer: multiply-adds, bytes stored and moved.")
    .description(
      "Counts, of the trained run or the smaller model in a folder, or of a recipe with its first weights pruned to their " +
        "pattern: zeros, multiply-adds, bytes moved, bytes in each storage format, accuracy by parameters. Times nothing " +
        "and needs no data: see explain for times.",
    );
  withOptions(command, ...recipeOptions(), textOption, jsonOption).action(run);
}

function run(path: string, options: Options): void {
  const { file, written, weights } = modelAt("account", path);
  const recipe = asUsage(() => parseRecipe(overridden(written, options, file), file));
  checkText(options);
  // nothing is multiplied, so that plain JavaScript counts as well as any backend
  const device = new Device(jsKernels());
  const { task } = sources[recipe.data.name];
  const setup = asUsage(() => setUp(recipe, task, { device, random: new Random(recipe.seed) }));
  const { model, input } = setup;
  const plan = asUsage(() => planOf(setup));
  const patterns = new Map(plan.flatMap(({ name, pattern }) => (pattern === null ? [] : [[name, pattern] as const])));
  if (weights !== undefined) loadState(model, weights(), path);
  else prune(model, patterns);
  const costs = account(model, input.shape, input.count, new Map(), patterns);
  const accuracy = weights === undefined ? null : accuracyOf(path);
  const efficiency = accuracy === null ? null : parameterEfficiency(accuracy, costs.nonZeros);
  const { batchSize } = recipe;
  // version 0.1 called batchSize "batch"
  const result = { recipe, batchSize, batch: batchSize, accuracy, parameterEfficiency: efficiency, ...costs };
  writeOutput(options, result, accountText(result), options.out);
}

/** Prunes the weights by magnitude, in place. */
function prune(model: ReturnType<typeof buildModel>, patterns: ReadonlyMap<string, string>): void {
  for (const { name, weight, rows, k } of multiplyingWeights(model)) {
    const pattern = patterns.get(name);
    if (pattern === undefined) continue;
    const packed = new PackedMatrix(weight.device.kernels, rows, k, parsePattern(pattern));
    packed.prune(weight.data);
    packed.unpackInto(weight.data);
  }
}

/** Test accuracy in percent, of the run or after tuning; null if the task has none. */
function accuracyOf(path: string): number | null {
  const read = (name: string): unknown =>
    existsSync(join(path, name)) ? readResult("result", join(path, name)) : undefined;
  const result = (read("result.json") ?? (read("compressed.json") as { after?: unknown } | undefined)?.after) as
    | { accuracy?: unknown }
    | undefined;
  return typeof result?.accuracy === "number" ? 100 * result.accuracy : null;
}
