import { describe, expect, test } from "vitest";
import { BATCH_NORM_EPSILON } from "../../core/autograd/ops/batch-norm.ts";
import { normalizedLayers } from "../../core/nn/normalized-layers.ts";
import { Random } from "../../core/random.ts";
import { foldedGroupLasso } from "../../core/sparsity/methods/structured/folded.ts";
import { groupStructure } from "../../core/sparsity/methods/structured/groups.ts";
import { groupLasso } from "../../core/sparsity/methods/structured/penalties.ts";
import { tensor } from "../../core/tensor/tensor.ts";
import { openDeviceSync } from "../../node/open-device.ts";
import { loadData } from "../data/sources.ts";
import { parseRecipe } from "../recipes/recipe.ts";
import { Run } from "../runs/run.ts";
import { compress } from "./compress.ts";

const device = openDeviceSync({ threads: 1 });
const data = await loadData("digits", { seed: 1, limit: { train: 256, test: 64 } });
const recipe = (changes: object): ReturnType<typeof parseRecipe> =>
  parseRecipe({
    ...{ data: { name: "digits" }, model: { name: "cnn", widths: [8, 12] }, method: { name: "dense" } },
    ...{ optimizer: { name: "sgd", learningRate: 0.05, schedule: { warmup: 0 } }, batchSize: 32, epochs: 3 },
    ...changes,
  });

test("a network of another scale of weights computes the same: folded penalties cost the same, raw ones do not", () => {
  const { model } = new Run(recipe({}), data, device);
  const random = new Random(2);
  const image = Float32Array.from({ length: 784 }, () => random.normal());
  const outputs = (): Float32Array =>
    device.withoutGradients(() =>
      model
        .eval()
        .forward(tensor(device, [1, 28, 28, 1], image))
        .data.slice(),
    );
  const { layer, norm } = normalizedLayers(model)[1];
  const variance = norm.runningVariance.data as Float32Array;
  norm.weight.data.forEach((_, o) => {
    norm.weight.data[o] = 0.5 + random.uniform();
    variance[o] = 1 + random.uniform();
  });
  const shape = { rows: 12, taps: 9, channels: 8 };
  const { kernels } = device;
  const of = {
    ...{ gain: norm.weight.data, gainGradient: norm.weight.grad, shift: norm.bias.data },
    ...{ variance, epsilon: BATCH_NORM_EPSILON },
  };
  const structures = ["row", "column", "channel"].map(groupStructure);
  const raw = () => structures.map((one) => groupLasso(kernels, 1, one, shape).value(layer.weight.data));
  const folded = () => structures.map((one) => foldedGroupLasso(kernels, 1, one, shape, of).value(layer.weight.data));
  const before = { y: outputs(), raw: raw(), folded: folded() };
  for (let i = 0; i < layer.weight.size; i++) layer.weight.data[i] *= 4;
  for (let o = 0; o < 12; o++) variance[o] *= 16;
  layer.weight.touch();
  for (const [i, y] of outputs().entries()) expect(Math.abs(y - before.y[i])).toBeLessThan(1e-3);
  for (const [i, value] of folded().entries()) expect(value / before.folded[i]).toBeCloseTo(1, 4);
  for (const [i, value] of raw().entries()) expect(value / before.raw[i]).toBeCloseTo(4, 4);
});

describe("folded penalties of a recipe", () => {
  test("are no part of recipes that do not ask for them", () => {
    const [one] = recipe({ regularize: [{ structure: "row", lambda: 1 }] }).regularize!;
    expect(Object.keys(one)).not.toContain("folded");
  });

  test("need a batch norm in the model, and groups", () => {
    const named = (changes: object): Run => new Run(recipe(changes), data, device);
    const mlp = { name: "mlp", hidden: [8] };
    expect(() => named({ model: mlp, regularize: [{ structure: "row", lambda: 1, folded: true }] })).toThrow(
      "regularize 1: expected a batch norm behind a layer",
    );
    expect(() => named({ regularize: [{ structure: "weight", lambda: 1, folded: true }] })).toThrow(
      "regularize 1: expected groups",
    );
  });

  test("take weights without a batch norm as they are", () => {
    const weights = (folded: boolean): Float32Array => {
      const regularize = [{ structure: "row", lambda: 0.5, layers: "fc", folded }];
      const run = new Run(recipe({ regularize, epochs: undefined, steps: 2 }), data, device);
      while (!run.done) run.advance();
      return run.model.namedParameters().get("fc.weight")!.data;
    };
    expect(weights(true)).toEqual(weights(false));
  });

  test("zero gains with their shifts, so that no constant is left that a padded convolution needs", () => {
    const regularize = [{ structure: "row", lambda: 0.03, layers: "conv", folded: true }];
    const done = compress(recipe({ regularize }), data, device, { learn: 6, tune: 1 });
    const [conv1, conv2] = done.layers;
    expect(conv1.shape.after![0] + conv2.shape.after![0]).toBeLessThan(18);
    expect(done.removals.flatMap(({ reasons }) => reasons)).toEqual([]);
  });

  test("leave zeros at zero when they are frozen", () => {
    const regularize = [{ structure: "row", lambda: 0.03, layers: "conv", folded: true }];
    const phases = { frozenFrom: 0.8 };
    const run = new Run(recipe({ regularize, phases, epochs: undefined, steps: 100 }), data, device);
    const zeros = (): string[] =>
      ["bn1.weight", "bn1.bias", "bn2.weight", "bn2.bias"].map((name) =>
        [...run.model.namedParameters().get(name)!.data].map((x) => Number(x === 0)).join(""),
      );
    while (run.step < 80) run.advance();
    const before = zeros();
    while (!run.done) run.advance();
    expect(before[0]).toContain("1");
    expect(zeros()).toEqual(before);
  });
});
