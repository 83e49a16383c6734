/** `trisparse compare`: the same model, data and seed under several methods. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Command, Option } from "commander";
import { jsKernels } from "../core/backend/js.ts";
import type { Dataset } from "../core/data/dataset.ts";
import { TrisparseError } from "../core/errors.ts";
import type { SavedState } from "../core/nn/state.ts";
import { parsePattern } from "../core/sparse/pattern.ts";
import { strategies } from "../core/sparsity/methods/strategies.ts";
import { unstructuredMethods } from "../core/sparsity/methods/unstructured/methods.ts";
import { weightMethods } from "../core/sparsity/methods/weights/methods.ts";
import { Device } from "../core/tensor/device.ts";
import { sources } from "../lab/data/sources.ts";
import { modelNames } from "../lab/recipes/architecture.ts";
import { type MethodChoice, parseRecipe, type Recipe } from "../lab/recipes/recipe.ts";
import { comparisonText, recipeText } from "../lab/report/table.ts";
import {
  createComparison,
  openComparison,
  type PenaltyChoice,
  runComparison,
  type StrategyChoice,
  withMethod,
} from "../lab/runs/compare.ts";
import { Run } from "../lab/runs/run.ts";
import { checkVacant, readJson } from "../lab/runs/run-folder.ts";
import type { TrainOptions } from "../lab/runs/together.ts";
import { FLUSH_MS, LivePage } from "./live.ts";
import {
  backendOption,
  checkJson,
  jsonOption,
  type MachineOptions,
  type MonitorOptions,
  monitored,
  monitorOption,
  oneOf,
  openDevice,
  positive,
  precisionOption,
  type RouteOptions,
  routeOption,
  routesOf,
  threadsOption,
  wholeNumber,
} from "./options.ts";
import { writeOutput } from "./output.ts";
import { dataText, loadDataOf, withProgress } from "./progress.ts";
import { reportComparison } from "./report.ts";
import { asUsage, notAmong } from "./usage.ts";

type Choice = MethodChoice | StrategyChoice | PenaltyChoice;

/** What --methods takes. */
const METHODS: readonly string[] = [...weightMethods, ...unstructuredMethods, ...strategies].map(({ name }) => name);
const ALL_WEIGHTS = "all-weights";
/** ssl-STRUCTURE or ssl-STRUCTURE@LAMBDA. */
const SSL = /^ssl-([^@]+)(?:@(.+))?$/;
// times the root of a group's size; measured, see docs/structured.md
const SSL_LAMBDA = { linear: 0.16, convolutions: 0.4 };
// the share of the steps in which penalties act
const SSL_LEARNS = 0.6;
const DEFAULT_METHODS = "dense,sr-ste,fully-sparse";
// what gains at the sizes of a laptop: pairs of rows that share their places, and enough images a step
const DEFAULT_PATTERN = "2:4v2";
const MLP_BATCH = 256;
// of the recipe's rate, which is for half of this batch; also where dense is best of 1e-3, 2e-3 and 4e-3 (docs/strategies.md)
const MLP_RATE = 2;

/** What goes with a data set where neither an option nor a recipe says otherwise. */
const USUAL: Readonly<Record<string, { readonly model: string; readonly batch?: number }>> = {
  cifar10: { model: "cnn" },
  text: { model: "gpt", batch: 32 },
  scenes: { model: "detector", batch: 32 },
};

interface CompareOptions extends MachineOptions, RouteOptions, MonitorOptions {
  readonly data?: string;
  readonly dataDir?: string;
  readonly model?: string;
  readonly epochs?: number;
  readonly steps?: number;
  readonly batch?: number;
  readonly train?: number;
  readonly methods: string;
  readonly pattern?: string;
  readonly lambda?: number;
  readonly seed?: number;
  readonly recipe?: string;
  readonly out?: string;
  readonly report?: boolean;
  /** A port; true: any. */
  readonly serve?: number | true;
}

