import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parseRecipe, type Recipe } from "../../lab/recipes/recipe.ts";
import { createComparison, runComparison, withMethod } from "../../lab/runs/compare.ts";
import { Run } from "../../lab/runs/run.ts";
import { RunFolder } from "../../lab/runs/run-folder.ts";
import { trainTogether } from "../../lab/runs/together.ts";
import { jsKernels } from "../backend/js.ts";
import { dataset } from "../data/dataset.ts";
import { decodeSafetensors } from "../io/safetensors.ts";
import { Random } from "../random.ts";
import { PackedMatrix } from "../sparse/formats/packed-matrix.ts";
import { parsePattern } from "../sparse/pattern.ts";
import { Device } from "../tensor/device.ts";

const data = (() => {
  const random = new Random(5);
  const split = (count: number) => {
    const labels = Uint8Array.from({ length: count }, () => random.integer(3));
    return { count, images: Uint8Array.from({ length: count * 16 }, () => random.integer(255)), labels };
  };
  return dataset({ name: "noise", shape: [4, 4, 1], classes: 3, train: split(96), test: split(40) });
})();
const device = (): Device => new Device(jsKernels());
/** 30 steps, 6 an epoch. */
const recipe = (more: object): Recipe =>
  parseRecipe({
    ...{ model: { name: "mlp", hidden: [16, 8] }, epochs: 5, batchSize: 16 },
    optimizer: { name: "sgd", learningRate: 0.3 },
    ...more,
  });

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "trisparse-masks-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});
const at = (...names: string[]): string => join(folder, ...names);

class Killed extends Error {}

async function trained(name: string, one: Recipe, kills: readonly number[] = []): Promise<RunFolder> {
  let run = RunFolder.create(at(name), one);
  for (const steps of kills) {
    let left = steps;
    const onStep = (): void => {
      if (--left === 0) throw new Killed();
    };
    await expect(trainTogether([run], data, device(), { onStep })).rejects.toThrow(Killed);
    run = RunFolder.open(at(name));
  }
  await trainTogether([run], data, device());
  return run;
}

const ste = { method: { name: "ste" }, monitor: { masks: 6 } };

describe("records of masks", () => {
  test("are what the steps counted, beside a mask and weights that say the same", async () => {
    const run = await trained("run", recipe({ ...ste, monitor: { masks: 7 } }));
    expect(run.masks.map(({ step }) => step)).toEqual([0, 7, 14, 21, 28, 29]);
    const flips = run.steps.map((step) => step.flips);
    for (const [i, record] of run.masks.entries()) {
      expect(record.flips).toBe(flips[record.step]);
      const since = i === 0 ? [0] : flips.slice(run.masks[i - 1].step + 1, record.step + 1);
      const mean = since.reduce((a, b) => a + b, 0) / since.length;
      expect(record.flipRate).toBeCloseTo(mean / (16 * 16 + 16 * 8), 12);
      expect(record.masks.map(({ layer, pattern }) => [layer, pattern])).toEqual([
        ["fc1.weight", "2:4"],
        ["fc2.weight", "2:4"],
      ]);
      expect(record.sad).toBeLessThanOrEqual(flips.slice(0, record.step + 1).reduce((a, b) => a + b, 0));
      expect(record.keptShare).toBeGreaterThan(0.5);
      expect(record.virtual).toBe(false);
    }
    expect(flips.some((count) => count > 0)).toBe(true);
    const result = JSON.parse(readFileSync(at("run", "result.json"), "utf8"));
    expect(result.sad).toBe(run.masks.at(-1)!.sad);
    expect(result.structure).toMatchObject({ virtual: false, sad: result.sad, flipRatio: null });
  });

  test("and overlaps with the final mask, which end at 1", async () => {
    await trained("run", recipe(ste));
    const { structure } = JSON.parse(readFileSync(at("run", "result.json"), "utf8"));
    expect(structure.early.at(-1)).toEqual({ step: 29, overlap: 1 });
    expect(structure.early.length).toBeGreaterThan(10);
    const { tensors, metadata } = decodeSafetensors(readFileSync(at("run", "masks.safetensors")), "masks");
    expect(JSON.parse(metadata.shapes)).toEqual({ "fc1.weight": [16, 16], "fc2.weight": [8, 16] });
    const final = (name: string) => tensors.get(`29/${name}`)!.data as Uint32Array;
    for (const { step, overlap } of structure.early) {
      let both = 0;
      for (const name of ["fc1.weight", "fc2.weight"]) {
        const mask = tensors.get(`${step}/${name}`)!.data as Uint32Array;
        mask.forEach((word, i) => {
          for (let bit = 0; bit < 32; bit++) both += (word >>> bit) & (final(name)[i] >>> bit) & 1;
        });
      }
      // half of the weights are kept
      expect(overlap).toBeCloseTo(both / ((16 * 16 + 16 * 8) / 2), 12);
    }
    expect(structure.nnstd).toBeGreaterThan(0);
  });

  test("and a distance of the first and the last mask, whose match goes on to the next layer where that is asked for", async () => {
    const layersOf = async (name: string, monitor: object) => {
      await trained(name, recipe({ ...ste, monitor }));
      const { structure } = JSON.parse(readFileSync(at(name, "result.json"), "utf8"));
      expect(structure.matching).toBe("optimal");
      return structure.layers as { layer: string; nnstd: number; carried: boolean }[];
    };
    const alone = await layersOf("alone", { masks: 6 });
    const carried = await layersOf("carried", { masks: 6, nnstd: "carried" });
    expect(alone.map((one) => one.carried)).toEqual([false, false]);
    expect(carried.map((one) => one.carried)).toEqual([false, true]);
    expect(carried[0]).toEqual(alone[0]);
    expect(await layersOf("by-layer", { masks: 6, nnstd: "by-layer" })).toEqual(alone);
  });

  test("are none where the recipe wants none", async () => {
    const run = await trained("run", recipe({ ...ste, monitor: { masks: 0 } }));
    expect(run.masks).toEqual([]);
    expect(existsSync(at("run", "masks.safetensors"))).toBe(false);
    expect(JSON.parse(readFileSync(at("run", "result.json"), "utf8")).structure).toBeNull();
  });
});

