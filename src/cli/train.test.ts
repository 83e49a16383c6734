/** `train --from`: weights of another run. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { FORM, Place, quick, recipe } from "../../test/command.ts";
import { encodeSafetensors } from "../core/io/safetensors.ts";

const dense = { ...recipe, method: { name: "dense" } };
const sparse = { ...recipe, method: { name: "sr-ste", pattern: "2:4" } };

/** Of the first step. */
function firstLoss(place: Place, folder: string): number {
  return JSON.parse(readFileSync(place.at(`${folder}/metrics.jsonl`), "utf8").split("\n")[0]).loss;
}

describe.concurrent("train --from", () => {
  test("begins with the weights of a run, and says so in the folder", async () => {
    const place = new Place({ "d.json": { ...dense, epochs: 15, batchSize: 32 }, "s.json": sparse });
    await place.succeed("train", "d.json", "--out", "d");
    await place.succeed("train", "s.json", "--from", "d", "--out", "s");
    expect(firstLoss(place, "s")).toBeLessThan(0.5 * firstLoss(place, "d"));
    const { from, sha256 } = JSON.parse(place.read("s/start.json").toString());
    expect([from, sha256]).toEqual(["d/weights.safetensors", expect.stringMatching(/^[0-9a-f]{64}$/)]);
    // a file is taken as the folder is
    await place.succeed("train", "s.json", "--from", "d/weights.safetensors", "--out", "f");
    expect(place.read("f/weights.safetensors").equals(place.read("s/weights.safetensors"))).toBe(true);
  });

  test("goes on behind compress: N:M on the smaller model", async () => {
    const place = new Place({ "d.json": { ...dense, optimizer: { name: "sgd", learningRate: 0.05 }, batchSize: 32 } });
    const penalty = ["--structure", "row", "--lambda", "0.02", "--learn", "1", "--tune", "1"];
    await place.succeed("compress", "d.json", ...penalty, "--out", "small");
    const smaller = JSON.parse(place.read("small/recipe.json").toString());
    const next = { ...smaller, method: { name: "sr-ste", pattern: "2:4" } };
    const after = new Place({ "n.json": next, "small/weights.safetensors": place.read("small/weights.safetensors") });
    const { stdout } = await after.succeed("train", "n.json", "--from", "small/weights.safetensors", "--out", "n");
    expect(stdout).toMatch(/sr-ste 2:4/);
  });

  test.each([
    ["nowhere", 2, "--from"],
    ["other.safetensors", 2, "start: expected tensors of this model"],
    ["spoiled.safetensors", 2, "fc1.weight with a value that is not finite"],
    ["counts.safetensors", 2, "fc1.weight: expected real numbers, got Int32Array"],
    ["unfinished", 2, "First: trisparse resume unfinished"],
  ])("refuses %s and leaves nothing behind", async (from, code, says) => {
    const one = (data: Float32Array | Int32Array): Uint8Array =>
      encodeSafetensors(new Map([["fc1.weight", { shape: [2], data }]]));
    const place = new Place({
      ...{ "r.json": dense, "unfinished/recipe.json": dense },
      "other.safetensors": encodeSafetensors(new Map([["conv1.weight", { shape: [1], data: new Float32Array(1) }]])),
      "spoiled.safetensors": one(Float32Array.of(1, Number.NaN)),
      "counts.safetensors": one(Int32Array.of(1, 2)),
    });
    const before = place.everything();
    const ended = await place.run("train", "r.json", "--from", from, "--out", "o");
    expect(ended.stderr).toContain(says);
    expect(ended.stderr.trimEnd().split("\n").pop()).toMatch(FORM);
    expect(ended.code).toBe(code);
    expect(place.everything()).toEqual(before);
  });
});

describe.concurrent("train --plan and --leave-dense", () => {
  const digits = {
    data: { name: "digits", limit: { train: 256, test: 100 } },
    model: { name: "mlp", hidden: [32, 16] },
    steps: 4,
  };

  test("a plan of another run decides how products are computed, and changes no bit", async () => {
    const place = new Place({ "r.json": digits });
    await place.succeed("train", "r.json", "--out", "a", "--compute", "emulated");
    await place.succeed("train", "r.json", "--out", "b", "--compute", "sparse");
    const { stdout } = await place.succeed("train", "r.json", "--out", "c", "--plan", "a/plan.json");
    expect(place.read("c/plan.json").equals(place.read("a/plan.json"))).toBe(true);
    expect(place.read("b/plan.json").equals(place.read("a/plan.json"))).toBe(false);
    expect(stdout).toContain("forward emulated in 2");
    for (const run of ["b", "c"]) {
      expect(place.read(`${run}/weights.safetensors`).equals(place.read("a/weights.safetensors"))).toBe(true);
    }
  });

  test("a plan that promises something else is refused before a folder is made", async () => {
    const place = new Place({ "r.json": digits, "other.json": { ...digits, method: { name: "ste", pattern: "1:4" } } });
    await place.succeed("train", "other.json", "--out", "a");
    const before = place.everything();
    const { code, stderr } = await place.run("train", "r.json", "--out", "b", "--plan", "a/plan.json");
    expect(code).toBe(2);
    expect(stderr).toContain(
      "a/plan.json: expected fc1.weight, forward: weight by sr-ste 2:4, got weight by ste 1:4. Take the plan.json of a run of the same model and method, or leave --plan out.",
    );
    expect(place.everything()).toEqual(before);
  });

  test("layers are left dense by name, and the summary says so", async () => {
    const place = new Place({ "r.json": digits });
    const { stdout } = await place.succeed("train", "r.json", "--out", "a", "--leave-dense", "fc1");
    expect(stdout.replace(/\s+/g, " ")).toContain(
      'sr-ste 2:4: 1 of 3 eligible layers are pruned, of 3 in all. Dense: fc1.weight (left dense: skipped by "fc1"); fc3.weight (the last layer stays dense).',
    );
    const json = JSON.parse(
      (await place.succeed("train", "r.json", "--out", "b", "--leave-dense", "slower", "--json")).stdout,
    );
    const { pruned, eligible, layers } = json.runs[0].coverage;
    expect([eligible, layers]).toEqual([3, 3]);
    expect(pruned).toBeLessThanOrEqual(2);
    expect(json.recipe.leaveDense).toBe("slower");
  });
});

test("train, compare and explain say when a decay of pruned weights is too weak for the run", async () => {
  const { epochs: _, ...rest } = recipe;
  const weak = { ...rest, steps: 4, optimizer: { name: "sgd" }, method: { name: "sr-ste" } };
  const place = new Place({ "r.json": weak, "s.json": { ...weak, method: { name: "sr-ste", lambda: "scaled" } } });
  const line =
    /^sr-ste: with lambda 0\.0002 a weight that stays pruned loses .* over these 4 steps, which is nearly STE/m;
  const told = async (...words: string[]): Promise<string> => (await place.succeed(...words)).stderr;
  expect(await told("train", "r.json", "--out", "a")).toMatch(line);
  expect(await told(...quick, "--out", "b")).toMatch(line);
  expect(await told("explain", "r.json")).toMatch(line);
  expect(await told("train", "s.json", "--out", "c")).not.toMatch(line);
});
