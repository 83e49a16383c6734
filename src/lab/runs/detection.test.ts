/** Runs of a detector. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { jsKernels } from "../../core/backend/js.ts";
import { textDataset } from "../../core/data/text-dataset.ts";
import { detector } from "../../core/nn/models/detector.ts";
import { Random } from "../../core/random.ts";
import { detections } from "../../core/task/objective.ts";
import { Device } from "../../core/tensor/device.ts";
import { tensor } from "../../core/tensor/tensor.ts";
import { nativeInstructionSets, nativeKernels } from "../../node/native.ts";
import { compact } from "../compression/compact.ts";
import { makeDigits } from "../data/digits.ts";
import { makeScenes } from "../data/scenes.ts";
import { parseRecipe, type Recipe } from "../recipes/recipe.ts";
import { reportPage } from "../report/page/page.ts";
import { summarize } from "../report/page/summary.ts";
import { comparisonText } from "../report/table.ts";
import { createComparison, runComparison, withMethod } from "./compare.ts";
import { readRuns } from "./read-run.ts";
import { Run } from "./run.ts";

const data = makeScenes({ limit: { train: 64, test: 20 } });
const recipe = (more: object = {}): Recipe =>
  parseRecipe({
    data: { name: "scenes" },
    model: { name: "detector", widths: [8, 8, 16, 16] },
    ...{ steps: 6, batchSize: 4, method: { name: "dense" } },
    ...more,
  });
const fst = { strategy: { name: "fst", pattern: "2:4" } };
const sparse = (more: object = fst): Recipe => {
  const { method: _, inputGrad: __, weightGrad: ___, ...rest } = recipe();
  return parseRecipe({ ...rest, ...more });
};
const device = (): Device => new Device(jsKernels());

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "trisparse-detection-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

test("boxes come out of the numbers of their cells, the surest first, doubles suppressed", () => {
  // 1 x 2 cells, two classes: logits of both and the background, then a box
  const says = [...[5, 0, 0, 0, 0, 0, 0], ...[4, 0, 0, -1, 0, 0, 0]];
  const [found] = detections(tensor(device(), [1, 1, 2, 7], says));
  expect(found.map(({ label, box }) => [label, ...box])).toEqual([
    [0, -4, -4, 12, 12],
    [1, -4, -4, 12, 12],
  ]);
  expect(found[0].score).toBeCloseTo(Math.exp(5) / (Math.exp(5) + 2), 6);
  expect(found[1].score).toBeCloseTo(1 / (Math.exp(4) + 2), 6);
});

describe("a run of a detector", () => {
  test("leaves the first convolution and the head dense", () => {
    const { plan } = new Run(sparse(), data, device());
    expect(plan.map(({ name, pattern }) => [name, pattern])).toEqual([
      ["conv1.weight", null],
      ["conv2.weight", "2:4"],
      ["conv3.weight", "2:4"],
      ["conv4.weight", "2:4"],
      ["head.weight", null],
    ]);
    const all = { forward: "sparse", inputGrad: "sparse", weightGrad: "sparse" };
    expect(plan[3].computed).toEqual(all);
  });

  test("tells average precision in place of accuracy, and so do tables and pages", async () => {
    const path = join(folder, "runs");
    createComparison(path, [recipe(), withMethod(recipe(), fst)]);
    const { runs, machine } = await runComparison(path, data, device());
    for (const run of runs) {
      expect(run).not.toHaveProperty("accuracy");
      expect("ap" in run && run.ap <= run.ap50 && run.ap >= 0).toBe(true);
      expect(run.verified.every(({ ok }) => ok)).toBe(true);
    }
    expect(comparisonText(runs, machine)).toMatch(/AP50 % +│ +AP % +│ +loss/);
    const page = reportPage(summarize(readRuns([path])));
    expect(page).toContain("Test AP50 over steps");
    expect(page).toContain("% AP50");
  });

  test("that was restored ends with the same bits", () => {
    const whole = new Run(sparse(), data, device());
    while (!whole.done) whole.advance();
    const begun = new Run(sparse(), data, device());
    for (let step = 0; step < 3; step++) begun.advance();
    begun.evaluate();
    const resumed = new Run(sparse(), data, device());
    resumed.restore(begun.state(), 3);
    while (!resumed.done) resumed.advance();
    expect(resumed.evaluate()).toEqual(whole.evaluate());
  });

  test.skipIf(nativeInstructionSets().length === 0)("learns to find digits", () => {
    const scenes = makeScenes({ limit: { train: 600, test: 100 } });
    const optimizer = { name: "adamw", learningRate: 5e-3 };
    const run = new Run(
      recipe({ optimizer, model: { name: "detector", widths: [16, 16, 32, 32] }, steps: 160, batchSize: 24 }),
      scenes,
      new Device(nativeKernels(2)),
    );
    const before = run.evaluate();
    while (!run.done) run.advance();
    const after = run.evaluate();
    expect(after.loss).toBeLessThan(0.6 * before.loss);
    expect("ap50" in after && after.ap50).toBeGreaterThan(0.1);
  });

  test("and its data refuse others", () => {
    expect(() => new Run(recipe(), makeDigits({ limit: { train: 8, test: 8 } }), device())).toThrow(
      "model detector: expected scenes with boxes, got images. Choose the data scenes, or another model.",
    );
    expect(() => new Run(recipe({ model: { name: "mlp" } }), data, device())).toThrow(
      "model mlp: expected images, got scenes with boxes. Choose the model detector, or other data.",
    );
    expect(() => new Run(recipe({ model: { name: "gpt" } }), data, device())).toThrow("got scenes with boxes");
    expect(() => new Run(recipe(), textDataset("abcd".repeat(999)), device())).toThrow("got a text");
    expect(() => recipe({ data: { name: "scenes", augment: true } })).toThrow("only images can be");
    expect(() => recipe({ model: { name: "detector", widths: [16, 32] } })).toThrow("widths");
  });
});

test("dead channels of a detector can be removed", () => {
  const init = { device: device(), random: new Random(1) };
  const architecture = { name: "detector" as const, widths: [8, 8, 16, 16] };
  const model = detector(1, architecture.widths, 10, init).eval();
  const parameters = model.namedParameters();
  for (const name of ["bn3.weight", "bn3.bias"]) parameters.get(name)!.data.fill(0, 4, 8);
  const smaller = compact(model, architecture, data, init);
  expect(smaller.architecture).toEqual({ name: "detector", widths: [8, 8, 12, 16] });
  const x = tensor(
    init.device,
    [1, 48, 48, 1],
    Float32Array.from(data.train.images.subarray(0, 2304), (p) => p / 255),
  );
  const [a, b] = [model, smaller.model.eval()].map((one) => one.forward(x).data);
  expect(Math.max(...a.map((value, i) => Math.abs(value - b[i])))).toBeLessThan(1e-4);
});
