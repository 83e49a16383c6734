/**
 * A comparison: one recipe under several methods, in a folder with a run folder for each. With several seeds, the folder
 * holds a comparison for each of them.
 */
import { existsSync, mkdirSync } from "node:fs";
import { loadavg } from "node:os";
import { basename, join } from "node:path";
import type { Dataset } from "../../core/data/dataset.ts";
import { expected } from "../../core/errors.ts";
import type { Device } from "../../core/tensor/device.ts";
import { withFormerNames } from "../recipes/former-names.ts";
import type { MethodChoice, Recipe } from "../recipes/recipe.ts";
import { parseRecipe } from "../recipes/recipe.ts";
import { nameOf } from "../recipes/recipe-name.ts";
import { EQUALS, type Equal, type MethodSummary, summarizeMethods, type Verdict, verdictOn } from "./against-dense.ts";
import { checkVacant, RunFolder, readResult, writeResult } from "./run-folder.ts";
import type { Searched } from "./search.ts";
import { type Machine, machineOf, type RunResult, type TrainOptions, trainTogether } from "./together.ts";

/** The result of a comparison, which `compare --json` writes. */
export interface Comparison {
  readonly machine: Machine;
  readonly data: string;
  readonly model: string;
  /** Number of epochs; null if the recipe gives steps. */
  readonly epochs: number | null;
  /** The first seed. */
  readonly seed: number;
  /** The common recipe, with its keys under the names of version 0.1 too. */
  readonly recipe: Omit<Recipe, "strategy" | "method">;
  /** What was tried and chosen on the validation split, a line a method; empty without a search. */
  readonly search: readonly MethodSearch[];
  /** All runs, seed by seed. */
  readonly runs: readonly RunResult[];
  readonly seeds: readonly number[];
  /** What the runs of a seed are equal in: as many steps, or about as much time, by other numbers of steps. */
  readonly equal: Equal;
  /** The methods over the seeds. Ends of intervals that are unbounded are null in JSON. */
  readonly methods: readonly MethodSummary[];
  /** Null without a dense run. */
  readonly verdict: Verdict | null;
}

/** The search for one method, by its name with the pattern. */
export interface MethodSearch extends Omit<Searched, "recipe"> {
  readonly method: string;
}

const FILE = "compare.json";

/** The recipe with another method or another strategy; with dense weights all products are dense. */
export function withMethod(recipe: Recipe, choice: MethodChoice | StrategyChoice | PenaltyChoice): Recipe {
  const { strategy: _, regularize, ...rest } = recipe;
  const none = { name: "dense" };
  const dense = { method: none, activations: none, inputGrad: none, weightGrad: none, layers: {} };
  if (isPenalty(choice)) return parseRecipe({ ...rest, ...dense, ...choice }, nameOf({ ...choice, method: none }));
  const own = regularize === undefined ? {} : { regularize };
  if (isStrategy(choice)) {
    const { method: __, inputGrad: ___, weightGrad: ____, ...others } = rest;
    return parseRecipe({ ...others, ...own, ...choice }, `strategy ${choice.strategy.name}`);
  }
  if (choice.name === "dense") return parseRecipe({ ...rest, ...dense, method: choice }, "method dense");
  return parseRecipe({ ...rest, ...own, method: choice }, `method ${choice.name}`);
}

function isPenalty(choice: MethodChoice | StrategyChoice | PenaltyChoice): choice is PenaltyChoice {
  return "regularize" in choice;
}

function isStrategy(choice: MethodChoice | StrategyChoice): choice is StrategyChoice {
  return typeof choice.strategy === "object";
}

/** Dense weights under penalties, and when these act. */
export type PenaltyChoice = Pick<Recipe, "phases"> & Required<Pick<Recipe, "regularize">>;

/** A strategy with its pattern. */
export interface StrategyChoice {
  readonly strategy: { readonly name: string; readonly pattern: string };
}

/**
 * Makes the folder of a comparison: compare.json, and for each recipe a run folder named after its strategy or method.
 */
export function createComparison(
  path: string,
  chosen: readonly Recipe[],
  equal: Equal = "steps",
  search: readonly MethodSearch[] = [],
): void {
  const recipes = beside(chosen);
  checkVacant("compare", path);
  mkdirSync(path, { recursive: true });
  const own = recipes.map((recipe) => nameOf(recipe));
  const names = own.map((name, i) => (own.indexOf(name) === i ? name : `${name}-${i}`));
  recipes.forEach((one, i) => {
    RunFolder.create(join(path, names[i]), one);
  });
  // written last: a folder with this file is complete
  writeResult(join(path, FILE), { runs: names, equal, search });
}

