/**
 * What compare trains: its options come first, then its recipe; without a recipe, what is usual for the data and the
 * model.
 */
import { valueAt, withValueAt } from "../lab/recipes/paths.ts";
import { parseRecipe, type Recipe } from "../lab/recipes/recipe.ts";
import { readJson } from "../lab/runs/json-file.ts";
import { overridden, type RecipeOptions } from "./overrides.ts";

// enough images in a step for sparse products to gain at the sizes of a laptop
export const MLP_BATCH = 256;
// twice the recipe's, which is for half of this batch; dense is also best with it, of 1e-3, 2e-3 and 4e-3
// (docs/strategies.md)
export const MLP_LEARNING_RATE = 2e-3;

/** The model and batch size for a data set if neither an option nor a recipe gives others. */
const USUAL: Readonly<Record<string, { readonly model: string; readonly batchSize?: number }>> = {
  cifar10: { model: "cnn" },
  text: { model: "gpt", batchSize: 32 },
  scenes: { model: "detector", batchSize: 32 },
};

/** The options that the recipe of a comparison depends on. */
export interface ComparedOptions extends RecipeOptions {
  readonly data?: string;
  readonly model?: string;
  /** Path of a recipe. */
  readonly recipe?: string;
}

/**
 * The recipe of the file, if one is given, with the options applied; otherwise what is usual for the data and the
 * model.
 */
export function recipeOf(options: ComparedOptions): Recipe {
  const { recipe: file, data, model } = options;
  const where = file ?? "compare";
  const written = file === undefined ? {} : readJson("recipe", file);
  const base = parseRecipe(written, where);
  const usual = file === undefined ? USUAL[data ?? base.data.name] : undefined;
  const named = model ?? usual?.model ?? base.model.name;
  const chosen = [
    { key: "data.name", value: data },
    // the recipe's own model keeps its widths
    { key: "model", value: named === base.model.name ? undefined : { name: named } },
  ];
  const asked = overridden(written, { ...options, set: [...chosen, ...(options.set ?? [])] }, where);
  const held = withValidation(asked);
  return parseRecipe(file === undefined ? withUsual(held, usual) : held, where);
}

/** The most images that a limit and the validation split leave for training. */
function leftOf({ limit, validation }: Recipe["data"]): number {
  if (limit?.train === undefined) return Number.POSITIVE_INFINITY;
  return limit.train - Math.round((validation?.fraction ?? 0) * limit.train);
}

/** Times to equal loss and choices need a validation split, so a comparison always has one. */
function withValidation(asked: unknown): unknown {
  return valueAt(asked, "data.validation") === undefined ? withValueAt(asked, "data.validation", {}) : asked;
}

/**
 * Fills in the usual batch size of a model, and the learning rate that goes with it, if neither a recipe nor an option
 * gives them.
 */
function withUsual(asked: unknown, usual: { readonly batchSize?: number } | undefined): unknown {
  const { model, data, optimizer } = parseRecipe(asked, "compare");
  const isMlp = model.name === "mlp";
  const batchSize =
    valueAt(asked, "batchSize") ?? usual?.batchSize ?? (isMlp ? Math.min(MLP_BATCH, leftOf(data)) : undefined);
  const sized = withValueAt(asked, "batchSize", batchSize);
  const isFree = optimizer.name === "adamw" && valueAt(asked, "optimizer.learningRate") === undefined;
  if (!isMlp || !isFree || batchSize !== MLP_BATCH) return sized;
  const { name } = optimizer;
  return withValueAt(withValueAt(sized, "optimizer.name", name), "optimizer.learningRate", MLP_LEARNING_RATE);
}
