/** What the studies of structure keep of each test image. */
import { expect, test } from "vitest";
import { answersOf, packed, unpacked } from "../bench/stages.ts";
import { loadData } from "../src/lab/data/sources.ts";
import { parseRecipe } from "../src/lab/recipes/recipe.ts";
import { Run } from "../src/lab/runs/run.ts";
import { openDeviceSync } from "../src/node/open-device.ts";

test("answers of images are read as they were written, to a thousandth of a nat", () => {
  const answers = [
    { right: true, loss: 0.0004 },
    { right: false, loss: 0 },
    { right: false, loss: 1.2346 },
    { right: true, loss: 40 },
  ];
  expect(unpacked(packed(answers))).toEqual([
    { right: true, loss: 0 },
    { right: false, loss: 0 },
    { right: false, loss: 1.235 },
    { right: true, loss: 32.767 },
  ]);
});

test("answers come to what an evaluation says", async () => {
  const device = openDeviceSync({ threads: 1 });
  const data = await loadData("digits", { seed: 1, limit: { train: 256, test: 100 } });
  const run = new Run(
    parseRecipe({
      data: { name: "digits" },
      model: { name: "mlp", hidden: [16] },
      method: { name: "dense" },
      steps: 5,
    }),
    data,
    device,
  );
  while (!run.done) run.advance();
  const { loss, accuracy, images } = answersOf(run, device);
  const evaluation = run.evaluate() as { loss: number; accuracy: number };
  expect(accuracy).toBeGreaterThan(0);
  expect(accuracy).toBeLessThan(1);
  expect(accuracy).toBeCloseTo(evaluation.accuracy, 12);
  expect(loss).toBeCloseTo(evaluation.loss, 5);
  const all = unpacked(images);
  expect(all).toHaveLength(100);
  expect(all.filter(({ right }) => right)).toHaveLength(Math.round(100 * accuracy));
});