export function addCompare(program: Command): void {
  const defaults = parseRecipe({});
  const names = Object.keys(sources);
  program
    .command("compare")
    .summary("train one model dense and sparse, and show what sparsity cost and gained")
    .description(
      "Trains one model with several methods, on the same data and seed, step by step in turn, and shows what " +
        "each cost and gained beside dense training.",
    )
    .option("--data <name>", `${names.join(", ")} (default: ${defaults.data.name}, drawn here)`, oneOf("data", names))
    .option("--data-dir <folder>", "the folder of the data set's files (default: fetched once)")
    .option(
      "--model <name>",
      `${modelNames.join(", ")} (default: mlp, for cifar10 cnn, for text gpt, for scenes detector)`,
      oneOf("model", modelNames),
    )
    .option("--epochs <count>", `passes over the training data (default: ${defaults.epochs})`, wholeNumber("epochs", 1))
    .addOption(
      new Option("--steps <count>", "in place of epochs").argParser(wholeNumber("steps", 1)).conflicts("epochs"),
    )
    .option(
      "--batch <count>",
      `images, or windows of a text, a step (default: mlp ${MLP_BATCH}, text and scenes 32, else ${defaults.batch})`,
      wholeNumber("batch", 1),
    )
    .option("--train <count>", "train on the first images or characters only (default: all)", wholeNumber("train", 1))
    .option(
      "--methods <list>",
      `some of ${METHODS.join(", ")}, separated by commas; ${ALL_WEIGHTS}: each method for weights; ssl-filter, ssl-row, ssl-STRUCTURE@LAMBDA, ...: structures learned away and taken out, see compress`,
      DEFAULT_METHODS,
    )
    .option("--pattern <N:M>", "N kept of M neighbors: 2:4, 1:4, 2:8, 2:4v2, ... (default: the recipe's, else 2:4v2)")
    .option(
      "--lambda <number>",
      `of the ssl penalties without their own (default: ${SSL_LAMBDA.linear}, with convolutions ${SSL_LAMBDA.convolutions})`,
      positive("lambda"),
    )
    .option(
      "--seed <number>",
      `of weights, order of images and drawn digits (default: ${defaults.seed})`,
      wholeNumber("seed", 0),
    )
    .option("--recipe <file>", "a recipe for everything that no option names")
    .option("--out <folder>", "a new folder for the runs (default: runs/<date and time>)")
    .option(
      "--serve [port]",
      "show the report on 127.0.0.1 while training (default: a free port)",
      wholeNumber("serve", 0, 65535),
    )
    .option("--no-report", "do not write report.html, a page of charts, into the folder")
    .addOption(monitorOption)
    .addOption(routeOption)
    .addOption(threadsOption)
    .addOption(backendOption)
    .addOption(precisionOption)
    .addOption(jsonOption)
    .action(compare);
}

async function compare(options: CompareOptions): Promise<void> {
  const recipe = monitored(
    asUsage(() => recipeOf(options)),
    options,
  );
  const choices = methodsOf(options, recipe);
  const out = options.out ?? defaultFolder();
  asUsage(() => checkVacant("--out", out));
  checkJson(options);
  const device = openDevice(options, recipe);
  if (options.serve === undefined) return await train(out, choices, recipe, device, options);
  const live = await LivePage.open(out, options.serve === true ? 0 : options.serve);
  process.stderr.write(`live: ${live.address}\n`);
  try {
    await train(out, choices, recipe, device, { ...options, flushMs: FLUSH_MS });
  } finally {
    await live.close();
  }
}

/** Makes the folder and fills it. */
async function train(
  out: string,
  choices: readonly Asked[],
  recipe: Recipe,
  device: Device,
  options: CompareOptions & Pick<TrainOptions, "flushMs">,
): Promise<void> {
  const data = await loadDataOf(recipe);
  const recipes = choices.flatMap(({ choice, optional }) => {
    const one = asUsage(() => withMethod(recipe, choice));
    try {
      checkFits(one, data);
    } catch (error) {
      if (!optional || !(error instanceof TrisparseError)) throw error;
      process.stderr.write(`left out: ${error.message}\n`);
      return [];
    }
    return [one];
  });
  createComparison(out, recipes);
  process.stderr.write(`${dataText(data)}; runs in ${out}\n`);
  await finishComparison(out, options, data, device);
}

/** Trains what is left and prints the result; `resume` ends here too. */
export async function finishComparison(
  out: string,
  options: MachineOptions & RouteOptions & Pick<TrainOptions, "flushMs"> & { readonly report?: boolean },
  data: Dataset,
  device: Device,
): Promise<void> {
  const names = openComparison(out).map(({ recipe }) => recipeText(recipe));
  const comparison = await withProgress(names, out, (observer) =>
    runComparison(out, data, device, {
      ...observer,
      ...routesOf(options, device),
      ...(options.flushMs === undefined ? {} : { flushMs: options.flushMs }),
    }),
  );
  writeOutput(options.json, comparison, comparisonText(comparison.runs, comparison.machine));
  failUnverified(comparison.runs);
  if (options.report !== false) reportComparison(out);
}

/** Names every run whose weights are not what its pattern says; the exit code then is 1. */
export function failUnverified(runs: Parameters<typeof comparisonText>[0]): void {
  for (const { method, verified } of runs) {
    const wrong = verified.find(({ ok }) => !ok);
    if (wrong === undefined) continue;
    const { layer, pattern, first } = wrong;
    const got = first ?? "a layer that was never pruned";
    process.stderr.write(
      `${method}: expected ${layer} to be ${pattern}, got ${got}. Please report this run's folder.\n`,
    );
    process.exitCode = 1;
  }
}

