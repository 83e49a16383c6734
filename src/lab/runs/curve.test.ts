/** Accuracy over sparsity: what is trained, what is kept of it, and what is made of that. */
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { jsKernels } from "../../core/backend/js.ts";
import { Device } from "../../core/tensor/device.ts";
import { makeDigits } from "../data/digits.ts";
import { parseRecipe } from "../recipes/recipe.ts";
import { curveOf, curveText } from "../report/curve-table.ts";
import { curvePicture } from "../report/page/curve.ts";
import { withMethod } from "./compare.ts";
import { atSparsity, type CurveRun, patternOf, readCurve, trainCurve } from "./curve.ts";

const recipe = parseRecipe({ model: { name: "mlp", hidden: [16, 16] }, batchSize: 16, steps: 8, seed: 5 });

test("a sparsity is that of the N:M with the least M from 4 on", () => {
  const found = [0.5, 0.75, 0.8, 0.875, 0.9, 0.9375, 0.625].map(patternOf);
  expect(found).toEqual(["2:4", "1:4", "1:5", "1:8", "1:10", "1:16", "3:8"]);
  for (const sparsity of [0.97, 0.33, 0.9999]) expect(patternOf(sparsity)).toBeNull();
});

test("a method takes its sparsity, its pattern or its strategy's; the recipe's own method keeps its options", () => {
  expect(atSparsity(recipe, "rigl", 0.8).method).toMatchObject({ name: "rigl", sparsity: 0.8 });
  expect(atSparsity(recipe, "prune-obd", 0.8).method).toMatchObject({ name: "prune", sparsity: 0.8, score: "obd" });
  expect(atSparsity(recipe, "sr-ste", 0.75).method).toMatchObject({ name: "sr-ste", pattern: "1:4" });
  expect(atSparsity(recipe, "fully-sparse", 0.5).strategy).toEqual({ name: "fully-sparse", pattern: "2:4" });
  const own = parseRecipe({ ...recipe, method: { name: "prune", schedule: "one-shot" } });
  expect(atSparsity(own, "prune-obs", 0.6).method).toMatchObject({ schedule: "one-shot", score: "obs", sparsity: 0.6 });
  expect(atSparsity(own, "rigl", 0.6).method).not.toHaveProperty("schedule");
  expect(() => atSparsity(recipe, "ste", 0.97)).toThrow(
    "ste at sparsity 0.97: expected a share of zeros of a pattern N:M with M up to 16, got 0.97.",
  );
});

describe("a folder", () => {
  let folder = "";
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "trisparse-curve-"));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const data = makeDigits({ limit: { train: 64, test: 40 } });
  const places = [
    { method: "dense", sparsity: 0, recipe: withMethod(recipe, { name: "dense" }) },
    ...[0.5, 0.75].map((sparsity) => ({ method: "prune", sparsity, recipe: atSparsity(recipe, "prune", sparsity) })),
    { method: "ste", sparsity: 0.75, recipe: atSparsity(recipe, "ste", 0.75) },
  ];
  const train = (seeds: number, trained: string[] = []): CurveRun[] =>
    trainCurve(folder, places, seeds, data, new Device(jsKernels()), (text) => trained.push(text));

  test("has a line for each run, whose counts follow from its sparsity", () => {
    const runs = train(2);
    expect(readCurve(folder)).toEqual(runs);
    expect(runs.map(({ method, sparsity, seed }) => `${method} ${sparsity} ${seed}`)).toEqual(
      [5, 6].flatMap((seed) => ["dense 0", "prune 0.5", "prune 0.75", "ste 0.75"].map((place) => `${place} ${seed}`)),
    );
    const [pruned, dense] = [784 * 16 + 16 * 16, 16 * 10];
    const biases = 16 + 16 + 10;
    for (const { method, sparsity, score, parameters, nonZeros, bytes, macs, answers } of runs) {
      expect(parameters).toBe(pruned + dense + biases);
      expect(nonZeros).toBe((1 - sparsity) * pruned + dense + biases);
      expect(macs).toBe((1 - sparsity) * pruned + dense);
      if (method === "dense") expect(bytes).toBe(4 * parameters);
      // N:M has 2 bits for each value of 32
      if (method === "ste") expect(bytes).toBe((pruned / 4) * 4.25 + 4 * (dense + biases));
      expect(answers).toHaveLength(40);
      expect((100 * [...answers!].filter((one) => one === "1").length) / 40).toBeCloseTo(score, 10);
    }
  });

  test("is gone on with: what is there is not trained again, and half a line is forgotten", () => {
    const runs = train(1);
    const whole = readFileSync(join(folder, "curve.jsonl"), "utf8");
    appendFileSync(join(folder, "curve.jsonl"), '{"method":"de');
    const trained: string[] = [];
    const more = train(2, trained);
    expect(trained).toEqual(["dense, seed 6", "prune 0.5, seed 6", "prune 0.75, seed 6", "ste 0.75, seed 6"]);
    expect(more.slice(0, 4)).toEqual(runs);
    expect(readCurve(folder)).toEqual(more);
    expect(readFileSync(join(folder, "curve.jsonl"), "utf8").startsWith(whole)).toBe(true);
    // another recipe is trained, and is no part of the curve of the first
    const longer = { ...places[0], recipe: { ...places[0].recipe, steps: 9 } };
    const other = trainCurve(folder, [longer], 1, data, new Device(jsKernels()));
    expect(other).toHaveLength(1);
    expect(readCurve(folder)).toEqual([...more, ...other]);
    expect(train(2)).toEqual(more);
  });
});

