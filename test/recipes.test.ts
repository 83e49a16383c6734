/** The recipes that come with trisparse can be trained, and their schema is the one the program checks by. */

import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { jsKernels } from "../src/core/backend/js.ts";
import { type Dataset, dataset } from "../src/core/data/dataset.ts";
import { textDataset } from "../src/core/data/text-dataset.ts";
import { activationMethods } from "../src/core/sparsity/methods/activations/methods.ts";
import { inputGradMethods } from "../src/core/sparsity/methods/input-grad/methods.ts";
import { strategies } from "../src/core/sparsity/methods/strategies.ts";
import { unstructuredMethods } from "../src/core/sparsity/methods/unstructured/methods.ts";
import { weightGradMethods } from "../src/core/sparsity/methods/weight-grad/methods.ts";
import { weightMethods } from "../src/core/sparsity/methods/weights/methods.ts";
import { Device } from "../src/core/tensor/device.ts";
import { makeScenes } from "../src/lab/data/scenes.ts";
import { sources } from "../src/lab/data/sources.ts";
import { modelNames } from "../src/lab/recipes/architecture.ts";
import { parseRecipe, type Recipe, recipeSchema } from "../src/lab/recipes/recipe.ts";
import { Run } from "../src/lab/runs/run.ts";

const folder = new URL("../recipes/", import.meta.url);
const read = (name: string): unknown => JSON.parse(readFileSync(new URL(name, folder), "utf8"));
const names = readdirSync(folder).filter((name) => name !== "schema.json");

test("recipes/schema.json is what recipes are checked by (else: npx tsx scripts/write-schema.ts)", () => {
  expect(read("schema.json")).toEqual(JSON.parse(JSON.stringify(recipeSchema())));
});

test("there are recipes for every data set, model and method", () => {
  const recipes = names.map((name) => parseRecipe(read(name), name));
  const all = (of: (recipe: (typeof recipes)[number]) => string): Set<string> => new Set(recipes.map(of));
  expect(all(({ data }) => data.name)).toEqual(new Set(Object.keys(sources)));
  expect(all(({ model }) => model.name)).toEqual(new Set(modelNames));
  const named = (table: readonly { readonly name: string }[], ...others: string[]): Set<string> =>
    new Set([...others, ...table.map(({ name }) => name)]);
  expect(all(({ method }) => method.name)).toEqual(named([...weightMethods, ...unstructuredMethods]));
  expect(all(({ activations }) => activations.name)).toEqual(named(activationMethods, "dense"));
  expect(all(({ inputGrad }) => inputGrad.name)).toEqual(named(inputGradMethods, "dense"));
  expect(all(({ weightGrad }) => weightGrad.name)).toEqual(named(weightGradMethods, "dense"));
  expect(all(({ strategy }) => strategy?.name ?? "none")).toEqual(named(strategies, "none"));
});

/** Data of the recipe's kind that its epoch takes one step for. */
function oneBatchOf({ data, model, batchSize }: Recipe): Dataset {
  if (model.name === "gpt") {
    const text = textDataset("abcd".repeat(3 * model.context));
    return { ...text, train: text.train.subarray(0, model.context + 1) };
  }
  if (model.name === "detector") return makeScenes({ limit: { train: batchSize, test: 1 } });
  const { task } = sources[data.name];
  if (task.kind !== "images") throw new Error(`${data.name} is no set of images`);
  const { shape, classes } = task;
  const split = {
    count: batchSize,
    images: Uint8Array.from({ length: batchSize * shape[0] * shape[1] * shape[2] }, (_, i) => i % 251),
    labels: new Uint8Array(batchSize),
  };
  return dataset({ name: data.name, shape, classes, train: split, test: split });
}

describe.each(names)("the recipe %s", (name) => {
  const recipe = parseRecipe(read(name), name);

  test("says what it is, and its name says its data, model and method", () => {
    const { $schema, about } = read(name) as { $schema: string; about: string };
    expect($schema).toBe("./schema.json");
    expect(about).toMatch(/\.$/);
    const { data, model, strategy, method, activations, inputGrad, weightGrad, regularize } = recipe;
    const depth = model.name === "resnet" ? model.depth : "";
    const others = [activations, inputGrad, weightGrad].map((one) => one.name).filter((one) => one !== "dense");
    const weights = regularize === undefined ? method.name : "ssl";
    const words = strategy === undefined ? [weights, ...others] : [strategy.name];
    const source = data.file?.replace(/\.txt$/, "") ?? data.name;
    expect(name).toBe(`${source}-${model.name}${depth}-${words.join("-")}.json`);
  });

  test("has a layer that its pattern fits", () => {
    const { plan, steps } = new Run(recipe, oneBatchOf(recipe), new Device(jsKernels()));
    const { method, activations } = recipe;
    const hasPattern = weightMethods.some(({ name, sparse }) => sparse && name === method.name);
    expect(plan.some(({ pattern }) => pattern !== null)).toBe(hasPattern);
    expect(plan.some(({ computed }) => computed.forward !== "dense")).toBe(
      method.name !== "dense" || activations.name !== "dense",
    );
    expect(steps).toBe(recipe.steps ?? recipe.epochs);
  });
});
