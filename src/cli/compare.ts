/** `trisparse compare`: the same model, data and seeds under several methods. */
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
import { valueAt } from "../lab/recipes/paths.ts";
import { type MethodChoice, parseRecipe, type Recipe } from "../lab/recipes/recipe.ts";
import { nameOf } from "../lab/recipes/recipe-name.ts";
import { weakDecayText } from "../lab/recipes/weak-decay.ts";
import { comparisonText, recipeText } from "../lab/report/table.ts";
import { verdictText } from "../lab/report/verdict-table.ts";
import { EQUALS, type Equal } from "../lab/runs/against-dense.ts";
import {
  type Comparison,
  comparisonsIn,
  createComparisonOfSeeds,
  joinComparisons,
  openComparison,
  type PenaltyChoice,
  runComparison,
  type StrategyChoice,
  withMethod,
} from "../lab/runs/compare.ts";
import { fitToTime } from "../lab/runs/equal-time.ts";
import { Run } from "../lab/runs/run.ts";
import { checkVacant } from "../lab/runs/run-folder.ts";
import { type Grid, type Searched, search } from "../lab/runs/search.ts";
import type { TrainOptions } from "../lab/runs/together.ts";
import { FLUSH_MS, LivePage } from "./live.ts";
import {
  type ComputeOptions,
  computeOption,
  computingOf,
  jsonOption,
  leaveDenseOption,
  type MachineOptions,
  machineOptions,
  monitorOption,
  oneOf,
  openDevice,
  outOption,
  positive,
  searching,
  trainingOptions,
  wholeNumber,
  withOptions,
} from "./options.ts";
import { checkJson, type JsonOptions, writeOutput } from "./output.ts";
import { dataText, loadDataOf, withProgress } from "./progress.ts";
import { reportComparison } from "./report.ts";
import { asUsage, notAmong, usageError } from "./usage.ts";
import { type ComparedOptions, MLP_BATCH, MLP_LEARNING_RATE, recipeOf } from "./usual.ts";

type Choice = MethodChoice | StrategyChoice | PenaltyChoice;

/** The words that --methods takes. */
const METHODS: readonly string[] = [...weightMethods, ...unstructuredMethods, ...strategies].map(({ name }) => name);
const ALL_WEIGHTS = "all-weights";
/** The form of penalties in --methods: ssl-STRUCTURE or ssl-STRUCTURE@LAMBDA. */
const SSL = /^ssl-([^@]+)(?:@(.+))?$/;
// multiplied by the root of a group's size; measured, see docs/structured.md
const SSL_LAMBDA = { linear: 0.16, convolutions: 0.4 };
// the share of the steps in which penalties act
const SSL_LEARNS = 0.6;
const DEFAULT_METHODS = "dense,fully-sparse";
// at three the interval of a mean is twice as wide, at ten it takes twice as long to train
const SEEDS = 5;
// the pattern that gains at the sizes of a laptop: pairs of rows share their places
const DEFAULT_PATTERN = "2:4v2";

interface CompareOptions extends MachineOptions, ComputeOptions, JsonOptions, ComparedOptions {
  readonly methods: string;
  readonly pattern?: string;
  readonly lambda?: number;
  readonly seeds: number;
  readonly equal: Equal;
  readonly search?: Grid;
  readonly details?: boolean;
  readonly out?: string;
  readonly report?: boolean;
  /** Port of the live report; true for any free one. */
  readonly serve?: number | true;
}

