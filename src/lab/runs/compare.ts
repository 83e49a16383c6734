/** A comparison: one recipe under several methods, in a folder with a run folder for each. */
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
import { checkVacant, RunFolder, readResult, writeResult } from "./run-folder.ts";
import { type Machine, machineOf, type RunResult, type TrainOptions, trainTogether } from "./together.ts";

/** The result of a comparison, which `compare --json` writes. */
export interface Comparison {
  readonly machine: Machine;
  readonly data: string;
  readonly model: string;
  /** Number of epochs; null if the recipe gives steps. */
  readonly epochs: number | null;
  readonly seed: number;
  /** The common recipe, with its keys under the names of version 0.1 too. */
  readonly recipe: Omit<Recipe, "strategy" | "method">;
  readonly runs: readonly RunResult[];
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
export function createComparison(path: string, chosen: readonly Recipe[]): void {
  const recipes = beside(chosen);
  checkVacant("compare", path);
  mkdirSync(path, { recursive: true });
  const own = recipes.map((recipe) => nameOf(recipe));
  const names = own.map((name, i) => (own.indexOf(name) === i ? name : `${name}-${i}`));
  recipes.forEach((one, i) => {
    RunFolder.create(join(path, names[i]), one);
  });
  // written last: a folder with this file is complete
  writeResult(join(path, FILE), { runs: names });
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

/** The run folders of a comparison. */
export function openComparison(path: string): RunFolder[] {
  const file = join(path, FILE);
  const { runs } = (readResult("comparison", file) ?? {}) as { runs?: unknown };
  const areNames = Array.isArray(runs) && runs.length > 0 && runs.every((name) => typeof name === "string");
  if (!areNames) {
    throw expected(file, "the names of its run folders", JSON.stringify(runs) ?? "none", "Write the comparison anew");
  }
  return runs.map((name) => RunFolder.open(join(path, name)));
}

/** Trains what is left of a comparison, then writes and returns its result. */
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
    runs,
  };
  writeResult(join(path, "result.json"), comparison);
  return comparison;
}
