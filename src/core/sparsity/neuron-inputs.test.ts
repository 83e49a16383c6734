import { describe, expect, test } from "vitest";
import { maskWords } from "../backend/families/masks.ts";
import { jsKernels } from "../backend/js.ts";
import { networkNnstd } from "../metrics/nnstd.ts";
import { reorderChannels, traceChannels } from "../nn/channels.ts";
import { cnn } from "../nn/models/cnn.ts";
import { gpt } from "../nn/models/gpt.ts";
import { lenet } from "../nn/models/lenet.ts";
import { mlp } from "../nn/models/mlp.ts";
import { resnet } from "../nn/models/resnet.ts";
import type { Module } from "../nn/module.ts";
import { Random } from "../random.ts";
import { Device } from "../tensor/device.ts";
import { multiplyingWeights } from "./layers.ts";
import { neuronInputs } from "./neuron-inputs.ts";

const device = new Device(jsKernels());
const random = new Random(4);
const chains: [string, Module, number[]][] = [
  ["mlp", mlp([16, 32, 24, 8], { device, random }), [4, 4, 1]],
  ["cnn", cnn(3, [8, 16, 24], 8, { device, random }), [8, 8, 3]],
  ["lenet", lenet(20, 24, 1, 10, { device, random, widths: [8, 12, 24] }), [20, 24, 1]],
];

/** The masks of the weights above 0, by name. */
function masksOf(model: Module): Map<string, Uint32Array> {
  return new Map(
    multiplyingWeights(model).map(({ name, weight: { data }, rows, k }) => {
      const mask = new Uint32Array(rows * maskWords(k));
      data.forEach((value, at) => {
        const [row, column] = [Math.floor(at / k), at % k];
        if (value > 0) mask[row * maskWords(k) + (column >> 5)] |= 1 << (column & 31);
      });
      return [name, mask];
    }),
  );
}

describe("inputs that are neurons of another layer", () => {
  test.each(chains)("are found in a chain, through convolutions and a flatten: %s", (_, model, shape) => {
    const weights = multiplyingWeights(model);
    const inputs = neuronInputs(model, shape, weights);
    expect(weights.map(({ name }) => inputs.get(name)!.map(({ layer }) => layer))).toEqual(
      weights.map((_, i) => (i === 0 ? [] : [weights[i - 1].name])),
    );
    for (const { name, k } of weights.slice(1))
      expect(inputs.get(name)![0].columns.toSorted()).toEqual(Int32Array.from({ length: k }, (_, column) => column));
    // a model whose channels stand in another order computes the same, which the tests of reorderChannels show
    const before = masksOf(model);
    for (const group of traceChannels(model, shape).groups)
      if (group.fixed === null) reorderChannels(group, random.permutation(group.size));
    const after = masksOf(model);
    const distances = (carried: boolean): number[] => {
      const pairs = weights.map(({ name, rows, k }) => {
        return {
          ...{ name, rows, k, a: before.get(name)!, b: after.get(name)! },
          inputs: carried ? inputs.get(name)! : [],
        };
      });
      return [...networkNnstd(pairs).values()].map((match) => match!.distance);
    };
    expect(distances(true)).toEqual(weights.map(() => 0));
    expect(
      distances(false)
        .slice(1)
        .every((distance) => distance > 0.1),
    ).toBe(true);
  });

  test("are none where layers are summed", () => {
    const found = (model: Module, shape: number[]): [string, string[]][] =>
      [...neuronInputs(model, shape, multiplyingWeights(model))].flatMap(([name, inputs]) =>
        inputs.length === 0 ? [] : [[name, inputs.map(({ layer }) => layer)]],
      );
    // the first layer of a block writes for the second one alone, which adds to a sum
    expect(found(resnet(8, 3, 10, { device, random }), [8, 8, 3])).toEqual(
      ["block1", "block2", "block3"].map((block) => [`${block}.body.conv2.weight`, [`${block}.body.conv1.weight`]]),
    );
    const blocks = gpt({ vocabulary: 7, context: 5, layers: 1, width: 16, heads: 2, device, random });
    expect(found(blocks, [5])).toEqual([["blocks.0.mlp.fc2.weight", ["blocks.0.mlp.fc1.weight"]]]);
  });
});