/** Refuses what can be known to fail before a folder is made: a pattern that fits no layer, a batch beyond the images. */
export function checkFits(recipe: Recipe, data: Dataset, start?: SavedState): void {
  asUsage(() => new Run(recipe, data, new Device(jsKernels()), { start }));
}

/** Either epochs or steps; an option wins over the recipe. */
function lengthOf(options: CompareOptions, recipe: Recipe): Pick<Recipe, "epochs" | "steps"> {
  const { epochs, steps } = options.epochs === undefined && options.steps === undefined ? recipe : options;
  return { epochs, steps };
}

function recipeOf(options: CompareOptions): Recipe {
  const { recipe: file } = options;
  const base = parseRecipe(file === undefined ? {} : readJson("recipe", file), file ?? "compare");
  const data = {
    ...base.data,
    ...(options.data === undefined ? {} : { name: options.data }),
    ...(options.dataDir === undefined ? {} : { dir: options.dataDir }),
    ...(options.train === undefined ? {} : { train: options.train }),
  };
  const usual = file === undefined ? USUAL[data.name] : undefined;
  const model = options.model ?? usual?.model ?? base.model.name;
  const isUsualMlp = file === undefined && model === "mlp";
  const mlpBatch = Math.min(MLP_BATCH, options.train ?? MLP_BATCH);
  const batch = options.batch ?? usual?.batch ?? (isUsualMlp ? mlpBatch : base.batch);
  const { optimizer } = base;
  return parseRecipe(
    {
      ...base,
      ...lengthOf(options, base),
      data,
      // a model of the recipe keeps its widths
      model: model === base.model.name ? base.model : { name: model },
      batch,
      optimizer: isUsualMlp && batch === MLP_BATCH ? { ...optimizer, rate: MLP_RATE * optimizer.rate } : optimizer,
      seed: options.seed ?? base.seed,
    },
    file ?? "compare",
  );
}

/** A run that is asked for; an optional one is left out where its method has no masks of the pattern. */
interface Asked {
  readonly choice: Choice;
  readonly optional: boolean;
}

/** The methods and strategies asked for, dense first; that of the recipe keeps its numbers. */
function methodsOf({ methods, pattern, lambda, recipe: file }: CompareOptions, given: Recipe): Asked[] {
  const { method: own, strategy } = given;
  const shared = pattern ?? (file === undefined ? DEFAULT_PATTERN : (strategy?.pattern ?? own.pattern ?? "2:4"));
  asUsage(() => parsePattern(shared));
  const ofMethod = ({ name, sparse }: { readonly name: string; readonly sparse: boolean }): Choice => {
    return { ...(name === own.name ? own : {}), name, ...(sparse ? { pattern: shared } : {}) };
  };
  const asked = methods.split(",").flatMap((text): Asked[] => {
    const name = text.trim();
    if (name === ALL_WEIGHTS) return weightMethods.map((entry) => ({ choice: ofMethod(entry), optional: true }));
    if (SSL.test(name)) return [{ choice: penaltyOf(name, lambda, given), optional: false }];
    if (strategies.some((one) => one.name === name))
      return [{ choice: { strategy: { name, pattern: shared } }, optional: false }];
    const withoutPattern = unstructuredMethods.map((one) => ({ name: one.name, sparse: false }));
    const entry = [...weightMethods, ...withoutPattern].find((one) => one.name === name);
    if (entry === undefined) throw notAmong("--methods", "some of", [...METHODS, ALL_WEIGHTS], name);
    return [{ choice: ofMethod(entry), optional: false }];
  });
  const isDense = ({ choice }: Asked): boolean => "name" in choice && choice.name === "dense";
  return [...asked.filter(isDense), ...asked.filter((one) => !isDense(one))];
}

/** Of "ssl-filter" or "ssl-block-4x4@0.2": penalties with groups of all sizes alike, then tuning without what they zeroed. */
function penaltyOf(word: string, lambda: number | undefined, { phases, model }: Recipe): PenaltyChoice {
  const [, structure, own] = SSL.exec(word)!;
  const usual = model.name === "mlp" || model.name === "gpt" ? "linear" : "convolutions";
  const penalty: NonNullable<Recipe["regularize"]>[number] = {
    ...{ structure: structure.replace(/^block-/, "block "), bySize: true, form: "proximal" as const },
    lambda: own === undefined ? (lambda ?? SSL_LAMBDA[usual]) : positive("methods")(own),
  };
  return { regularize: [penalty], phases: phases.frozenFrom < 1 ? phases : { ...phases, frozenFrom: SSL_LEARNS } };
}

/** runs/2026-11-21-184501, with a number behind where two start in one second. */
export function defaultFolder(): string {
  const stamp = new Date().toISOString().slice(0, 19).replace("T", "-").replaceAll(":", "");
  for (let i = 1; ; i++) {
    const path = join("runs", i === 1 ? stamp : `${stamp}-${i}`);
    if (!existsSync(path)) return path;
  }
}
