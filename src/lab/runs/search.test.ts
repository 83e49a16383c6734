import { describe, expect, test } from "vitest";
import { spots } from "../../../test/spots.ts";
import { jsKernels } from "../../core/backend/js.ts";
import { withValidation } from "../../core/data/validation.ts";
import { Device } from "../../core/tensor/device.ts";
import { parseRecipe } from "../recipes/recipe.ts";
import { Run } from "./run.ts";
import { combinations, search } from "./search.ts";

const data = withValidation(spots, { fraction: 0.25 });
const recipe = (method: object) =>
  parseRecipe({ model: { name: "mlp", hidden: [8] }, steps: 4, batchSize: 16, skip: [], method });
const device = (): Device => new Device(jsKernels());

describe("the combinations of a search", () => {
  test("are all of the values, without keys that a method does not have", () => {
    const grid = { "optimizer.learningRate": [1, 2], "method.lambda": [3, 4] };
    expect(combinations(recipe({ name: "sr-ste" }), grid)).toEqual([
      { "optimizer.learningRate": 1, "method.lambda": 3 },
      { "optimizer.learningRate": 1, "method.lambda": 4 },
      { "optimizer.learningRate": 2, "method.lambda": 3 },
      { "optimizer.learningRate": 2, "method.lambda": 4 },
    ]);
    expect(combinations(recipe({ name: "dense" }), grid)).toEqual([
      { "optimizer.learningRate": 1 },
      { "optimizer.learningRate": 2 },
    ]);
    expect(combinations(recipe({ name: "dense" }), {})).toEqual([{}]);
  });
});

describe("a search", () => {
  const rates = [1e-6, 1e-2, 1e-5];

  test("takes the value with the least loss on the validation split, which its record shows", async () => {
    const base = recipe({ name: "ste" });
    const found = await search(base, { "optimizer.learningRate": rates }, data, device());
    expect(found.chosen).toEqual({ "optimizer.learningRate": 1e-2 });
    expect(found.recipe.optimizer.learningRate).toBe(1e-2);
    expect(found.trials.map(({ values }) => values["optimizer.learningRate"])).toEqual(rates);
    const again = new Run(found.recipe, data, device());
    while (!again.done) again.advance();
    expect(found.trials[1].loss).toBe(again.evaluate("validation").loss);
    expect(found.trials[1].loss).not.toBe(again.evaluate("test").loss);
  });

  test("runs nothing where there is nothing to choose", async () => {
    const base = recipe({ name: "dense" });
    const found = await search(base, { "method.lambda": [1, 2] }, data, device());
    expect(found).toEqual({ recipe: base, chosen: {}, trials: [] });
  });

  test("counts what diverges as no choice, and says so if all do", async () => {
    const base = { ...recipe({ name: "dense" }), steps: 30 };
    const sgd = parseRecipe({ ...base, optimizer: { name: "sgd" } });
    const key = "optimizer.learningRate";
    const found = await search(sgd, { [key]: [1e30, 1e-3] }, data, device());
    expect(found.trials[0]).toEqual({ values: { [key]: 1e30 }, loss: null });
    expect(found.chosen).toEqual({ [key]: 1e-3 });
    await expect(search(sgd, { [key]: [1e30, 1e31] }, data, device())).rejects.toThrow(
      "search, dense: expected a run that ends with a finite loss, got none of",
    );
  });

  test("needs a validation split", async () => {
    const grid = { "optimizer.learningRate": rates };
    await expect(search(recipe({ name: "dense" }), grid, spots, device())).rejects.toThrow(
      "a validation split, got none",
    );
  });
});
