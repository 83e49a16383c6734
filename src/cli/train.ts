/** `trisparse train` and `trisparse resume`. */
import { existsSync } from "node:fs";
import { loadavg } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import { loadData } from "../data/sources.ts";
import { expected } from "../errors.ts";
import { comparisonText, methodText } from "../report/table.ts";
import { isComparison, openComparison } from "../train/compare.ts";
import { parseRecipe } from "../train/recipe.ts";
import { RunFolder, readJson } from "../train/run-folder.ts";
import { machineOf, trainTogether } from "../train/together.ts";
import { defaultFolder, finishComparison, loadOptionsOf } from "./compare.ts";
import { backendOption, jsonOption, type MachineOptions, openDevice, threadsOption, wholeNumber } from "./options.ts";
import { writeOutput } from "./output.ts";
import { showProgress } from "./progress.ts";

interface TrainOptions extends MachineOptions {
  readonly dataDir?: string;
  readonly seed?: number;
  readonly out?: string;
}

export function addTrain(program: Command): void {
  program
    .command("train <recipe>")
    .description("one run from a recipe file")
    .option("--data-dir <folder>", "where the files of the data set are")
    .option("--seed <number>", "in place of the recipe's", wholeNumber("seed", 0))
    .option("--out <folder>", "folder of the run; default: runs/<date and time>")
    .addOption(threadsOption)
    .addOption(backendOption)
    .addOption(jsonOption)
    .action(async (file: string, options: TrainOptions) => {
      const given = parseRecipe(readJson("recipe", file), file);
      const recipe = {
        ...given,
        data: options.dataDir === undefined ? given.data : { ...given.data, dir: options.dataDir },
        seed: options.seed ?? given.seed,
      };
      const device = openDevice(options);
      const data = await loadData(recipe.data.name, loadOptionsOf(recipe));
      const out = options.out ?? defaultFolder();
      const folder = RunFolder.create(out, recipe);
      process.stderr.write(
        `${data.name}: ${data.train.count} training, ${data.test.count} test images; run in ${out}\n`,
      );
      await finishRun(folder, options, data, device);
    });
}

export function addResume(program: Command): void {
  program
    .command("resume <folder>")
    .description("go on with a run or a comparison from its last checkpoint")
    .option("--data-dir <folder>", "where the files of the data set are now")
    .addOption(threadsOption)
    .addOption(backendOption)
    .addOption(jsonOption)
    .action(async (path: string, options: TrainOptions) => {
      if (!isComparison(path) && !existsSync(join(path, "recipe.json"))) {
        throw expected(
          "resume",
          "the folder of a run or a comparison",
          path,
          "Name the folder that train or compare wrote (by default in runs/)",
        );
      }
      const folder = isComparison(path) ? openComparison(path)[0] : RunFolder.open(path);
      const { recipe } = folder;
      const device = openDevice(options);
      const dir = options.dataDir ?? recipe.data.dir;
      const data = await loadData(
        recipe.data.name,
        loadOptionsOf({ ...recipe, data: { ...recipe.data, ...(dir === undefined ? {} : { dir }) } }),
      );
      if (isComparison(path)) await finishComparison(path, options, data, device);
      else await finishRun(folder, options, data, device);
    });
}

async function finishRun(
  folder: RunFolder,
  { json }: MachineOptions,
  data: Parameters<typeof trainTogether>[1],
  device: Parameters<typeof trainTogether>[2],
): Promise<void> {
  const load = loadavg()[0];
  const { method } = folder.recipe;
  const progress = showProgress([methodText({ method: method.name, pattern: method.pattern ?? null })]);
  try {
    const runs = await trainTogether([folder], data, device, progress);
    progress.stop();
    const machine = machineOf(device, load);
    writeOutput(json, { machine, recipe: folder.recipe, runs }, comparisonText(runs, machine));
    if (runs[0].verified.some(({ ok }) => !ok)) process.exitCode = 1;
  } finally {
    progress.stop();
  }
}
