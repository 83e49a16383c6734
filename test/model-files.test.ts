/** Files of models against PyTorch's own (test/golden/make_golden.py made them) and those of version 0.1. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { jsKernels } from "../src/core/backend/js.ts";
import { dataset } from "../src/core/data/dataset.ts";
import { loadModel, saveModel } from "../src/core/io/model-file.ts";
import { decodeSafetensors, encodeSafetensors } from "../src/core/io/safetensors.ts";
import type { InitOptions } from "../src/core/nn/init-options.ts";
import { gpt } from "../src/core/nn/models/gpt.ts";
import { lenet } from "../src/core/nn/models/lenet.ts";
import { resnet } from "../src/core/nn/models/resnet.ts";
import type { Module } from "../src/core/nn/module.ts";
import { loadState, stateOf } from "../src/core/nn/state.ts";
import { Random } from "../src/core/random.ts";
import { PackedMatrix } from "../src/core/sparse/formats/packed-matrix.ts";
import { parsePattern } from "../src/core/sparse/pattern.ts";
import { multiplyingWeights } from "../src/core/sparsity/layers.ts";
import { Device } from "../src/core/tensor/device.ts";
import { tensor } from "../src/core/tensor/tensor.ts";
import { buildModel } from "../src/lab/recipes/architecture.ts";
import { parseRecipe } from "../src/lab/recipes/recipe.ts";
import { Run } from "../src/lab/runs/run.ts";
import { RunFolder } from "../src/lab/runs/run-folder.ts";
import { trainTogether } from "../src/lab/runs/together.ts";
import { readWeights } from "../src/lab/runs/weights.ts";
import { fill, noise, uniform } from "./formula.ts";

const golden = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`golden/${name}.json`, import.meta.url), "utf8"));

const device = new Device(jsKernels());
const init = (): InitOptions => ({ device, random: new Random(1) });
const bytesOf = (base64: string): Uint8Array => new Uint8Array(Buffer.from(base64, "base64"));

interface ModelCase {
  readonly input: { readonly s: number; readonly shape: readonly number[] };
  readonly logits: readonly number[];
  readonly file: string;
}

const { models } = golden("models") as { models: Record<string, ModelCase> };
const builds: Readonly<Record<string, () => Module>> = {
  lenet: () => lenet(20, 24, 2, 10, { ...init(), widths: [3, 4, 8] }),
  resnet: () => resnet(8, 3, 10, { ...init(), widths: [2, 4, 6] }),
  gpt: () => gpt({ vocabulary: 7, context: 6, layers: 1, width: 8, heads: 2, ...init() }),
};

function logitsOf(model: Module, shape: readonly number[], values: ArrayLike<number>): Float32Array {
  model.eval();
  return device.step(() => device.withoutGradients(() => model.forward(tensor(device, shape, values)).data.slice()));
}

function expectClose(got: Float32Array, wanted: readonly number[]): void {
  expect(got.length).toBe(wanted.length);
  const largest = Math.max(...wanted.map(Math.abs));
  wanted.forEach((value, i) => {
    expect(Math.abs(got[i] - value) / largest).toBeLessThan(1e-5);
  });
}

describe.each(Object.keys(models))("the file of a %s that PyTorch wrote", (name) => {
  const { file, input, logits } = models[name];
  const { s, shape } = input;
  const values = new Float32Array(shape.reduce((a, b) => a * b));
  if (shape.length === 4) fill(values, s);
  else for (let i = 0; i < values.length; i++) values[i] = Math.floor(7 * uniform(s, i));

  test("is read, and the model computes what it does there", () => {
    const model = builds[name]();
    loadModel(model, bytesOf(file));
    expectClose(logitsOf(model, shape, values), logits);
  });

  test("is what saving the model gives again: its names, shapes, types and values", () => {
    const model = builds[name]();
    const { tensors } = decodeSafetensors(bytesOf(file), name);
    // with the types that `decodeSafetensors` gives
    loadState(model, tensors);
    const saved = decodeSafetensors(saveModel(model, { note: "1" }), name);
    expect(saved.metadata).toEqual({ note: "1", format: "pt", trisparse_format: "2" });
    expect(new Map([...saved.tensors].sort())).toEqual(new Map([...tensors].sort()));
  });
});

describe("a saved model", () => {
  test("has its groups where PyTorch looks for them: along rows, and along the input channels of convolutions", () => {
    const model = lenet(20, 20, 4, 10, { ...init(), widths: [8, 12, 8] });
    const pattern = parsePattern("2:4");
    for (const { weight, rows, k } of multiplyingWeights(model)) {
      const packed = new PackedMatrix(device.kernels, rows, k, pattern);
      packed.prune(weight.data);
      packed.unpackInto(weight.data);
    }
    const { tensors } = decodeSafetensors(saveModel(model), "lenet");
    for (const name of ["conv1", "conv2", "fc1", "fc2"]) {
      const { shape, data } = tensors.get(`${name}.weight`)!;
      const [outputs, inputs] = shape;
      const places = data.length / (outputs * inputs);
      for (let output = 0; output < outputs; output++) {
        for (let place = 0; place < places; place++) {
          for (let group = 0; group < inputs; group += 4) {
            const kept = [0, 1, 2, 3].filter((i) => data[(output * inputs + group + i) * places + place] !== 0);
            expect(kept).toHaveLength(2);
          }
        }
      }
    }
    expect(tensors.get("conv2.weight")!.shape).toEqual([12, 8, 5, 5]);
  });

  test("of a format that is not known yet is refused", () => {
    const bytes = encodeSafetensors(stateOf(builds.lenet()), { trisparse_format: "3" });
    expect(() => loadModel(builds.lenet(), bytes, { where: "x.safetensors" })).toThrow(
      "x.safetensors: expected format 2 of trisparse, got 3. Read it with the version that wrote it.",
    );
  });
});

interface Version1 {
  readonly files: Readonly<Record<string, string>>;
  /** After its second step of four. */
  readonly checkpoint: string;
  readonly weights: string;
  /** Of the weights, of the images of the test split. */
  readonly logits: readonly number[];
}

