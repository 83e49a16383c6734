/** What the command line says in place of keys of a recipe. */
import type { LeaveDense } from "../core/sparsity/plan.ts";
import type { Precision } from "../core/tensor/precision.ts";
import { currentName, tellFormer, withCurrentNames } from "../lab/recipes/former-names.ts";
import { valueAt, withValueAt } from "../lab/recipes/paths.ts";
import { parseRecipe } from "../lab/recipes/recipe.ts";

/** One setting of --set. */
export interface Setting {
  /** Path of a key, such as "optimizer.learningRate". */
  readonly key: string;
  readonly value: unknown;
}

/** The options in the lists of recipeOptions and trainingOptions, and --monitor and --precision. */
export interface RecipeOptions {
  readonly seed?: number;
  readonly batchSize?: number;
  readonly set?: readonly Setting[];
  readonly dataDir?: string;
  readonly limit?: number;
  readonly epochs?: number;
  readonly steps?: number;
  readonly optimizer?: string;
  readonly lr?: number;
  readonly monitor?: number;
  readonly precision?: Precision;
  readonly leaveDense?: LeaveDense;
}

/**
 * The recipe as it was written, under the present names of its keys, with the options applied; those of --set come
 * last. The caller has to pass the result to `parseRecipe`. `where` begins its errors.
 */
export function overridden(written: unknown, options: RecipeOptions, where: string): unknown {
  const {
    seed,
    batchSize,
    dataDir,
    limit,
    epochs,
    steps,
    optimizer,
    lr,
    monitor,
    precision,
    leaveDense,
    set = [],
  } = options;
  const settings = [
    { key: "seed", value: seed },
    { key: "batchSize", value: batchSize },
    { key: "data.dir", value: dataDir },
    { key: "data.limit.train", value: limit },
    { key: "epochs", value: epochs },
    { key: "steps", value: steps },
    { key: "optimizer.learningRate", value: lr },
    { key: "monitor.every", value: monitor },
    { key: "precision", value: precision },
    { key: "leaveDense", value: leaveDense },
    ...set,
  ];
  const named = withOptimizer(withCurrentNames(written, tellFormer), optimizer, where);
  return settings
    .filter(({ value }) => value !== undefined)
    .reduce((recipe, one) => withSetting(recipe, one, where), named);
}

/** Changes the optimizer, which begins with its own defaults: rates and decays of one optimizer do not fit another. */
function withOptimizer(written: unknown, name: string | undefined, where: string): unknown {
  if (name === undefined || name === parseRecipe(written, where).optimizer.name) return written;
  const own = { name, clip: valueAt(written, "optimizer.clip"), schedule: valueAt(written, "optimizer.schedule") };
  const given = Object.entries(own).filter(([, value]) => value !== undefined);
  return withValueAt(written, "optimizer", Object.fromEntries(given));
}

/** Epochs and steps exclude each other: setting one removes the other from the recipe. */
const INSTEAD: Readonly<Record<string, string>> = { epochs: "steps", steps: "epochs" };

function withSetting(written: unknown, { key, value }: Setting, where: string): unknown {
  const path = currentName(key, tellFormer);
  const [first, ...inner] = path.split(".");
  const base = Object.hasOwn(INSTEAD, path) ? withValueAt(written, INSTEAD[path], undefined) : written;
  const started = inner.length > 0 && valueAt(base, first) === undefined ? withName(base, first, where) : base;
  return withValueAt(started, path, value);
}

/** Writes the name of a choice that the recipe leaves to its defaults: a key alone would not say what it belongs to. */
function withName(written: unknown, key: string, where: string): unknown {
  const complete = parseRecipe(written, where);
  const names = ["name", "pattern"].map((name) => [name, valueAt(complete, `${key}.${name}`)] as const);
  const given = names.filter(([, value]) => value !== undefined);
  return given.length === 0 ? written : withValueAt(written, key, Object.fromEntries(given));
}
