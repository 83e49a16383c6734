/** `trisparse compare`: the same model, data and seed under several methods. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { loadData } from "../data/sources.ts";
import { comparisonText, methodText } from "../report/table.ts";
import type { Comparison } from "../train/compare.ts";
import { createComparison, openComparison, runComparison } from "../train/compare.ts";
import { type MethodChoice, parseRecipe } from "../train/recipe.ts";
import { readJson } from "../train/run-folder.ts";
import { backendOption, jsonOption, type MachineOptions, openDevice, threadsOption, wholeNumber } from "./options.ts";
import { writeOutput } from "./output.ts";
import { showProgress } from "./progress.ts";

interface CompareOptions extends MachineOptions {
  readonly data?: string;
  readonly dataDir?: string;
  readonly model?: string;
  readonly epochs?: number;
  readonly batch?: number;
  readonly train?: number;
  readonly methods: string;
  readonly pattern: string;
  readonly seed?: number;
  readonly recipe?: string;
  readonly out?: string;
}

export function addCompare(program: Command): void {
  program
    .command("compare")
    .description("train one model dense and sparse, on the same data and seed, and show what it cost and gained")
    .option("--data <name>", "digits (made by trisparse), mnist, fashion-mnist or cifar10")
    .option("--data-dir <folder>", "where the files of the data set are; else they are fetched once")
    .option("--model <name>", "mlp, cnn, lenet or resnet; default: mlp, for cifar10 cnn")
    .option("--epochs <count>", "passes over the training images", wholeNumber("epochs", 1))
    .option("--batch <count>", "images a step", wholeNumber("batch", 1))
    .option("--train <count>", "use only the first images", wholeNumber("train", 1))
    .option("--methods <list>", "dense, asp, sr-ste, ste, separated by commas", "dense,asp,sr-ste,ste")
    .option("--pattern <N:M>", "N kept of M neighbours: 2:4, 1:4, 2:8, 4:8, 2:4v2, ...", "2:4")
    .option("--seed <number>", "of weights, order of images and the digits", wholeNumber("seed", 0))
    .option("--recipe <file>", "take everything else from a recipe")
    .option("--out <folder>", "folder of the runs; default: runs/<date and time>")
    .addOption(threadsOption)
    .addOption(backendOption)
    .addOption(jsonOption)
    .action(compare);
}

async function compare(options: CompareOptions): Promise<void> {
  const recipe = recipeOf(options);
  const methods = methodsOf(options.methods, options.pattern);
  for (const method of methods) parseRecipe({ ...recipe, method }, `--methods ${method.name}`);
  const device = openDevice(options);
  const data = await loadData(recipe.data.name, loadOptionsOf(recipe));
  const out = options.out ?? defaultFolder();
  createComparison(out, recipe, methods);
  process.stderr.write(`${data.name}: ${data.train.count} training, ${data.test.count} test images; runs in ${out}\n`);
  await finishComparison(out, options, data, device);
}

/** Trains what is left and prints the result; `resume` ends here too. */
export async function finishComparison(
  out: string,
  { json }: MachineOptions,
  data: Parameters<typeof runComparison>[1],
  device: Parameters<typeof runComparison>[2],
): Promise<void> {
  const names = openComparison(out).map(({ recipe }) =>
    methodText({ method: recipe.method.name, pattern: recipe.method.pattern ?? null }),
  );
  const progress = showProgress(names);
  let comparison: Comparison;
  try {
    comparison = await runComparison(out, data, device, progress);
  } finally {
    progress.stop();
  }
  writeOutput(json, comparison, comparisonText(comparison.runs, comparison.machine));
  const failed = comparison.runs.filter(({ verified }) => verified.some(({ ok }) => !ok));
  for (const { method, verified } of failed) {
    const { layer, pattern, first } = verified.find(({ ok }) => !ok)!;
    process.stderr.write(
      `${method}: expected ${layer} to be ${pattern}, got ${first ?? "a layer that was never pruned"}.\n`,
    );
  }
  if (failed.length > 0) process.exitCode = 1;
}

function recipeOf(options: CompareOptions): ReturnType<typeof parseRecipe> {
  const base = options.recipe === undefined ? {} : (readJson("--recipe", options.recipe) as Record<string, unknown>);
  const complete = parseRecipe(base, options.recipe ?? "compare");
  const data = {
    ...complete.data,
    ...(options.data === undefined ? {} : { name: options.data }),
    ...(options.dataDir === undefined ? {} : { dir: options.dataDir }),
    ...(options.train === undefined ? {} : { train: options.train }),
  };
  const model = options.model ?? (options.recipe === undefined && data.name === "cifar10" ? "cnn" : undefined);
  return parseRecipe(
    {
      ...complete,
      data,
      ...(model === undefined ? {} : { model: { name: model } }),
      ...(options.epochs === undefined ? {} : { epochs: options.epochs }),
      ...(options.batch === undefined ? {} : { batch: options.batch }),
      ...(options.seed === undefined ? {} : { seed: options.seed }),
    },
    "compare",
  );
}

function methodsOf(list: string, pattern: string): MethodChoice[] {
  const names = list.split(",").map((name) => name.trim());
  return names.map((name) => (name === "dense" ? { name } : { name, pattern }));
}

/** What `loadData` needs for a recipe. */
export function loadOptionsOf({ data, seed }: ReturnType<typeof parseRecipe>): Parameters<typeof loadData>[1] {
  let shown = "";
  return {
    dir: data.dir,
    seed,
    limit: { train: data.train, test: data.test },
    onProgress: ({ file, received, total }) => {
      if (!process.stderr.isTTY && file === shown) return;
      shown = file;
      const share =
        total === undefined ? `${(received / 2 ** 20).toFixed(1)} MiB` : `${Math.floor((100 * received) / total)} %`;
      process.stderr.write(process.stderr.isTTY ? `\rfetching ${file}: ${share} ` : `fetching ${file}\n`);
    },
  };
}

/** runs/2026-11-21-184501, with a number behind where two start in one second. */
export function defaultFolder(): string {
  const stamp = new Date().toISOString().slice(0, 19).replace("T", "-").replaceAll(":", "");
  for (let i = 1; ; i++) {
    const path = join("runs", i === 1 ? stamp : `${stamp}-${i}`);
    if (!existsSync(path)) return path;
  }
}
