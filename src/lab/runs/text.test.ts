/** Runs of a language model. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { jsKernels } from "../../core/backend/js.ts";
import { dataset } from "../../core/data/dataset.ts";
import { textDataset } from "../../core/data/text-dataset.ts";
import { Device } from "../../core/tensor/device.ts";
import { nativeInstructionSets, nativeKernels } from "../../node/native.ts";
import { makeSentences } from "../data/sentences.ts";
import { parseRecipe, type Recipe } from "../recipes/recipe.ts";
import { Run } from "./run.ts";
import { RunFolder } from "./run-folder.ts";
import { trainTogether } from "./together.ts";

const data = textDataset(makeSentences(2000, 1));
const allSparse = { strategy: { name: "fully-sparse", pattern: "2:4v2" } };
const recipe = (more: object = {}): Recipe =>
  parseRecipe({
    data: { name: "text" },
    model: { name: "gpt", layers: 2, width: 16, heads: 2, context: 16, dropout: 0.1 },
    optimizer: { name: "adamw", learningRate: 3e-3, decayed: "matrices", weightDecay: 0.1, clip: 1 },
    ...{ steps: 10, batchSize: 4, method: { name: "dense" } },
    ...more,
  });
const sparse = (more: object = {}): Recipe => {
  const { method: _, inputGrad: __, weightGrad: ___, ...rest } = recipe(more);
  return parseRecipe({ ...rest, ...allSparse });
};
const withActivations = sparse({
  model: { ...recipe().model, activation: "squared-relu" },
  activations: { name: "magnitude" },
});
const device = (): Device => new Device(jsKernels());

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "trisparse-text-run-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});
const at = (name: string): string => join(folder, name);

describe("a run of a language model", () => {
  test("makes four products a block sparse, along all places of a batch, and the head dense", () => {
    const { plan } = new Run(sparse(), data, device());
    expect(plan.map(({ pattern }) => pattern)).toEqual([...Array(8).fill("2:4v2"), null]);
    expect(plan[8]).toMatchObject({ name: "head.weight", reason: "the last layer stays dense" });
    const all = { forward: "sparse", inputGrad: "sparse", weightGrad: "sparse" };
    expect(plan.slice(0, 8).map(({ computed }) => computed)).toEqual(Array(8).fill(all));
    // 1 window of 6: 6 places, which groups of 4 do not tile
    const odd = sparse({ model: { ...recipe().model, context: 6 }, batchSize: 1 });
    const [first] = new Run(odd, data, device()).plan;
    expect(first.products.weightGrad.reason).toBe("6 positions cannot be cut into groups of 4");
  });

  test("tells bits per character and no accuracy, after each epoch and at its end", async () => {
    const run = RunFolder.create(at("run"), recipe({ steps: 40 }));
    const [result] = await trainTogether([run], data, device());
    expect(run.epochs.map(({ step }) => step)).toEqual([30, 40]);
    for (const { test } of run.epochs) {
      const evaluation = test!;
      expect(Object.keys(evaluation)).toEqual(["loss", "bitsPerChar"]);
      expect("bitsPerChar" in evaluation && evaluation.bitsPerChar * Math.LN2).toBeCloseTo(evaluation.loss, 12);
    }
    const [first, last] = run.epochs;
    expect(last.test!.loss).toBeLessThan(first.test!.loss);
    expect(last.test!.loss).toBeLessThan(Math.log(data.classes));
    expect(result).toMatchObject(last.test!);
    expect(result).not.toHaveProperty("accuracy");
    expect(JSON.parse(readFileSync(join(at("run"), "result.json"), "utf8"))).toMatchObject(last.test!);
  });

  test.each([
    ["dense", recipe()],
    ["all products sparse", sparse()],
    ["sparse activations", withActivations],
  ])("ends after an interruption with the bits of one that had none: %s", (_, one) => {
    const whole = new Run(one, data, device());
    while (!whole.done) whole.advance();
    const begun = new Run(one, data, device());
    while (begun.step < 4) begun.advance();
    begun.evaluate();
    const resumed = new Run(one, data, device());
    resumed.restore(begun.state(), begun.step);
    while (!resumed.done) resumed.advance();
    expect([...resumed.state()]).toEqual([...whole.state()]);
    expect(resumed.evaluate()).toEqual(whole.evaluate());
  });

  test.skipIf(nativeInstructionSets().length === 0)("gives the same bits on 1, 2 and 4 threads", () => {
    const [one, ...others] = [1, 2, 4].map((threads) => {
      const run = new Run(sparse(), data, new Device(nativeKernels(threads)));
      while (!run.done) run.advance();
      return [...run.state()];
    });
    nativeKernels(1);
    for (const other of others) expect(other).toEqual(one);
  });

  test("decays matrices alone where its recipe says so", () => {
    const trained = (decayed: string, weightDecay: number) => {
      const optimizer = {
        name: "adamw",
        learningRate: 0.1,
        decayed,
        weightDecay,
        schedule: { name: "constant", warmup: 0 },
      };
      const run = new Run(recipe({ optimizer, steps: 1 }), data, device());
      run.advance();
      return new Map([...run.model.namedParameters()].map(([name, { data: values }]) => [name, [...values]]));
    };
    const [none, matrices, all] = [trained("all", 0), trained("matrices", 0.5), trained("all", 0.5)];
    for (const [name, values] of matrices) {
      const isVector = /bias|norm/.test(name);
      expect(String(values) === String(none.get(name))).toBe(isVector);
      expect(String(values) === String(all.get(name))).toBe(!isVector || name.endsWith("bias"));
    }
  });

  test("is refused where model and data do not go together", () => {
    const split = { count: 4, images: new Uint8Array(64), labels: new Uint8Array(4) };
    const images = dataset({ name: "spots", shape: [4, 4, 1], classes: 1, train: split, test: split });
    expect(() => new Run(recipe(), images, device())).toThrow(
      "model gpt: expected a text, got images. Choose the data text, or another model.",
    );
    expect(() => new Run(parseRecipe({ data: { name: "text" } }), data, device())).toThrow(
      "model mlp: expected images, got a text. Choose the model gpt, or other data.",
    );
  });
});

describe("recipes of texts and steps", () => {
  test("have epochs or steps, not both; without either 5 epochs", () => {
    expect(parseRecipe({}).epochs).toBe(5);
    expect(parseRecipe({ steps: 7 })).toMatchObject({ steps: 7 });
    expect(parseRecipe({ steps: 7 }).epochs).toBeUndefined();
    expect(parseRecipe(parseRecipe({ steps: 7 })).steps).toBe(7);
    expect(() => parseRecipe({ steps: 7, epochs: 2 })).toThrow("steps: expected none beside epochs, got 7");
  });

  test("name a file for a text only, and augment images only", () => {
    expect(() => parseRecipe({ data: { name: "digits", file: "a.txt" } })).toThrow(
      'data.file: only the data text has one, got "a.txt"',
    );
    expect(() => parseRecipe({ data: { name: "text", augment: true } })).toThrow("data.augment: only images can be");
  });
});