describe("a curve", () => {
  const run = (method: string, sparsity: number, seed: number, answers: string): CurveRun => {
    const right = [...answers].filter((one) => one === "1").length;
    const nonZeros = sparsity === 0 ? 2e6 : 1e6;
    return {
      ...{ method, sparsity, seed, recipe, loss: 1, parameters: 2e6, nonZeros, bytes: 4096, macs: 1e6, answers },
      score: (100 * right) / answers.length,
    };
  };
  const runs = [
    run("prune", 0.5, 1, "1000"),
    run("prune", 0.5, 2, "1100"),
    run("dense", 0, 1, "1110"),
    run("dense", 0, 2, "1110"),
  ];

  test("has dense first, with means, intervals and efficiencies", () => {
    const [dense, prune] = curveOf(runs, "accuracy %").points;
    expect(dense).toMatchObject({ method: "dense", score: 75, low: 75, high: 75, zeros: 0, efficiency: 37.5 });
    expect(prune).toMatchObject({
      method: "prune",
      sparsity: 0.5,
      seeds: 2,
      score: 37.5,
      zeros: 0.5,
      efficiency: 37.5,
    });
    // Student's t of one degree of freedom times the error 12.5
    expect(prune.high - prune.score).toBeCloseTo(12.706204736 * 12.5, 6);
    // hardness of the four: 0, 1/4, 1/2, 1
    expect(dense.hardEfficiency).toBeCloseTo(0.75 / 1.75 / 2, 12);
    expect(prune.hardEfficiency).toBeCloseTo((0 + 0.25 / 1.75) / 2, 12);
  });

  test("of one seed has no interval, and without answers no hardness", () => {
    const { answers: _, ...unanswered } = runs[0];
    const { points } = curveOf([unanswered], "accuracy %");
    expect(points).toMatchObject([{ low: 25, high: 25, hardEfficiency: null }]);
    expect(curveOf(runs, "bits/char").points[0].efficiency).toBeNull();
  });

  test("is shown as a table of at most 100 columns and as a picture with a band", () => {
    const curve = curveOf(runs, "accuracy %");
    const text = curveText(curve);
    expect(text).toContain("37.50 ± 158.83");
    expect(Math.max(...text.split("\n").map(({ length }) => length))).toBeLessThanOrEqual(100);
    const drawn = curvePicture(curve);
    expect(drawn).toMatch(/^<svg xmlns/);
    expect(drawn).toContain(">prune</text>");
    expect(drawn).toContain(">dense</text>");
    expect(drawn.match(/class="band /g)).toHaveLength(1);
    expect(curvePicture(curveOf(runs.slice(2), "accuracy %"))).toContain(">dense</text>");
  });
});