describe("a dense run", () => {
  const dense = { method: { name: "dense" }, monitor: { masks: 6, virtual: "2:4" } };

  test("is watched under the masks that its weights would have, of two steps in a row", async () => {
    const one = recipe(dense);
    const records = (await trained("run", one)).masks;
    const run = new Run(one, data, device());
    const mask = (): Uint32Array => {
      const packed = new PackedMatrix(jsKernels(), 16, 16, parsePattern("2:4"));
      packed.prune(run.model.namedParameters().get("fc1.weight")!.data);
      return packed.mask;
    };
    const masks: Uint32Array[] = [];
    while (!run.done) {
      masks.push(mask());
      run.advance();
    }
    expect(records.map(({ step }) => step)).toEqual([0, 6, 12, 18, 24, 29]);
    const ones = (a: Uint32Array, b: Uint32Array): number =>
      a.reduce((sum, word, i) => sum + [...(word ^ b[i]).toString(2)].filter((digit) => digit === "1").length, 0);
    for (const { step, virtual, masks: layers } of records) {
      expect(virtual).toBe(true);
      // toString of a negative number would not be its bits: 16 columns fill no word
      expect(layers[0].flips).toBe(step === 0 ? 0 : ones(masks[step], masks[step - 1]));
      expect(layers[0].flipRate).toBe(layers[0].flips / 256);
      expect(layers[0].sad).toBe(ones(masks[step], masks[0]));
    }
    expect(records.some(({ flips }) => flips > 0)).toBe(true);
  });

  test("trains as it does without", async () => {
    await trained("a", recipe(dense));
    await trained("b", recipe({ method: { name: "dense" } }));
    const [a, b] = ["a", "b"].map((name) => decodeSafetensors(readFileSync(at(name, "weights.safetensors")), name));
    expect(a.tensors).toEqual(b.tensors);
  });

  test("in a comparison gives sparse runs their flip ratios", async () => {
    const methods = [{ name: "dense" }, { name: "ste", pattern: "2:4" }, { name: "asp", pattern: "2:4" }];
    createComparison(
      at("c"),
      methods.map((method) => withMethod(recipe({ monitor: { masks: 2 } }), method)),
    );
    const [own, free, frozen] = (await runComparison(at("c"), data, device())).runs;
    expect(own.structure).toMatchObject({ virtual: true, flipRatio: null, flipRatios: [] });
    expect(own.structure!.early.at(-1)).toEqual({ step: 29, overlap: 1 });
    expect(free.structure!.flipRatio).toBeGreaterThan(0);
    expect(frozen.structure!.flipRatio).toBe(0);
  });
});

describe("a run that was interrupted", () => {
  const withoutTimes = (name: string): unknown[] =>
    readFileSync(at(name, "metrics.jsonl"), "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => {
        const { ms: _, gemmMs: __, ...rest } = JSON.parse(line);
        return rest;
      });

  test.each([
    ["ste", ste],
    ["asp", { ...ste, method: { name: "asp" } }],
    ["phases", { ...ste, phases: { sparseFrom: 0.3, denseFrom: 0.8 } }],
    ["dense", { method: { name: "dense" }, monitor: { masks: 6, virtual: "2:4v2" } }],
  ])("has the records and masks of one that was not: %s", async (_, more) => {
    await trained("whole", recipe(more));
    // checkpoints stand right before records, between the two steps of a virtual flip
    await trained("killed", recipe(more), [3, 8, 10, 7]);
    expect(withoutTimes("killed")).toEqual(withoutTimes("whole"));
    expect(readFileSync(at("killed", "masks.safetensors"))).toEqual(readFileSync(at("whole", "masks.safetensors")));
    const structure = (name: string): unknown => JSON.parse(readFileSync(at(name, "result.json"), "utf8")).structure;
    expect(structure("killed")).toEqual(structure("whole"));
  });

  test("is refused with masks of something else", async () => {
    const one = recipe(ste);
    await expect(trained("run", one, [8]).then(() => rmSync(at("run", "checkpoint.safetensors")))).resolves.toBe(
      undefined,
    );
    await trained("other", recipe({ ...ste, model: { name: "mlp", hidden: [8, 8, 8] } }));
    const run = RunFolder.create(at("late"), one);
    const onStep = (): void => {
      if (run.steps.length > 20) throw new Killed();
    };
    await expect(trainTogether([run], data, device(), { onStep })).rejects.toThrow(Killed);
    writeFileSync(at("late", "masks.safetensors"), readFileSync(at("other", "masks.safetensors")));
    await expect(trainTogether([RunFolder.open(at("late"))], data, device())).rejects.toThrow(
      /masks.safetensors: mask of .*: expected/,
    );
    writeFileSync(at("late", "masks.safetensors"), readFileSync(at("late", "checkpoint.safetensors")));
    await expect(trainTogether([RunFolder.open(at("late"))], data, device())).rejects.toThrow("trisparse-masks-1");
  });
});
