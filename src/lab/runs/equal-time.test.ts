import { expect, test } from "vitest";
import { spots as data } from "../../../test/spots.ts";
import { jsKernels } from "../../core/backend/js.ts";
import { Device } from "../../core/tensor/device.ts";
import { parseRecipe } from "../recipes/recipe.ts";
import { withMethod } from "./compare.ts";
import { costOf, fitToTime, stepsWithin, timeOfRun } from "./equal-time.ts";

test("a run's time is that of its parts, each by its median step", () => {
  // four steps of 1 and four of 3: one part each; a pause within a part does not count
  expect(timeOfRun([1, 1, 1, 1, 3, 3, 3, 3])).toBe(16);
  const steps = [...new Array<number>(24).fill(1), ...new Array<number>(24).fill(3)];
  const paused = steps.map((ms, i) => (i === 10 || i === 40 ? 500 : ms));
  expect(timeOfRun(paused)).toBe(timeOfRun(steps));
  expect(timeOfRun(steps)).toBe(4 * 1 + 4 * 3);
});

test("the first steps count once, the others by their number", () => {
  const trial = [9, 1, 1, 1, ...new Array<number>(24).fill(1)];
  expect(costOf(trial)).toEqual({ start: 8, step: 1 });
  // 20 steps of 2 ms leave 30 of 1 ms beside 10 ms at the start
  expect(stepsWithin({ start: 0, step: 2 }, 20, { start: 10, step: 1 })).toBe(30);
  expect(stepsWithin({ start: 10, step: 2 }, 20, { start: 0, step: 1 })).toBe(50);
  expect(stepsWithin({ start: 0, step: 1 }, 2, { start: 100, step: 1 })).toBe(1);
});

test("every recipe but the first gets the steps that its measured times allow, and its own schedule end", async () => {
  const base = parseRecipe({ model: { name: "mlp", hidden: [16, 8] }, epochs: 3, batchSize: 16 });
  const recipes = [{ name: "dense" }, { name: "ste", pattern: "2:4" }].map((method) => withMethod(base, method));
  const [dense, sparse] = await fitToTime(recipes, data, new Device(jsKernels()));
  expect(dense).toEqual({ recipe: recipes[0], steps: 18, ratio: 1 });
  expect(sparse.ratio).toBeGreaterThan(0);
  expect(sparse.recipe).toMatchObject({ method: recipes[1].method, steps: sparse.steps, seed: recipes[1].seed });
  expect(sparse.recipe.epochs).toBeUndefined();
});