export function addCompare(program: Command): void {
  const defaults = parseRecipe({});
  const names = Object.keys(sources);
  const command = program
    .command("compare")
    .summary("Train one model dense and sparse, and show what sparsity cost and gained.")
    .description(
      "Trains one model with several methods, on the same data and seeds, step by step in turn, and says which is best " +
        "after equal time. Methods with faster steps take more of them.",
    );
  withOptions(
    command,
    new Option("--data <name>", `Train on ${names.join(", ")} (default: ${defaults.data.name}, drawn here).`).argParser(
      oneOf("data", names),
    ),
    new Option(
      "--model <name>",
      `Train ${modelNames.join(", ")} (default: mlp, for cifar10 cnn, for text gpt, for scenes detector).`,
    ).argParser(oneOf("model", modelNames)),
    new Option(
      "--methods <list>",
      `Compare some of ${METHODS.join(", ")}, separated by commas; ${ALL_WEIGHTS}: each method for weights; ssl-filter, ssl-row, ssl-STRUCTURE@LAMBDA, ...: structures learned away and taken out, see compress.`,
    ).default(DEFAULT_METHODS),
    new Option(
      "--pattern <N:M>",
      "Keep N of M neighbors: 2:4, 1:4, 2:8, 2:4v2, ... (default: the recipe's, else 2:4v2).",
    ),
    new Option(
      "--lambda <number>",
      `Weigh the ssl penalties without their own by this (default: ${SSL_LAMBDA.linear}, with convolutions ${SSL_LAMBDA.convolutions}).`,
    ).argParser(positive("lambda")),
    new Option("--recipe <file>", "Take everything that no option names from this recipe."),
    ...trainingOptions({
      dataDir: "they are fetched once",
      epochs: String(defaults.epochs),
      batchSize: `mlp ${MLP_BATCH}, text and scenes 32, else ${defaults.batchSize}`,
      lr: `the recipe's, else mlp ${MLP_LEARNING_RATE}, others ${defaults.optimizer.learningRate}`,
      optimizer: `the recipe's, else ${defaults.optimizer.name}`,
      seed: String(defaults.seed),
    }),
    new Option("--seeds <count>", "Train each method so often, with seeds from --seed on; one tells nothing of chance.")
      .argParser(wholeNumber("seeds", 1, 100))
      .default(SEEDS),
    new Option("--equal <what>", "Compare after equal time (steps are fitted to the times of steps) or equal steps.")
      .argParser(oneOf("equal", EQUALS))
      .default("time"),
    new Option(
      "--search <key=a,b,...>",
      "Try these values of a key for each method, dense too, and take the best on the validation split; may be given several times.",
    ).argParser(searching),
    new Option("--details", "Show the tables of products, masks and gradients too, of the first seed."),
    outOption("folder", "Make this new folder for the runs (default: runs/<date and time>)."),
    new Option("--serve [port]", "Show the report on 127.0.0.1 while training (default: a free port).").argParser(
      wholeNumber("serve", 0, 65535),
    ),
    new Option("--no-report", "Do not write report.html, a page of charts, into the folder."),
    monitorOption,
    computeOption,
    leaveDenseOption,
    ...machineOptions,
    jsonOption,
  ).action(compare);
}

