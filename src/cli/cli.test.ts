/** The other verbs of the command line. */
import { existsSync, readdirSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { Place, quick, recipe } from "../../test/command.ts";
import { decodeSafetensors } from "../core/io/safetensors.ts";
import { nativeInstructionSets } from "../node/native.ts";

describe.concurrent("train", () => {
  test("trains a recipe into a folder and prints the result", async () => {
    const place = new Place({ "r.json": { ...recipe, method: { name: "ste", pattern: "1:4" } } });
    const { stdout } = await place.succeed("train", "r.json", "--out", "o", "--seed", "3");
    expect(stdout).toMatch(/│ ste 1:4 /);
    expect(stdout).not.toMatch(/speed-up/i);
    expect(readdirSync(place.at("o")).sort()).toEqual([
      "checkpoint.safetensors",
      "machine.json",
      "masks.safetensors",
      "metrics.jsonl",
      "plan.json",
      "recipe.json",
      "result.json",
      "weights.safetensors",
    ]);
    const { tensors, metadata } = decodeSafetensors(place.read("o/weights.safetensors"), "weights");
    expect(tensors.get("fc1.weight")!.shape).toEqual([32, 784]);
    expect(JSON.parse(metadata.recipe)).toMatchObject({ seed: 3, method: { pattern: "1:4" } });
    const json = await place.succeed("train", "r.json", "--json", "-");
    expect(Object.keys(JSON.parse(json.stdout))).toEqual(["schemaVersion", "machine", "recipe", "runs"]);
  });

  test.skipIf(nativeInstructionSets().length === 0)(
    "gives the same weights on 1 and 2 threads (needs native kernels)",
    async () => {
      const place = new Place({ "r.json": { ...recipe, model: { name: "mlp", hidden: [256, 64] } } });
      await Promise.all(["1", "2"].map((n) => place.succeed("train", "r.json", "--threads", n, "--out", `o${n}`)));
      expect(place.read("o1/weights.safetensors").equals(place.read("o2/weights.safetensors"))).toBe(true);
    },
  );
});

describe.concurrent("explain", () => {
  test("shows each product of each layer with both times and the reason, and measures once", async () => {
    const all = { ...recipe, inputGrad: { name: "double-pruned" }, weightGrad: { name: "mvue", pattern: "2:4v2" } };
    const place = new Place({ "r.json": all });
    const { stdout } = await place.succeed("explain", "r.json");
    expect(stdout).toMatch(/│ fc1.weight │ forward {4}│ weight 2:4 {5}│ (sparse|emulated|dense) +│ +\d/);
    expect(stdout).toMatch(/weightGrad │ gradient 2:4v2/);
    expect(stdout).toContain("the last layer stays dense");
    expect(stdout).toMatch(/Ran on (native \w+|wasm simd\d*)/);
    const times = place.read("cache/times.json");
    const { stdout: json } = await place.succeed("explain", "r.json", "--compute", "sparse", "--json", "-");
    expect(place.read("cache/times.json").equals(times)).toBe(true);
    const { layers } = JSON.parse(json);
    expect(layers.map(({ name }: { name: string }) => name)).toEqual(["fc1.weight", "fc2.weight", "fc3.weight"]);
    expect(layers[1].computed).toEqual({ forward: "sparse", inputGrad: "sparse", weightGrad: "sparse" });
    expect(layers[1].products.inputGrad).toMatchObject({
      ...{ operand: "weight", method: "double-pruned", pattern: "2:4", reason: "sparse was asked for" },
      ...{ denseMs: expect.any(Number), sparseMs: expect.any(Number) },
    });
  });
});

describe.concurrent("compress", () => {
  const dense = {
    ...recipe,
    ...{
      method: { name: "dense" },
      optimizer: { name: "sgd", learningRate: 0.05, schedule: { warmup: 0 } },
      batchSize: 32,
    },
  };
  const penalty = ["--structure", "row", "--lambda", "0.05", "--learn", "2", "--tune", "1"];

  test("makes a recipe's model smaller, and that of a finished run, which it reads only", async () => {
    const place = new Place({ "r.json": dense });
    const { stdout } = await place.succeed("compress", "r.json", ...penalty, "--out", "small");
    expect(stdout).toMatch(/│ fc1.weight │ 32 x 784 /);
    expect(stdout).toMatch(/On the test split, accuracy %: .* after tuning/);
    expect(readdirSync(place.at("small")).sort()).toEqual(["compressed.json", "recipe.json", "weights.safetensors"]);
    const { hidden } = JSON.parse(place.read("small/recipe.json").toString()).model;
    expect(hidden[0]).toBeLessThan(32);
    const { tensors } = decodeSafetensors(place.read("small/weights.safetensors"), "weights");
    expect(tensors.get("fc1.weight")!.shape).toEqual([hidden[0], 784]);
    await place.succeed("train", "r.json", "--out", "run");
    const weights = place.read("run/weights.safetensors");
    const { stdout: json } = await place.succeed("compress", "run", ...penalty, "--out", "two", "--json", "-");
    expect(JSON.parse(json)).toMatchObject({ numbers: { before: expect.any(Number) }, layers: expect.any(Array) });
    expect(place.read("run/weights.safetensors").equals(weights)).toBe(true);
    // half of the rows, without a lambda; what it wrote is a trained model too
    await place.succeed("compress", "run", "--structure", "row", "--smallest", "0.5", "--tune", "1", "--out", "half");
    expect(JSON.parse(place.read("half/recipe.json").toString()).model.hidden).toEqual([16, 8]);
    await place.succeed("compress", "small", ...penalty, "--out", "three");
  });

  test.each([
    [["r.json"], "compress: expected structures to learn away"],
    [["r.json", "--structure", "row"], "--structure and --lambda together"],
    [["r.json", "--structure", "row,column", "--lambda", "1,2,3"], "expected 1 or 2 numbers"],
    [["r.json", "--structure", "rwo", "--lambda", "1"], "expected one of weight, filter"],
    [["r.json", "--structure", "row", "--lambda", "0.01", "--layers", "conv"], "regularize 1: expected a part of"],
    [["r.json", "--structure", "body", "--lambda", "0.01"], "regularize 1: expected residual bodies"],
    [["r.json", "--learn-rate", "2"], "--learn-rate: expected a number above 0, at most 1"],
    [["r.json", "--smallest", "0.5"], "--smallest: expected --structure beside it, got none."],
    [["r.json", "--structure", "row", "--lambda", "1", "--folded"], "expected a batch norm behind a layer"],
  ])("refuses %j", async (args, says) => {
    const place = new Place({ "r.json": dense });
    const { code, stderr } = await place.run("compress", ...args, "--out", "o");
    expect(stderr).toContain(says);
    expect(code).toBeGreaterThan(0);
    expect(existsSync(place.at("o"))).toBe(false);
  });
});

describe.concurrent("report", () => {
  test("writes the page of several folders here, prints its path, and with --json the numbers", async () => {
    const place = new Place({ "r.json": recipe });
    const runs = ["1", "2"].map((seed) => place.succeed(...quick, "--seed", seed, "--out", `o${seed}`, "--no-report"));
    await Promise.all(runs);
    expect(existsSync(place.at("o1/report.html"))).toBe(false);
    const several = await place.succeed("report", "o1", "o2", "--json", "j.json");
    expect([several.stdout, several.stderr]).toEqual(["report.html\n", ""]);
    expect(place.read("report.html").toString()).toMatch(/^<!doctype html>.+<\/html>\n$/s);
    const { kinds } = JSON.parse(place.read("j.json").toString());
    expect(kinds.map(({ seeds }: { seeds: number[] }) => seeds)).toEqual([
      [1, 2],
      [1, 2],
    ]);
    const { stdout } = await place.succeed("report", "o1/sr-ste");
    expect(stdout).toBe("o1/sr-ste/report.html\n");
  });
});

describe.concurrent("bench", () => {
  test("step times the dense step beside each plan and pattern", async () => {
    const place = new Place();
    const options = ["--models", "lenet", "--batch", "8", "--patterns", "2:4v2", "--rounds", "1", "--repeats", "2"];
    const { stdout } = await place.succeed("bench", "step", ...options, "--json", "-");
    const { machine, cases } = JSON.parse(stdout);
    expect(machine.load).toHaveLength(2);
    expect(cases.map(({ plan }: { plan: string }) => plan)).toEqual(["sr-ste", "fully-sparse"]);
    const numbers = { denseMs: expect.any(Number), sparseMs: expect.any(Number), ratio: expect.any(Number) };
    expect(cases[1].ratios).toHaveLength(2);
    expect(cases[1]).toMatchObject({ model: "lenet", batchSize: 8, pattern: "2:4v2", ...numbers });
  });
});

describe.concurrent("help", () => {
  test("is on standard output when asked for, and explains every verb and option", async () => {
    const place = new Place();
    const [all, compare] = await Promise.all([place.succeed("--help"), place.succeed("compare", "--help")]);
    for (const verb of ["compare", "train", "resume", "compress", "report", "explain", "account", "bench"])
      expect(all.stdout).toContain(`\n  ${verb} [options]`);
    for (const option of ["data", "methods", "pattern", "recipe", "threads", "backend"])
      expect(compare.stdout).toContain(`\n  --${option} <`);
    for (const option of ["-o, --out <", "--json ["]) expect(compare.stdout).toContain(`\n  ${option}`);
    expect(all.stderr + compare.stderr).toBe("");
  });

  test("is on standard error, with exit code 2, for a command line without a verb", async () => {
    const { code, stdout, stderr } = await new Place().run();
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(/^Usage: trisparse/);
  });
});
