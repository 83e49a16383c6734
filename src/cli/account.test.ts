/** `trisparse account` as a user meets it: see cli.test.ts. */
import { readdirSync } from "node:fs";
import { beforeAll, expect, test } from "vitest";
import { Place } from "../../test/command.ts";
import type { ModelAccount } from "../core/sparsity/accounting.ts";

const recipe = {
  ...{
    data: { name: "digits", limit: { train: 512, test: 200 } },
    model: { name: "mlp", hidden: [32, 16] },
    epochs: 1,
  },
  method: { name: "sr-ste", pattern: "1:4" },
};
const place = new Place({ "r.json": recipe, "d.json": { ...recipe, method: { name: "dense" }, batchSize: 32 } });

type Result = ModelAccount & {
  accuracy: number | null;
  parameterEfficiency: number | null;
  batchSize: number;
  batch: number;
};
const counted = async (...args: string[]): Promise<Result> =>
  JSON.parse((await place.succeed("account", ...args, "--json", "-")).stdout);

beforeAll(() => place.succeed("train", "r.json", "--out", "run"), 60_000);

test("of a recipe: zeros of its pattern, both counts, formats, no accuracy", async () => {
  const before = readdirSync(place.folder);
  const { layers, accuracy, parameterEfficiency, batchSize, batch } = await counted("r.json");
  expect([accuracy, parameterEfficiency, batchSize, batch]).toEqual([null, null, 128, 128]);
  const [first, , last] = layers;
  expect(first).toMatchObject({ shape: [32, 784], pattern: "1:4", sparsity: 0.75, smallest: "1:4" });
  // a quarter of the values and 2 bits each
  expect(first.bytes["1:4"]).toBe((32 * 784 * (32 + 2)) / 4 / 8);
  expect(first.effective.forward.macs).toBe(first.dense.forward.macs / 4);
  expect(last).toMatchObject({ pattern: null, sparsity: 0, smallest: "dense" });
  const two = await counted("r.json", "--batch-size", "2");
  expect(two.layers[0].dense.forward.macs).toBe(2 * 32 * 784);
  expect(readdirSync(place.folder)).toEqual(before);
});

test("of a run: its weights, and its accuracy by what is not zero", async () => {
  const { layers, accuracy, parameterEfficiency, nonZeros } = await counted("run");
  expect(layers[0]).toMatchObject({ pattern: "1:4", sparsity: 0.75 });
  expect(parameterEfficiency).toBeCloseTo(accuracy! / (nonZeros / 1e6));
  const { stdout } = await place.run("account", "run");
  expect(stdout).toMatch(/│ fc1 +│ 32 x 784 │ +75\.0 │ 1:4 +│ +3\.21 │ +0\.803 │/);
  expect(stdout).toMatch(/│ fc1 .* 26\.0\*/);
  expect(stdout).toMatch(/Parameter efficiency: \d+\.\d\d % \/ 0\.00\d+ M = /);
});

test("of a smaller model: its own sizes", async () => {
  const options = ["--structure", "row", "--lambda", "0.05", "--learn", "1", "--tune", "1"];
  await place.succeed("compress", "d.json", ...options, "--out", "small");
  const { layers, accuracy } = await counted("small");
  expect(layers[0].pattern).toBeNull();
  expect(accuracy).toBeGreaterThan(0);
}, 60_000);

test.each([
  [["nothing.json"], "nothing.json"],
  [["r.json", "--batch-size", "0"], "--batch-size: expected a whole number of at least 1"],
  [["r.json", "--json", "."], "--json: expected . to be writable"],
])("refuses %j", async (args, says) => {
  const { code, stderr } = await place.run("account", ...args);
  expect(stderr).toContain(says);
  expect(code).toBe(2);
});
