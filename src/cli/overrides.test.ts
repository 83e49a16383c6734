import { describe, expect, test } from "vitest";
import { parseRecipe } from "../lab/recipes/recipe.ts";
import { overridden, type RecipeOptions } from "./overrides.ts";

const recipe = {
  data: { name: "cifar10", limit: { train: 100, test: 50 } },
  optimizer: { name: "sgd", learningRate: 0.05, momentum: 0.5, clip: 1, schedule: { name: "constant" } },
  epochs: 3,
  about: "Kept.",
};
const changed = (options: RecipeOptions, written: unknown = recipe): unknown => overridden(written, options, "r.json");
const set = (key: string, value: unknown, written?: unknown): unknown => changed({ set: [{ key, value }] }, written);

describe("options in place of a recipe's keys", () => {
  test("change these and leave all others", () => {
    const options = { seed: 7, batchSize: 8, dataDir: "d", limit: 64, steps: 9, lr: 0.1, monitor: 2 };
    expect(changed(options)).toEqual({
      data: { name: "cifar10", limit: { train: 64, test: 50 }, dir: "d" },
      optimizer: { ...recipe.optimizer, learningRate: 0.1 },
      ...{ about: "Kept.", seed: 7, batchSize: 8, steps: 9, monitor: { every: 2 } },
    });
    expect(changed({})).toEqual(recipe);
  });

  test("take epochs in place of steps and steps in place of epochs", () => {
    expect(changed({ epochs: 2 }, { steps: 5 })).toEqual({ epochs: 2 });
    expect(set("steps", 4)).toEqual({ ...recipe, epochs: undefined, steps: 4 });
  });

  test("begin another optimizer with its own defaults, but for clipping and schedule", () => {
    expect(changed({ optimizer: "sgd" })).toEqual(recipe);
    const { clip, schedule } = recipe.optimizer;
    expect(changed({ optimizer: "adamw", lr: 0.1 })).toMatchObject({
      optimizer: { name: "adamw", clip, schedule, learningRate: 0.1 },
    });
    expect(parseRecipe(changed({ optimizer: "sgd" }, {})).optimizer).toMatchObject({ name: "sgd", learningRate: 0.05 });
  });
});

describe("--set", () => {
  test("sets a key at any depth, by its name of 0.1 too, and wins over the other options", () => {
    expect(set("optimizer.schedule.warmup", 0.1)).toMatchObject({
      optimizer: { schedule: { name: "constant", warmup: 0.1 } },
    });
    expect(set("optimiser.rate", 0.2)).toMatchObject({ optimizer: { learningRate: 0.2 } });
    const both = { lr: 0.1, set: [{ key: "optimizer.learningRate", value: 0.3 }] };
    expect(changed(both)).toMatchObject({ optimizer: { learningRate: 0.3 } });
    const penalties = { regularize: [{ structure: "row", lambda: 1 }] };
    expect(set("regularize.0.lambda", 2, penalties)).toEqual({ regularize: [{ structure: "row", lambda: 2 }] });
  });

  test("of a choice that the recipe leaves out means that of the defaults, or of the strategy", () => {
    expect(set("optimizer.learningRate", 0.01, {})).toEqual({ optimizer: { name: "adamw", learningRate: 0.01 } });
    expect(set("model.hidden", [8], {})).toEqual({ model: { name: "mlp", hidden: [8] } });
    const strategy = { strategy: { name: "mvue", pattern: "1:4" } };
    expect(parseRecipe(set("method.refresh", 4, strategy)).method).toMatchObject({ pattern: "1:4", refresh: 4 });
    expect(set("phases.denseFrom", 0.5, {})).toEqual({ phases: { denseFrom: 0.5 } });
  });
});