async function compare(options: CompareOptions): Promise<void> {
  const recipe = asUsage(() => recipeOf(options));
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

/** Makes the folder of the comparison and fills it. */
async function train(
  out: string,
  choices: readonly Asked[],
  recipe: Recipe,
  device: Device,
  options: CompareOptions & Pick<TrainOptions, "flushMs">,
): Promise<void> {
  const data = await loadDataOf(recipe);
  const weak: string[] = [];
  const chosen = choices.flatMap(({ choice, optional }) => {
    const one = asUsage(() => withMethod(recipe, choice));
    try {
      const text = weakDecayText(one, checkFits(one, data));
      if (text !== undefined) weak.push(`${text}\n`);
    } catch (error) {
      if (!optional || !(error instanceof TrisparseError)) throw error;
      process.stderr.write(`left out: ${error.message}\n`);
      return [];
    }
    return [one];
  });
  const searched = await searchAll(await fitted(chosen, data, device, options), data, device, options);
  const recipes = searched.map(({ recipe: one }) => one);
  const bySeed = Array.from({ length: options.seeds }, (_, i) =>
    recipes.map((one) => ({ ...one, seed: (one.seed + i) % 2 ** 32 })),
  );
  const record = searched.map(({ recipe: one, ...found }) => ({ method: recipeText(one), ...found }));
  createComparisonOfSeeds(out, bySeed, options.equal, options.search === undefined ? [] : record);
  process.stderr.write(`${dataText(data)}; runs in ${out}\n${weak.join("")}`);
  await finishComparison(out, options, device);
}

/** The recipes with the values of --search that are best on the validation split. */
async function searchAll(
  recipes: readonly Recipe[],
  data: Dataset,
  device: Device,
  options: CompareOptions,
): Promise<readonly Searched[]> {
  const { search: grid = {} } = options;
  const unknown = Object.keys(grid).find((key) => recipes.every((recipe) => valueAt(recipe, key) === undefined));
  if (unknown !== undefined)
    throw usageError("--search", "a key of one of these recipes", unknown, "See docs/recipes.md for the keys");
  const computing = computingOf(options, device, recipes);
  const found: Searched[] = [];
  for (const recipe of recipes) {
    const one = await search(recipe, grid, data, device, computing);
    if (one.trials.length > 0)
      process.stderr.write(`best of ${one.trials.length} for ${recipeText(recipe)}: ${JSON.stringify(one.chosen)}\n`);
    found.push(one);
  }
  return found;
}

/** The recipes with as many steps as take the time of dense, if that is asked for and there is dense. */
async function fitted(
  recipes: readonly Recipe[],
  data: Dataset,
  device: Device,
  options: CompareOptions,
): Promise<readonly Recipe[]> {
  const [dense, ...others] = recipes;
  if (options.equal === "steps" || others.length === 0 || nameOf(dense) !== "dense") return recipes;
  const all = await fitToTime(recipes, data, device, computingOf(options, device, recipes));
  const texts = all.map(({ recipe, steps }) => `${recipeText(recipe)} ${steps}`);
  process.stderr.write(`steps that take equal time: ${texts.join(", ")}\n`);
  return all.map(({ recipe }) => recipe);
}

interface FinishOptions extends JsonOptions, ComputeOptions, Pick<TrainOptions, "flushMs"> {
  readonly report?: boolean;
  readonly details?: boolean;
  /** Folder of the data, if not that of the recipe. */
  readonly dataDir?: string;
}

/** Trains what is left, seed by seed, and prints the result; `resume` ends here too. */
export async function finishComparison(out: string, options: FinishOptions, device: Device): Promise<void> {
  const folders = comparisonsIn(out);
  const comparisons: Comparison[] = [];
  for (const folder of folders) {
    const recipes = openComparison(folder).map(({ recipe }) => recipe);
    const [{ data, seed }] = recipes;
    if (folders.length > 1) process.stderr.write(`seed ${seed}, ${comparisons.length + 1} of ${folders.length}\n`);
    const dir = options.dataDir ?? data.dir;
    const loaded = await loadDataOf({ seed, data: { ...data, ...(dir === undefined ? {} : { dir }) } });
    const found = await withProgress(recipes.map(recipeText), out, (observer) =>
      runComparison(folder, loaded, device, {
        ...observer,
        ...computingOf(options, device, recipes),
        ...(options.flushMs === undefined ? {} : { flushMs: options.flushMs }),
      }),
    );
    comparisons.push(found);
  }
  const comparison = joinComparisons(out, comparisons);
  const details = options.details === true ? [comparisonText(comparisons[0].runs, comparison.machine)] : [];
  writeOutput(options, comparison, [verdictText(comparison), ...details].join("\n\n"));
  failUnverified(comparison.runs);
  if (options.report !== false) reportComparison(out);
}

/** Reports every run whose weights do not have their pattern; the exit code is then 1. */
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

/**
 * Rejects what is known to fail before a folder is made: a pattern that fits no layer, a batch larger than the data.
 * Returns the number of steps of the run.
 */
export function checkFits(recipe: Recipe, data: Dataset, start?: SavedState): number {
  // times are not the question here, and plain JavaScript would take long to measure
  const unmeasured = recipe.leaveDense === "slower" ? { ...recipe, leaveDense: undefined } : recipe;
  return asUsage(() => new Run(unmeasured, data, new Device(jsKernels()), { start })).steps;
}

/** A run that is asked for; an optional one is left out if its method has no masks of the pattern. */
interface Asked {
  readonly choice: Choice;
  readonly optional: boolean;
}

/** The methods and strategies that are asked for, dense first; the method of the recipe keeps its options. */
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

/**
 * The penalty for "ssl-filter" or "ssl-block-4x4@0.2": groups of all sizes count alike, and tuning without what it
 * zeroed follows.
 */
function penaltyOf(word: string, lambda: number | undefined, { phases, model }: Recipe): PenaltyChoice {
  const [, structure, own] = SSL.exec(word)!;
  const usual = model.name === "mlp" || model.name === "gpt" ? "linear" : "convolutions";
  const penalty: NonNullable<Recipe["regularize"]>[number] = {
    ...{ structure: structure.replace(/^block-/, "block "), bySize: true, form: "proximal" as const },
    lambda: own === undefined ? (lambda ?? SSL_LAMBDA[usual]) : positive("methods")(own),
  };
  return { regularize: [penalty], phases: phases.frozenFrom < 1 ? phases : { ...phases, frozenFrom: SSL_LEARNS } };
}

/** A new folder such as runs/2026-11-21-184501, with a number added if two runs start in one second. */
export function defaultFolder(): string {
  const stamp = new Date().toISOString().slice(0, 19).replace("T", "-").replaceAll(":", "");
  for (let i = 1; ; i++) {
    const path = join("runs", i === 1 ? stamp : `${stamp}-${i}`);
    if (!existsSync(path)) return path;
  }
}
