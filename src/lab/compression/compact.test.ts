import { describe, expect, test } from "vitest";
import { crossEntropy } from "../../core/autograd/ops/cross-entropy.ts";
import { backward } from "../../core/autograd/tape.ts";
import { jsKernels } from "../../core/backend/js.ts";
import type { Task } from "../../core/data/dataset.ts";
import type { Module } from "../../core/nn/module.ts";
import { valuesOf } from "../../core/nn/state.ts";
import { Optimizer } from "../../core/optim/optimizer.ts";
import { sgd } from "../../core/optim/sgd.ts";
import { Random } from "../../core/random.ts";
import { Device } from "../../core/tensor/device.ts";
import { sizeOf, tensor } from "../../core/tensor/tensor.ts";
import { buildModel, inputShapeOf } from "../recipes/architecture.ts";
import { parseRecipe, type Recipe } from "../recipes/recipe.ts";
import { compact } from "./compact.ts";

const device = new Device(jsKernels());
const random = new Random(5);
const at = { device, random };
const images = (height: number, channels: number): Task =>
  ({ kind: "images", name: "t", shape: [height, height, channels], classes: 4 }) as unknown as Task;
const text = { kind: "text", name: "t", classes: 7 } as unknown as Task;

/** A model of a trained one's make: no bias or statistic is what it was at birth. */
function born(architecture: Recipe["model"], task: Task): Module {
  const model = buildModel(architecture, task, at);
  for (const { data } of model.parameters()) for (let i = 0; i < data.length; i++) data[i] += 0.1 * random.normal();
  for (const [name, { data }] of model.namedBuffers()) {
    if (name.includes("running")) for (let i = 0; i < data.length; i++) data[i] += 0.3 * random.uniform();
  }
  return model;
}

const architecture = (model: object): Recipe["model"] => parseRecipe({ model }).model;
const array = (model: Module, name: string): Float32Array => valuesOf(model).get(name)!.data as Float32Array;

/** Zeroes rows of a weight: filters, hidden units. */
function zeroRows(model: Module, name: string, rows: readonly number[]): void {
  const { data, shape } = valuesOf(model).get(name)!;
  const k = data.length / shape[0];
  for (const row of rows) data.fill(0, row * k, (row + 1) * k);
}

/** Zeroes entries of the last axis: channels, inputs. */
function zeroColumns(model: Module, name: string, columns: readonly number[]): void {
  const { data, shape } = valuesOf(model).get(name)!;
  const k = shape[shape.length - 1];
  for (let i = 0; i < data.length; i++) if (columns.includes(i % k)) data[i] = 0;
}

function outputsOf(model: Module, task: Task): Float32Array {
  const drawn = new Random(11);
  const shape = [3, ...(task.kind === "text" ? [5] : inputShapeOf(task))];
  const values = Float32Array.from({ length: sizeOf(shape) }, () =>
    task.kind === "text" ? Math.floor(drawn.uniform() * 7) : drawn.normal(),
  );
  return device.withoutGradients(() => model.eval().forward(tensor(device, shape, values))).data;
}

/** Compacts; checks that outputs stay, that the result can be written as a recipe, and that it trains. */
function checked(model: Module, from: Recipe["model"], task: Task): ReturnType<typeof compact> {
  const before = [...valuesOf(model)].map(([name, { data }]) => [name, [...data]]);
  const result = compact(model, from, task, at);
  expect([...valuesOf(model)].map(([name, { data }]) => [name, [...data]])).toEqual(before);
  const [old, now] = [outputsOf(model, task), outputsOf(result.model, task)];
  const scale = Math.max(1, ...old.map(Math.abs));
  old.forEach((value, i) => {
    expect(Math.abs(value - now[i])).toBeLessThan(1e-5 * scale);
  });
  const again = buildModel(architecture(JSON.parse(JSON.stringify(result.architecture))), task, at);
  expect([...valuesOf(again)].map(([name, { shape }]) => [name, shape])).toEqual(
    [...valuesOf(result.model)].map(([name, { shape }]) => [name, shape]),
  );
  const optimizer = new Optimizer(result.model.train(), sgd({ learningRate: 0.01 }));
  const x = tensor(device, [2, ...inputShapeOf(task)], new Float32Array(2 * sizeOf(inputShapeOf(task))).fill(1));
  device.step(() => {
    backward(crossEntropy(result.model.forward(x), Int32Array.of(0, 1)));
    optimizer.step();
  });
  expect(result.model.parameters().every(({ hasGrad, data }) => hasGrad && data.every(Number.isFinite))).toBe(true);
  return result;
}

