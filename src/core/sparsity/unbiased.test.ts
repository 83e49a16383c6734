/** A network's gradient under samples is the dense one on average, all weights of all layers, and under greedy pruning it is not. */
import { expect, test } from "vitest";
import { crossEntropy } from "../autograd/ops/cross-entropy.ts";
import { backward } from "../autograd/tape.ts";
import { jsKernels } from "../backend/js.ts";
import { cnn } from "../nn/models/cnn.ts";
import { mlp } from "../nn/models/mlp.ts";
import type { Module } from "../nn/module.ts";
import { Random } from "../random.ts";
import { Device } from "../tensor/device.ts";
import { tensor } from "../tensor/tensor.ts";
import { greedy as greedyRows } from "./methods/input-grad/greedy.ts";
import { mvue as mvueRows } from "./methods/input-grad/mvue.ts";
import { approxMvue } from "./methods/weight-grad/approx-mvue.ts";
import { greedy } from "./methods/weight-grad/greedy.ts";
import { mvue } from "./methods/weight-grad/mvue.ts";
import { type SparsifyOptions, sparsify } from "./sparsify.ts";

const models: Record<string, [(device: Device) => Module, readonly number[]]> = {
  mlp: [(device) => mlp([12, 16, 16, 4], { device, random: new Random(1) }), [12]],
  cnn: [(device) => cnn(4, [4, 8], 4, { device, random: new Random(1) }), [4, 4, 4]],
};
const BATCH = 16;
const DRAWS = 500;

/** The gradients of all parameters, one after another, for each seed; null: dense. Weights and data stay the same. */
function gradients(name: string, options: Partial<SparsifyOptions> | null, draws: number): Float64Array[] {
  const device = new Device(jsKernels());
  const [build, shape] = models[name];
  const model = build(device);
  const random = new Random(2);
  const x = Array.from({ length: BATCH * shape.reduce((a, b) => a * b, 1) }, () => random.normal());
  const labels = Int32Array.from({ length: BATCH }, (_, i) => i % 4);
  return Array.from({ length: draws }, (_, seed) => {
    const session = options && sparsify(model, { pattern: "2:4", steps: 1, seed, ...options });
    for (const parameter of model.parameters()) parameter.zeroGrad();
    device.step(() => backward(crossEntropy(model.forward(tensor(device, [BATCH, ...shape], x)), labels)));
    session?.detach();
    return Float64Array.from(model.parameters().flatMap(({ grad }) => [...grad]));
  });
}

interface Distance {
  readonly largest: number;
  readonly meanSquare: number;
}

/** How far the mean of samples is from the dense gradient, in standard errors: over all weights. noise: whose errors. */
function distance(name: string, options: Partial<SparsifyOptions>, noise = options): Distance {
  const [dense] = gradients(name, null, 1);
  const samples = gradients(name, options, DRAWS);
  const noisy = noise === options ? samples : gradients(name, noise, DRAWS);
  const scale = dense.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  const meanOf = (list: readonly Float64Array[], i: number): number => list.reduce((sum, x) => sum + x[i], 0) / DRAWS;
  const distances = Array.from(dense, (wanted, i) => {
    const mean = meanOf(noisy, i);
    const variance = noisy.reduce((sum, sample) => sum + (sample[i] - mean) ** 2, 0) / (DRAWS - 1);
    // what no sample enters differs by the rounding of sums alone
    const error = Math.sqrt(variance / DRAWS) + 1e-6 * scale;
    return { sampled: variance > 0, z: Math.abs(meanOf(samples, i) - wanted) / error };
  });
  const sampled = distances.filter((entry) => entry.sampled);
  expect(sampled.length).toBeGreaterThan(dense.length / 4);
  return {
    largest: Math.max(...distances.map(({ z }) => z)),
    meanSquare: sampled.reduce((sum, { z }) => sum + z ** 2, 0) / sampled.length,
  };
}

/** Of about 500 entries one lies beyond this with a chance of 1 in 10,000; the squares are 1 on average. */
const LARGEST = 5.2;

test.each([
  ["mlp", "weightGrad", { weightGrad: mvue() }],
  ["mlp", "weightGrad 1:4v2", { weightGrad: mvue(), weightGradPattern: "1:4v2" }],
  ["mlp", "weightGrad by two draws", { weightGrad: approxMvue() }],
  ["mlp", "inputGrad", { inputGrad: mvueRows() }],
  ["mlp", "both products", { inputGrad: mvueRows(), weightGrad: mvue() }],
  ["mlp", "both products, 2:4v2", { inputGrad: mvueRows(), weightGrad: mvue(), pattern: "2:4v2" }],
  ["cnn", "weightGrad", { weightGrad: mvue() }],
  ["cnn", "both products", { inputGrad: mvueRows(), weightGrad: mvue() }],
])("%s, %s: samples give the dense gradient on average", (name, _, options) => {
  const { largest, meanSquare } = distance(name, options);
  expect(largest).toBeLessThan(LARGEST);
  // entries are not independent: this is not a chi-square of as many
  expect(meanSquare).toBeLessThan(1.5);
});

test.each([
  ["mlp", "weightGrad", { weightGrad: greedy() }, { weightGrad: mvue() }],
  ["mlp", "inputGrad", { inputGrad: greedyRows() }, { inputGrad: mvueRows() }],
  ["cnn", "weightGrad", { weightGrad: greedy() }, { weightGrad: mvue() }],
])("%s, %s: the largest entries do not, beyond what the noise of samples would hide", (name, _, options, noise) => {
  const { largest, meanSquare } = distance(name, options, noise);
  expect(largest).toBeGreaterThan(2 * LARGEST);
  expect(meanSquare).toBeGreaterThan(3);
});
