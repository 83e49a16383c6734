/** `trisparse compare --methods ssl-...` as a user meets it: see cli.test.ts. */
import { existsSync, readdirSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { type Ended, Place } from "../../test/command.ts";
import { decodeSafetensors } from "../core/io/safetensors.ts";
import type { Comparison } from "../lab/runs/compare.ts";

const place = new Place({
  "r.json": {
    ...{ data: { name: "digits", limit: { train: 512, test: 200 } }, model: { name: "mlp", hidden: [32, 16] } },
    ...{ epochs: 6, batchSize: 32, regularize: [{ structure: "row", lambda: 0.02 }] },
  },
});
const compare = ["compare", "--recipe", "r.json", "--seeds", "1", "--equal", "steps"];
const json = (path: string) => JSON.parse(place.read(path).toString());

describe("ssl words", () => {
  let shown: Ended;
  beforeAll(async () => {
    shown = await place.succeed(...compare, "--methods", "ssl-row,dense,ssl-shape@0.01", "--lambda", "1", "--out", "o");
  }, 60_000);

  test("train beside dense, and show what is left", () => {
    const { runs } = json("o/result.json") as Comparison;
    expect(runs.map(({ method }) => method)).toEqual(["dense", "ssl-row@1", "ssl-shape@0.01"]);
    const [dense, rows, shapes] = runs;
    expect([dense.compact, dense.speedUp?.median]).toEqual([undefined, 1]);
    expect(rows.equalLoss).not.toBeNull();
    const { numbers, multiplyAdds, difference, model, layers, stepMs } = rows.compact!;
    const { hidden } = model as { hidden: number[] };
    expect(hidden[0]).toBeLessThan(32);
    expect(numbers.after).toBe(hidden[0] * 785 + hidden[1] * (hidden[0] + 1) + 10 * (hidden[1] + 1));
    expect(multiplyAdds.after).toBe(hidden[0] * 784 + hidden[1] * hidden[0] + 10 * hidden[1]);
    expect(layers[0].shape.after).toEqual([hidden[0], 784]);
    expect(difference).toBeLessThan(1e-5);
    expect(Math.min(stepMs.before, stepMs.after)).toBeGreaterThan(0);
    expect(shapes.compact!.numbers.after).toBe(shapes.compact!.numbers.before);
    expect(shown.stdout).toMatch(/│ ssl-row@1 +│ +\d/);
    expect(shown.stdout).toContain(`ssl-row@1: hidden [${hidden}]`);
    expect(Math.max(...shown.stdout.split("\n").map((line) => line.length))).toBeLessThanOrEqual(100);
  });

  test("write the smaller model where compress and account take it; dense has no penalties", async () => {
    const compact = "o/ssl-row@1/compact";
    expect(readdirSync(place.at(compact)).sort()).toEqual(["recipe.json", "weights.safetensors"]);
    const { model, regularize } = json(`${compact}/recipe.json`);
    expect(regularize).toBeUndefined();
    const { tensors } = decodeSafetensors(place.read(`${compact}/weights.safetensors`), "weights");
    expect(tensors.get("fc1.weight")!.shape).toEqual([model.hidden[0], 784]);
    await place.succeed("account", compact);
    expect(json("o/dense/recipe.json").regularize).toBeUndefined();
    expect(json("o/ssl-row@1/recipe.json")).toMatchObject({
      regularize: [{ structure: "row", lambda: 1, bySize: true }],
      phases: { sparseFrom: 0, frozenFrom: 0.6 },
    });
    expect(existsSync(place.at("o/report.html"))).toBe(true);
  });
});

test.each([
  ["ssl-rwo", "expected one of weight, filter, row"],
  ["ssl-block-0x4", "expected one of weight, filter"],
  ["ssl-row@0", '--methods: expected a number above 0, got "0"'],
  ["ssl-", "--methods: expected some of"],
])("refuses %s", async (word, says) => {
  const { code, stderr } = await place.run(...compare, "--methods", word, "--out", "no");
  expect(stderr).toContain(says);
  expect(code).toBe(2);
  expect(existsSync(place.at("no"))).toBe(false);
});