describe("what version 0.1 wrote", () => {
  const version1 = golden("version-1") as Record<string, Version1>;
  const split = { train: noise(1, 16), test: noise(2, 4) };
  const data = dataset({ name: "noise", shape: [28, 28, 1], classes: 10, ...split });
  let folder = "";
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "trisparse-version-1-"));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  /** The folder as it was after a kill. */
  function killed(name: string, checkpoint = bytesOf(version1[name].checkpoint)): RunFolder {
    for (const [file, text] of Object.entries(version1[name].files))
      writeFileSync(join(folder, file), text.replace("optimiser", "optimizer"));
    writeFileSync(join(folder, "checkpoint.safetensors"), checkpoint);
    return RunFolder.open(folder);
  }

  test.each(Object.keys(version1))("weights of a %s are read: the model computes what it did", (name) => {
    const { recipe } = killed(name);
    const { weights, logits } = version1[name];
    const run = new Run(recipe, data, device, { start: readWeights(bytesOf(weights), "weights") });
    run.model.eval();
    expectClose(
      device.step(() =>
        device.withoutGradients(() => run.model.forward(run.batches.part(device, "test", 0).x).data.slice()),
      ),
      logits,
    );
    const alone = buildModel(recipe.model, data, init());
    loadModel(alone, bytesOf(weights), { inputShape: [28, 28, 1] });
    expect(stateOf(alone)).toEqual(stateOf(run.model));
  });

  test.each(Object.keys(version1))(
    "the run of a %s goes on from its checkpoint and ends with the same weights",
    async (name) => {
      const run = killed(name);
      await trainTogether([run], data, device);
      const now = readWeights(new Uint8Array(readFileSync(join(folder, "weights.safetensors"))), "now");
      const then = readWeights(bytesOf(version1[name].weights), "then");
      for (const [key, { data, shape }] of then) {
        expect(now.get(key)!.shape).toEqual(shape);
        for (let i = 0; i < data.length; i++)
          expect(Math.abs(Number(now.get(key)!.data[i]) - Number(data[i]))).toBeLessThan(1e-5);
      }
    },
  );

  test("is refused where a mask has groups of columns that lie apart now", () => {
    const { tensors, metadata } = decodeSafetensors(bytesOf(version1.lenet.checkpoint), "checkpoint");
    const mask = { dtype: "U32", shape: [8], data: new Uint32Array(8) };
    const run = killed("lenet", encodeSafetensors(new Map([...tensors, ["sparsity/fc1.weight.mask", mask]]), metadata));
    expect(() => run.resume(new Run(run.recipe, data, device))).toThrow(
      /expected a dense fc1\.weight, behind a flatten: .* got sparsity\/fc1\.weight\.mask, .*trisparse 0\.1/,
    );
  });

  test("asks for the shape of an input where the model flattens images", () => {
    const { model } = parseRecipe({ model: { name: "lenet", widths: [2, 3, 4] } });
    expect(() => loadModel(buildModel(model, data, init()), bytesOf(version1.lenet.weights))).toThrow(
      "Pass inputShape",
    );
  });
});
