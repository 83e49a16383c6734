/** `trisparse account` as a user meets it: see cli.test.ts. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Ended, spawned } from "../../test/spawned.ts";
import type { ModelAccount } from "../train/accounting.ts";

const place = mkdtempSync(join(tmpdir(), "trisparse-account-"));
afterAll(() => rmSync(place, { recursive: true, force: true }));

const run = (...args: string[]): Ended => spawned(place, ...args);

type Result = ModelAccount & { accuracy: number | null; parameterEfficiency: number | null; batch: number };
const counted = (...args: string[]): Result => JSON.parse(run("account", ...args, "--json", "-").stdout);

const recipe = {
  ...{ data: { name: "digits", train: 512, test: 200 }, model: { name: "mlp", hidden: [32, 16] }, epochs: 1 },
  method: { name: "sr-ste", pattern: "1:4" },
};

beforeAll(() => {
  writeFileSync(join(place, "r.json"), JSON.stringify(recipe));
  expect(run("train", "r.json", "--out", "run").status).toBe(0);
}, 60_000);

test("of a recipe: zeros of its pattern, both counts, formats, no accuracy", () => {
  const before = readdirSync(place);
  const { layers, accuracy, parameterEfficiency, batch } = counted("r.json");
  expect([accuracy, parameterEfficiency, batch]).toEqual([null, null, 128]);
  const [first, , last] = layers;
  expect(first).toMatchObject({ shape: [32, 784], pattern: "1:4", sparsity: 0.75, smallest: "1:4" });
  // a quarter of the values and 2 bits each
  expect(first.bytes["1:4"]).toBe((32 * 784 * (32 + 2)) / 4 / 8);
  expect(first.effective.forward.macs).toBe(first.dense.forward.macs / 4);
  expect(last).toMatchObject({ pattern: null, sparsity: 0, smallest: "dense" });
  expect(counted("r.json", "--batch", "2").layers[0].dense.forward.macs).toBe(2 * 32 * 784);
  expect(readdirSync(place)).toEqual(before);
});

test("of a run: its weights, and its accuracy by what is not zero", () => {
  const { layers, accuracy, parameterEfficiency, nonZeros } = counted("run");
  expect(layers[0]).toMatchObject({ pattern: "1:4", sparsity: 0.75 });
  expect(parameterEfficiency).toBeCloseTo(accuracy! / (nonZeros / 1e6));
  const { stdout } = run("account", "run");
  expect(stdout).toMatch(/│ fc1 +│ 32 x 784 │ +75\.0 │ 1:4 +│ +3\.21 │ +0\.803 │/);
  expect(stdout).toMatch(/│ fc1 .* 26\.0\*/);
  expect(stdout).toMatch(/Parameter efficiency: \d+\.\d\d % \/ 0\.00\d+ M = /);
});

test("of a smaller model: its own sizes", () => {
  const options = ["--structure", "row", "--lambda", "0.05", "--learn", "1", "--tune", "1"];
  writeFileSync(join(place, "d.json"), JSON.stringify({ ...recipe, method: { name: "dense" }, batch: 32 }));
  expect(run("compress", "d.json", ...options, "--out", "small").status).toBe(0);
  const { layers, accuracy } = counted("small");
  expect(layers[0].pattern).toBeNull();
  expect(accuracy).toBeGreaterThan(0);
}, 60_000);

test.each([
  [["nothing.json"], "nothing.json"],
  [["r.json", "--batch", "0"], "--batch: expected a whole number of at least 1"],
  [["r.json", "--json", "."], "--json: expected . to be writable"],
])("refuses %j", (args, says) => {
  const { status, stderr } = run("account", ...args);
  expect(stderr).toContain(says);
  expect(status).toBe(2);
});
