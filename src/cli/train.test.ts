/** `train --from`: weights of another run. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { FORM, Place, recipe } from "../../test/command.ts";
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