describe("a compact model", () => {
  test("of an mlp has the hidden units that are neither constant nor unread", () => {
    const task = images(3, 2);
    const from = architecture({ name: "mlp", hidden: [8, 6] });
    const model = born(from, task);
    zeroRows(model, "fc1.weight", [1, 3]); // their biases are what the next layer gets
    zeroColumns(model, "fc3.weight", [0, 5]);
    zeroColumns(model, "fc2.weight", [7]);
    const { architecture: to, removals } = checked(model, from, task);
    expect(to).toMatchObject({ hidden: [5, 4] });
    expect(removals).toEqual([
      { group: "fc1.weight", size: 8, removed: 3, reasons: [] },
      { group: "fc2.weight", size: 6, removed: 2, reasons: [] },
    ]);
  });

  test("loses what was read only by what is gone", () => {
    const task = images(3, 1);
    const from = architecture({ name: "mlp", hidden: [4, 4] });
    const model = born(from, task);
    zeroColumns(model, "fc3.weight", [2]);
    const { data } = valuesOf(model).get("fc2.weight")!;
    for (const row of [0, 1, 3]) data[row * 4 + 1] = 0;
    expect(checked(model, from, task).architecture).toMatchObject({ hidden: [3, 3] });
  });

  test("of an mlp that is all zeros keeps one unit a layer", () => {
    const task = images(3, 1);
    const from = architecture({ name: "mlp", hidden: [4, 4] });
    const model = born(from, task);
    zeroRows(model, "fc1.weight", [0, 1, 2, 3]);
    zeroRows(model, "fc2.weight", [0, 1, 2, 3]);
    expect(checked(model, from, task).architecture).toMatchObject({ hidden: [1, 1] });
  });

  test("of a lenet: filters through pooling and flatten", () => {
    const task = images(20, 1);
    const from = architecture({ name: "lenet", widths: [6, 8, 10] });
    const model = born(from, task);
    zeroRows(model, "conv1.weight", [0, 4]);
    zeroRows(model, "conv2.weight", [7]);
    zeroColumns(model, "conv2.weight", [2]);
    zeroRows(model, "fc1.weight", [3]);
    expect(checked(model, from, task).architecture).toMatchObject({ widths: [3, 7, 9] });
  });

  test("of a cnn: through batch norm, where what is left is not seen at a padded border", () => {
    const task = images(8, 3);
    const from = architecture({ name: "cnn", widths: [6, 7, 5] });
    const model = born(from, task);
    zeroRows(model, "conv1.weight", [0, 1, 2]);
    zeroRows(model, "conv3.weight", [4]);
    array(model, "bn1.bias").set([-3, -3, 3]);
    array(model, "bn3.bias")[4] = 2;
    zeroColumns(model, "conv3.weight", [6]);
    array(model, "bn2.weight")[5] = 0;
    array(model, "bn2.bias")[5] = -1;
    const { architecture: to, removals } = checked(model, from, task);
    expect(to).toMatchObject({ widths: [4, 5, 4] });
    expect(removals[0]).toEqual({
      ...{ group: "conv1.weight", size: 6, removed: 2 },
      reasons: ["conv2.weight pads it: its constant is missing at the border"],
    });
  });

  test("of a resnet: channels of a sum where all that write them are zero", () => {
    const task = images(8, 3);
    const from = architecture({ name: "resnet", depth: 8, widths: [6, 8, 10] });
    const model = born(from, task);
    const writers = ["conv1", "block1.body.conv2", "block2.body.conv2", "block3.body.conv2"];
    for (const name of writers) {
      zeroRows(model, `${name}.weight`, name === "conv1" ? [1, 2] : [1]);
      array(model, `${name.replace("conv", "bn")}.bias`)[1] = -4;
    }
    zeroRows(model, "block3.body.conv2.weight", [1, 9]);
    array(model, "block3.body.bn2.bias")[9] = 1.5;
    zeroRows(model, "block2.body.conv1.weight", [0, 3, 4]);
    array(model, "block2.body.bn1.bias").set([-4, 0.5, 0.5, -4, -4]);
    const { architecture: to } = checked(model, from, task);
    expect(to).toMatchObject({ widths: [5, 7, 8], blocks: [6, 5, 10] });
  });

  test("of a resnet: blocks become their shortcut and a constant", () => {
    const task = images(8, 3);
    const from = architecture({ name: "resnet", depth: 20, widths: [4, 6, 8] });
    const model = born(from, task);
    for (const block of [2, 3, 4]) zeroRows(model, `block${block}.body.conv2.weight`, [...Array(6).keys()]);
    // a first convolution of zeros behind which nothing passes the ReLU
    zeroRows(model, "block5.body.conv1.weight", [...Array(6).keys()]);
    array(model, "block5.body.bn1.bias").fill(-4);
    // all zero: not even a constant
    zeroRows(model, "block6.body.conv2.weight", [...Array(6).keys()]);
    for (const part of ["running_mean", "bias"]) array(model, `block6.body.bn2.${part}`).fill(0);
    // one that cannot go: what it adds is other at the border
    zeroRows(model, "block8.body.conv1.weight", [...Array(8).keys()]);
    array(model, "block8.body.bn1.bias").fill(4);
    const { architecture: to, blocks, model: smaller } = checked(model, from, task);
    expect(blocks).toEqual(["block2", "block3", "block4", "block5", "block6"]);
    expect(to).toMatchObject({
      blocks: [4, "constant", "constant", "constant", "constant", "shortcut", 8, 8, 8],
    });
    expect(smaller.namedParameters().has("block6.bias")).toBe(false);
  });

  test("of a squeezenet: filters on both sides of its concatenations", () => {
    const task = images(8, 3);
    const fires = [
      [5, 4, 6],
      [4, 5, 3],
      [3, 4, 4],
    ];
    const from = architecture({ name: "squeezenet", width: 6, fires });
    const model = born(from, task);
    const zeroFilters = (layer: string, filters: readonly number[], shift: number): void => {
      zeroRows(model, `${layer}.weight`, filters);
      for (const filter of filters) array(model, `${layer.replace("conv", "bn")}.bias`)[filter] = shift;
    };
    zeroFilters("conv1", [0, 5], 0.7); // a 1x1 convolution reads them: constants go into its running mean
    zeroFilters("fire1.squeeze.conv", [1], -3);
    zeroFilters("fire1.squeeze.conv", [2], 3); // the padded 3x3 beside the 1x1 reads it
    zeroFilters("fire1.expand.1x1.conv", [3], 0.5);
    zeroFilters("fire1.expand.3x3.conv", [0, 2], 0.5);
    // nothing reads these two, of the 1x1 and of the 3x3 in front of fire2
    zeroColumns(model, "fire2.squeeze.conv.weight", [1, 4 + 5]);
    // behind a gain of zero
    array(model, "fire2.squeeze.bn.weight").fill(0, 0, 2);
    array(model, "fire2.squeeze.bn.bias").set([0.4, -0.4]);
    zeroFilters("fire2.expand.1x1.conv", [0, 1, 2, 3, 4], -3);
    zeroFilters("fire2.expand.3x3.conv", [1], -3);
    zeroFilters("fire3.expand.1x1.conv", [2], 0.3);
    zeroFilters("fire3.expand.3x3.conv", [0, 1, 2, 3], 0.3);
    const result = checked(model, from, task);
    const { architecture: to, removals } = result;
    expect(to).toMatchObject({
      width: 4,
      fires: [
        [4, 2, 3],
        [3, 0, 2],
        [3, 3, 0],
      ],
    });
    const padded = (fire: number): string =>
      `fire${fire}.expand.3x3.conv.weight pads it: its constant is missing at the border`;
    const why = new Map(removals.map(({ group, reasons }) => [group.replace(".conv.weight", ""), reasons]));
    expect(why.get("fire1.squeeze")).toEqual([padded(1)]);
    expect(why.get("fire2.squeeze")).toEqual([padded(2)]);
    for (const layer of ["fire2.expand.1x1", "fire3.expand.3x3", "fire3.expand.1x1"])
      expect(why.get(layer)).toEqual([]);
    expect(result.model.namedParameters().has("fire2.expand.1x1.conv.weight")).toBe(false);
  });

  test("names no columns of a layer that is gone", () => {
    const task = images(8, 1);
    const fires = [
      [3, 2, 4],
      [2, 2, 2],
    ];
    const columns = { "fire1.expand.1x1.conv": 2, "fire2.squeeze.conv": 4 };
    const squeezed = architecture({ name: "squeezenet", width: 3, fires, columns });
    const narrower = born(squeezed, task);
    zeroRows(narrower, "fire1.expand.1x1.conv.weight", [0, 1]);
    array(narrower, "fire1.expand.1x1.bn.bias").fill(-4);
    // what a layer gathers from is fixed: the branch stays
    expect(checked(narrower, squeezed, task).architecture).toMatchObject({ columns, fires });

    const resnet = architecture({ name: "resnet", depth: 8, columns: { "block1.body.conv1": 3, fc: 5 } });
    const shallower = born(resnet, task);
    zeroRows(shallower, "block1.body.conv2.weight", [...Array(16).keys()]);
    expect(checked(shallower, resnet, task).architecture).toMatchObject({
      ...{ columns: { fc: 5 }, blocks: ["constant", 32, 64] },
    });
  });

  test("of a squeezenet keeps one filter where both of its branches are constant", () => {
    const task = images(8, 1);
    const from = architecture({
      name: "squeezenet",
      width: 3,
      fires: [
        [2, 3, 2],
        [2, 2, 2],
      ],
    });
    const model = born(from, task);
    for (const part of ["1x1", "3x3"])
      zeroRows(model, `fire1.expand.${part}.conv.weight`, [0, 1, 2].slice(0, part === "1x1" ? 3 : 2));
    const { architecture: to, removals } = checked(model, from, task);
    expect(to).toMatchObject({ fires: [[1, 0, 1], expect.anything()] });
    expect(removals.flatMap(({ reasons }) => reasons)).toContain("the last one of a layer stays");
  });

  test.each(Array.from({ length: 12 }, (_, seed) => seed))(
    "of a squeezenet with any zeros computes the same (%i)",
    (seed) => {
      const drawn = new Random(seed);
      const upTo = (most: number): number => 1 + Math.floor(drawn.uniform() * most);
      const task = images(8, 1);
      const fires = Array.from({ length: upTo(3) }, () => [upTo(5), upTo(5), upTo(5)]);
      const from = architecture({ name: "squeezenet", width: upTo(6), fires });
      const model = born(from, task);
      const some = (length: number): number[] => [...Array(length).keys()].filter(() => drawn.uniform() < 0.4);
      for (const [name, { shape, data }] of valuesOf(model)) {
        if (name.endsWith("conv.weight") || name === "conv1.weight") {
          zeroRows(model, name, some(shape[0]));
          if (drawn.uniform() < 0.5) zeroColumns(model, name, some(shape[3]));
        } else if (name.includes("bn")) {
          for (const c of some(shape[0])) data[c] = name.endsWith("bias") ? 3 * drawn.normal() : data[c];
          if (name.endsWith("weight")) for (const c of some(shape[0])) data[c] = drawn.uniform() < 0.3 ? 0 : data[c];
        }
      }
      const { model: smaller, architecture: to } = checked(model, from, task);
      const size = (one: Module): number => one.parameters().reduce((sum, { size }) => sum + size, 0);
      expect(size(smaller)).toBeLessThanOrEqual(size(model));
      expect(compact(smaller, to, task, at).architecture).toEqual(to);
    },
  );

  test("of a gpt: units of the MLPs", () => {
    const from = architecture({ name: "gpt", layers: 2, width: 8, heads: 2, context: 6 });
    const model = born(from, text);
    zeroRows(model, "blocks.0.mlp.fc1.weight", [0, 5, 31]);
    zeroColumns(model, "blocks.1.mlp.fc2.weight", [1, 2]);
    expect(checked(model, from, text).architecture).toMatchObject({ hidden: [29, 30] });
  });

  test("gathers columns where the others are zero in all rows", () => {
    const task = images(20, 1);
    const from = architecture({ name: "lenet", widths: [6, 8, 10] });
    const model = born(from, task);
    const zeroTaps = (name: string, kept: readonly number[]): void => {
      const { data, shape } = valuesOf(model).get(name)!;
      const k = data.length / shape[0];
      for (let i = 0; i < data.length; i++) if (!kept.includes(i % k)) data[i] = 0;
    };
    zeroTaps("conv1.weight", [1, 7, 12, 24]);
    zeroTaps("conv2.weight", [0, 8, 13, 28, 33, 34, 40, 44, 45, 77, 149]);
    const { architecture: to, model: smaller } = checked(model, from, task);
    expect(to).toMatchObject({ columns: { conv1: 4, conv2: 11 } });
    expect(compact(smaller, to, task, at).architecture).toEqual(to);

    const mlp = architecture({ name: "mlp", hidden: [5] });
    const other = born(mlp, task);
    zeroColumns(other, "fc1.weight", [...Array(50).keys(), 399]);
    expect(checked(other, mlp, task).architecture).toMatchObject({ columns: { fc1: 349 } });

    const padded = architecture({ name: "cnn", widths: [3, 9] });
    const cnn = born(padded, task);
    for (const name of ["conv1.weight", "conv2.weight"]) {
      const { data, shape } = valuesOf(cnn).get(name)!;
      const k = data.length / shape[0];
      for (let i = 0; i < data.length; i++) if (![0, 5, 8].includes(i % k)) data[i] = 0;
    }
    // conv1 has a third of its columns left: too many to gather
    expect(checked(cnn, padded, task).architecture).toMatchObject({ columns: { conv2: 3 } });
    expect(() => buildModel({ ...padded, columns: { conv9: 3 } } as never, task, at)).toThrow("layers of the model");
  });

  test("of a model without zeros is a copy", () => {
    const task = images(3, 1);
    const from = architecture({ name: "mlp", hidden: [4] });
    const model = born(from, task);
    const { model: copy, removals, architecture: to } = checked(model, from, task);
    expect([copy === model, removals, to]).toEqual([false, [], from]);
  });
});