/** Makes the folder of a comparison over seeds: the recipes of each seed in a comparison of their own. */
export function createComparisonOfSeeds(
  path: string,
  bySeed: readonly (readonly Recipe[])[],
  equal: Equal,
  search: readonly MethodSearch[] = [],
): void {
  if (bySeed.length === 1) {
    createComparison(path, bySeed[0], equal, search);
    return;
  }
  checkVacant("compare", path);
  mkdirSync(path, { recursive: true });
  const names = bySeed.map(([{ seed }]) => `seed-${seed}`);
  bySeed.forEach((recipes, i) => {
    createComparison(join(path, names[i]), recipes, equal, search);
  });
  writeResult(join(path, FILE), { seeds: names, equal, search });
}

/**
 * Adds virtual masks to runs with dense weights, under the pattern of the first sparse run, so that flip rates can be
 * compared.
 */
function beside(recipes: readonly Recipe[]): Recipe[] {
  const virtual = recipes.map(({ method }) => method.pattern).find((pattern) => pattern !== undefined);
  if (virtual === undefined) return [...recipes];
  return recipes.map((one) =>
    one.method.name === "dense"
      ? { ...one, monitor: { ...one.monitor, virtual: one.monitor.virtual ?? virtual } }
      : one,
  );
}

/** Whether a folder holds a comparison. */
export function isComparison(path: string): boolean {
  return existsSync(join(path, FILE));
}

/** The folders of the comparisons that one over several seeds consists of; otherwise the folder itself. */
export function comparisonsIn(path: string): string[] {
  const { seeds } = contentOf(path);
  return seeds === undefined ? [path] : namesOf(seeds, join(path, FILE)).map((name) => join(path, name));
}

/** The run folders of a comparison, seed by seed. */
export function openComparison(path: string): RunFolder[] {
  return comparisonsIn(path).flatMap((one) => {
    return namesOf(contentOf(one).runs, join(one, FILE)).map((name) => RunFolder.open(join(one, name)));
  });
}

interface Content {
  readonly runs?: unknown;
  readonly seeds?: unknown;
  readonly equal?: unknown;
  readonly search?: unknown;
}

function contentOf(path: string): Content {
  return (readResult("comparison", join(path, FILE)) ?? {}) as Content;
}

function namesOf(found: unknown, file: string): string[] {
  if (Array.isArray(found) && found.length > 0 && found.every((name) => typeof name === "string")) return found;
  throw expected(file, "the names of its run folders", JSON.stringify(found) ?? "none", "Write the comparison anew");
}

/** Trains what is left of a comparison of one seed, then writes and returns its result. */
export async function runComparison(
  path: string,
  data: Dataset,
  device: Device,
  options?: TrainOptions,
): Promise<Comparison> {
  const load = loadavg()[0];
  const folders = openComparison(path);
  const runs = await trainTogether(folders, data, device, options);
  const { strategy: _, method: __, data: files, ...rest } = folders[0].recipe;
  // the place of the files matters on this machine only
  const { dir: ___, file, ...named } = files;
  const recipe = { ...rest, data: file === undefined ? named : { ...named, file: basename(file) } };
  const comparison: Comparison = {
    machine: machineOf(device, load),
    data: recipe.data.name,
    model: recipe.model.name,
    epochs: recipe.epochs ?? null,
    seed: recipe.seed,
    recipe: withFormerNames(recipe),
    search: (contentOf(path).search ?? []) as readonly MethodSearch[],
    ...summaryOf([runs], EQUALS.find((one) => one === contentOf(path).equal) ?? "steps"),
  };
  writeResult(join(path, "result.json"), comparison);
  return comparison;
}

/** Joins the results of the seeds' comparisons to that of the whole, and writes it. */
export function joinComparisons(path: string, comparisons: readonly Comparison[]): Comparison {
  const [first] = comparisons;
  if (comparisons.length === 1) return first;
  const loads = [first.machine.load[0], comparisons[comparisons.length - 1].machine.load[1]] as const;
  const whole: Comparison = {
    ...first,
    machine: { ...first.machine, load: loads },
    ...summaryOf(
      comparisons.map(({ runs }) => runs),
      first.equal,
    ),
  };
  writeResult(join(path, "result.json"), whole);
  return whole;
}

function summaryOf(
  bySeed: readonly (readonly RunResult[])[],
  equal: Equal,
): Pick<Comparison, "runs" | "seeds" | "equal" | "methods" | "verdict"> {
  const methods = summarizeMethods(bySeed);
  return { runs: bySeed.flat(), seeds: methods[0].seeds, equal, methods, verdict: verdictOn(methods) };
}
