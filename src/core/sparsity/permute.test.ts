import { describe, expect, test } from "vitest";
import { jsKernels } from "../backend/js.ts";
import { cnn } from "../nn/models/cnn.ts";
import { gpt } from "../nn/models/gpt.ts";
import { lenet } from "../nn/models/lenet.ts";
import { mlp } from "../nn/models/mlp.ts";
import { resnet } from "../nn/models/resnet.ts";
import type { Module } from "../nn/module.ts";
import { Random } from "../random.ts";
import { PackedMatrix } from "../sparse/formats/packed-matrix.ts";
import { parsePattern } from "../sparse/pattern.ts";
import { Device } from "../tensor/device.ts";
import { sizeOf, tensor } from "../tensor/tensor.ts";
import { multiplyingWeights } from "./layers.ts";
import { type PermutedChannels, permuteChannels } from "./permute.ts";

const device = new Device(jsKernels());
const VOCABULARY = 7;
const models: Record<string, { make(random: Random): Module; readonly shape: number[] }> = {
  mlp: { make: (random) => mlp([16, 32, 24, 3], { device, random }), shape: [4, 4, 1] },
  cnn: { make: (random) => cnn(3, [8, 16, 24], 3, { device, random }), shape: [8, 8, 3] },
  lenet: { make: (random) => lenet(20, 24, 1, 10, { device, random, widths: [8, 12, 24] }), shape: [20, 24, 1] },
  resnet: { make: (random) => resnet(8, 3, 10, { device, random }), shape: [8, 8, 3] },
  gpt: {
    make: (random) => gpt({ vocabulary: VOCABULARY, context: 5, layers: 2, width: 16, heads: 2, device, random }),
    shape: [5],
  },
};

/** A model as if it were trained: normalization, statistics and biases are not those of birth. */
function trained(name: string): Module {
  const random = new Random(3);
  const model = models[name].make(random);
  for (const { data } of model.parameters()) for (let i = 0; i < data.length; i++) data[i] += 0.1 * random.normal();
  for (const [path, { data }] of model.namedBuffers()) {
    if (path.includes("running")) for (let i = 0; i < data.length; i++) data[i] += 0.2 * random.uniform();
  }
  return model.eval();
}

function outputsOf(model: Module, shape: readonly number[]): Float32Array {
  const random = new Random(9);
  const batch = [2, ...shape];
  const values = Float32Array.from({ length: sizeOf(batch) }, () =>
    shape.length === 1 ? random.integer(VOCABULARY) : random.normal(),
  );
  return device.withoutGradients(() => model.forward(tensor(device, batch, values))).data.slice();
}

/** Of the named weights, pruned by the packs that training uses. */
function keptOf(model: Module, names: readonly string[], pattern: string): number {
  return multiplyingWeights(model)
    .filter(({ name }) => names.includes(name))
    .reduce((sum, { weight, rows, k }) => {
      const packed = new PackedMatrix(device.kernels, rows, k, parsePattern(pattern));
      packed.prune(weight.data);
      return sum + packed.masked.reduce((sum, value) => sum + Math.abs(value), 0);
    }, 0);
}

const searched = (all: readonly PermutedChannels[]): PermutedChannels[] => all.filter(({ found }) => found !== null);

describe("permuted channels", () => {
  test.each(Object.keys(models).flatMap((name) => ["2:4", "1:4v2", "4:8"].map((pattern) => [name, pattern])))(
    "of %s leave its outputs as they were, and %s keeps more of its weights",
    (name, pattern) => {
      const model = trained(name);
      const { shape } = models[name];
      const before = outputsOf(model, shape);
      const found = searched(permuteChannels(model, shape, parsePattern(pattern), { escapes: 2 }));
      const layers = [...new Set(found.flatMap(({ layers }) => layers))];
      const kept = keptOf(model, layers, pattern);
      expect(kept).toBeGreaterThan(keptOf(trained(name), layers, pattern));
      // the rows of a residual sum's writers move after their columns: other rows are vectors then
      if (!pattern.includes("v") || !["resnet", "gpt"].includes(name))
        expect(kept).toBeCloseTo(
          found.reduce((sum, { found }) => sum + found!.after, 0),
          2,
        );
      outputsOf(model, shape).forEach((value, i) => {
        expect(Math.abs(value - before[i])).toBeLessThan(1e-4);
      });
    },
  );

  const described = (name: string, all: readonly PermutedChannels[]): string[] =>
    all.map(({ channels, size, layers, reason }) => `${name} ${channels} ${size}: ${reason ?? layers.join(", ")}`);

  test("are those between layers; channels of the input and such as do not fill groups say why they stay", () => {
    const of = (name: string): string[] =>
      described(name, permuteChannels(trained(name), models[name].shape, parsePattern("2:4"), { escapes: 0 }));
    expect([...of("mlp"), ...of("lenet")]).toEqual([
      "mlp fc1.weight 16: the model's input",
      "mlp fc1.weight 32: fc2.weight",
      "mlp fc2.weight 24: fc3.weight",
      "lenet conv1.weight 1: the model's input",
      "lenet conv1.weight 8: conv2.weight",
      "lenet conv2.weight 12: fc1.weight has others between them",
      "lenet fc1.weight 24: fc2.weight",
    ]);
    expect(
      described("lenet", permuteChannels(models.lenet.make(new Random(1)), [20, 24, 1], parsePattern("4:8"))),
    ).toContain("lenet conv2.weight 12: 12 channels do not fill groups of 8");
  });

  test("of a sequence are searched over all layers that read it", () => {
    const all = permuteChannels(trained("gpt"), [5], parsePattern("2:4"), { escapes: 0 });
    expect(all[0].layers.length).toBeGreaterThanOrEqual(4);
    expect(all[0].found!.efficacy).toBeGreaterThan(0);
  });

  test("stay where no layer that is pruned reads them, or layers are pruned to different patterns", () => {
    const model = trained("mlp");
    const patternOf = (name: string) => (name === "fc2.weight" ? parsePattern("1:4") : null);
    const all = permuteChannels(model, [4, 4, 1], patternOf);
    expect(all.map(({ layers }) => layers)).toEqual([["fc2.weight"]]);
    const different = permuteChannels(trained("gpt"), [5], (name) =>
      parsePattern(name.includes("qkv") ? "1:4" : "2:4"),
    );
    expect(different[0].reason).toBe("layers that read them have different patterns");
  });

  test("take the moments of the optimizer with them", () => {
    const model = trained("mlp");
    const optimizerState = new Map(
      [...model.namedParameters()].map(([name, { data }]) => [`${name}.momentum`, data.map((value) => 2 * value)]),
    );
    permuteChannels(model, [4, 4, 1], parsePattern("2:4"), { optimizerState });
    for (const [name, { data }] of model.namedParameters()) {
      expect(optimizerState.get(`${name}.momentum`)).toEqual(data.map((value) => 2 * value));
    }
  });
});
