import { describe, expect, test } from "vitest";
import { ops } from "../autograd/ops/ops.ts";
import { jsKernels } from "../backend/js.ts";
import { Random } from "../random.ts";
import { Device } from "../tensor/device.ts";
import { sizeOf, Tensor, tensor } from "../tensor/tensor.ts";
import { ReLU } from "./activations.ts";
import { BatchNorm } from "./batch-norm.ts";
import { type ChannelGraph, type ChannelGroup, reorderChannels, traceChannels } from "./channels.ts";
import { Concatenated } from "./concatenated.ts";
import { Conv2d } from "./conv2d.ts";
import { LayerNorm } from "./layer-norm.ts";
import { Linear } from "./linear.ts";
import { cnn } from "./models/cnn.ts";
import { gpt } from "./models/gpt.ts";
import { lenet } from "./models/lenet.ts";
import { mlp } from "./models/mlp.ts";
import { resnet } from "./models/resnet.ts";
import { squeezenet } from "./models/squeezenet.ts";
import { Module } from "./module.ts";
import { Sequential } from "./sequential.ts";
import { valuesOf } from "./state.ts";

const device = new Device(jsKernels());
const at = { device, random: new Random(3) };
const options = { vocabulary: 7, context: 5, layers: 2, width: 8, heads: 2 };
const fires = [
  [4, 3, 5],
  [2, 4, 6],
  [3, 2, 2],
] as const;
const models: Record<string, { readonly model: Module; readonly shape: number[] }> = {
  mlp: { model: mlp([12, 6, 5, 3], at), shape: [3, 4, 1] },
  cnn: { model: cnn(3, [4, 6, 5], 3, at), shape: [8, 8, 3] },
  lenet: { model: lenet(20, 24, 1, 10, at), shape: [20, 24, 1] },
  resnet: { model: resnet(8, 3, 10, at), shape: [8, 8, 3] },
  squeezenet: { model: squeezenet(3, 6, fires, 10, at), shape: [8, 8, 3] },
  gpt: { model: gpt({ ...options, ...at }), shape: [5] },
  "gpt of squared ReLU": { model: gpt({ ...options, ...at, activation: "squared-relu", dropout: 0.1 }), shape: [5] },
};

/** A model whose normalization and biases are not the trivial ones of birth. */
function disturb(model: Module): void {
  for (const { data } of model.parameters()) for (let i = 0; i < data.length; i++) data[i] += 0.1 * at.random.normal();
  for (const [name, { data }] of model.namedBuffers()) {
    if (name.includes("running")) for (let i = 0; i < data.length; i++) data[i] += 0.2 * at.random.uniform();
  }
}

function outputsOf(model: Module, shape: readonly number[]): Float32Array {
  const random = new Random(9);
  const batch = [2, ...shape];
  const values = Float32Array.from({ length: sizeOf(batch) }, () =>
    shape.length === 1 ? Math.floor(random.uniform() * 7) : random.normal(),
  );
  model.eval();
  return device.withoutGradients(() => model.forward(tensor(device, batch, values))).data;
}

const described = ({ groups }: ChannelGraph): string[] =>
  groups
    .filter(({ uses }) => uses.length > 0)
    .map(({ name, size, fixed, pinnedReason, uses }) => {
      const of = ({ name, axis, times, writes, reads }: (typeof uses)[number]): string =>
        `${writes ? "w" : ""}${reads ? "r" : ""} ${name}:${axis}${times === 1 ? "" : ` x${times}`}`;
      return `${name} ${size}${(fixed ?? pinnedReason) ? ` (${fixed ?? pinnedReason})` : ""}: ${uses.map(of).join(", ")}`;
    });
const trace = (name: string): ChannelGraph => traceChannels(models[name].model, models[name].shape);
const open = (graph: ChannelGraph): ChannelGroup[] => graph.groups.filter(({ fixed }) => fixed === null);

describe("channels", () => {
  test("of an mlp are its hidden units", () => {
    expect(described(trace("mlp"))).toEqual([
      "fc1.weight 12 (the model's input): r fc1.weight:1",
      "fc1.weight 6: w fc1.weight:0, w fc1.bias:0, r fc2.weight:1",
      "fc2.weight 5: w fc2.weight:0, w fc2.bias:0, r fc3.weight:1",
      "fc3.weight 3 (the model's output): w fc3.weight:0, w fc3.bias:0",
    ]);
  });

  test("of a cnn go through batch norm and its statistics", () => {
    expect(described(trace("cnn"))[1]).toBe(
      "conv1.weight 4: w conv1.weight:0, w bn1.weight:0, w bn1.running_mean:0, w bn1.running_var:0, " +
        "w bn1.bias:0, r conv2.weight:3",
    );
  });

  test("of images are spread by a flatten: channel * places + place", () => {
    const group = trace("lenet").groups[2];
    expect(group.name).toBe("conv2.weight");
    const [reader] = group.uses.filter(({ reads }) => reads);
    expect([reader.name, reader.axis, reader.times]).toEqual(["fc1.weight", 1, 2 * 3]);
    expect([...reader.entries].slice(0, 50)).toEqual(Array.from({ length: 50 }, (_, channel) => 6 * channel));
    expect([...reader.entries].slice(250)).toEqual(Array.from({ length: 50 }, (_, channel) => 6 * channel + 5));
  });

  test("of a residual sum are tied, apart from those that a shortcut appends", () => {
    const found = open(trace("resnet")).filter(({ pinnedReason }) => pinnedReason === null);
    expect(found.map(({ name, size }) => `${name} ${size}`)).toEqual([
      "conv1.weight 16",
      "block1.body.conv1.weight 16",
      "block2.body.conv1.weight 32",
      "block2.body.conv2.weight 16",
      "block3.body.conv1.weight 64",
      "block3.body.conv2.weight 32",
    ]);
    const writers = found[0].uses.filter(({ writes, name }) => writes && name.includes("conv"));
    expect(writers.map(({ name }) => name)).toEqual(
      ["", "block1.body.", "block2.body.", "block3.body."].map((path, i) => `${path}conv${i === 0 ? 1 : 2}.weight`),
    );
    expect([...found[3].uses[0].entries]).toEqual(Array.from({ length: 16 }, (_, i) => 16 + i));
  });

  test("of a concatenation are those of its inputs, in order", () => {
    const graph = trace("squeezenet");
    expect(open(graph).map(({ name, size }) => `${name.replace(".conv.weight", "")} ${size}`)).toEqual([
      "conv1.weight 6",
      ...fires.flatMap(([squeeze, one, three], i) => [
        `fire${i + 1}.squeeze ${squeeze}`,
        `fire${i + 1}.expand.1x1 ${one}`,
        `fire${i + 1}.expand.3x3 ${three}`,
      ]),
    ]);
    const group = open(graph).find(({ name }) => name === "fire1.expand.3x3.conv.weight")!;
    const [reader] = group.uses.filter(({ reads }) => reads);
    expect([reader.name, reader.axis, [...reader.entries]]).toEqual(["fire2.squeeze.conv.weight", 3, [3, 4, 5, 6, 7]]);
    const [squeezed] = open(graph).filter(({ name }) => name === "fire1.squeeze.conv.weight");
    expect(squeezed.uses.filter(({ reads }) => reads).map(({ name }) => name)).toEqual([
      "fire1.expand.1x1.conv.weight",
      "fire1.expand.3x3.conv.weight",
    ]);
  });

  test("of a tensor that is concatenated with itself lie in two places", () => {
    const twice = new Sequential({
      one: new Linear(4, 3, at),
      twice: new Concatenated([new Sequential([]), new ReLU(), new Sequential([])]),
      two: new Linear(9, 2, at),
    });
    const [group] = traceChannels(twice, [4]).groups.filter(({ fixed }) => fixed === null);
    const [reader] = group.uses.filter(({ reads }) => reads);
    expect([group.size, reader.times, [...reader.entries]]).toEqual([3, 3, [0, 1, 2, 3, 4, 5, 6, 7, 8]]);
    const before = outputsOf(twice, [4]);
    reorderChannels(group, [2, 0, 1]);
    outputsOf(twice, [4]).forEach((value, i) => {
      expect(Math.abs(value - before[i])).toBeLessThan(1e-5);
    });
  });

  test("of tensors that are joined along another axis, or broadcast, are fixed", () => {
    const own = { device, random: new Random(4) };
    const through = (run: (x: Tensor) => Tensor): string | null => {
      class Mixed extends Module {
        readonly one = new Linear(4, 3, own);
        readonly two = new Linear(3, 2, own);
        override forward(x: Tensor): Tensor {
          return this.two.forward(run(this.one.forward(x)));
        }
      }
      const { groups } = traceChannels(new Mixed(), [4]);
      return groups.find(({ uses }) => uses.some(({ name }) => name === "one.bias"))!.fixed;
    };
    expect(through((x) => ops.concat([x, x], 0))).toBe("goes through concat, which may mix them");
    expect(through((x) => ops.add(x, ops.sum(x, -1, { keepDims: true })))).toBe("goes through sum, which may mix them");
    expect(through((x) => ops.add(x, 1))).toBe("goes through add, which may mix them");
    expect(through((x) => ops.add(x, x))).toBe(null);
  });

  test("of a gpt: one sequence, with the table of tokens once, heads, and the units of each block", () => {
    const groups = open(trace("gpt"));
    expect(groups.map(({ size, pinnedReason }) => `${size} ${pinnedReason ?? "free"}`)).toEqual([
      "8 a layer norm takes the mean over all of them",
      ...[0, 1].flatMap(() => [...Array<string>(4).fill("4 heads of attention are of one width"), "32 free"]),
    ]);
    const [table] = groups[0].uses;
    expect([table.name, table.axis, table.writes, table.reads]).toEqual(["tokens.weight", 1, true, true]);
    const [qkv] = groups[1].uses.filter(({ writes }) => writes);
    expect([...qkv.entries]).toEqual([0, 1, 2, 3, 8, 9, 10, 11]);
  });

  test.each(Object.keys(models))("of %s reordered leave the outputs as they were", (name) => {
    const { model, shape } = models[name];
    disturb(model);
    const before = outputsOf(model, shape);
    const groups = open(trace(name));
    expect(groups.length).toBeGreaterThan(1);
    for (const group of groups) {
      const kept = group.uses[0].values.data.slice();
      reorderChannels(group, at.random.permutation(group.size));
      expect(group.uses[0].values.data).not.toEqual(kept);
    }
    outputsOf(model, shape).forEach((value, i) => {
      expect(Math.abs(value - before[i])).toBeLessThan(1e-4);
    });
  });

  test("have the numbers of their group along each tensor of the pass", () => {
    const graph = trace("resnet");
    const sums = graph.operations.filter(({ op }) => op === "add").map(({ output }) => [...graph.channelsOf(output)]);
    expect(sums.map(({ length }) => length)).toEqual([16, 32, 64]);
    expect(sums[2].slice(0, 16)).toEqual(sums[0]);
    const [first] = open(graph);
    expect(sums[0]).toEqual(Array.from({ length: 16 }, (_, c) => first.first + c));
  });

  test("are fixed where an operation is not known or a tensor is no parameter", () => {
    class Odd extends Module {
      readonly norm = new LayerNorm(4, at);
      override forward(x: Tensor): Tensor {
        const y = this.norm.forward(x);
        const made = new Tensor(device, y.shape, y.data);
        made.creator = { op: "fft", sequence: 1e9, inputs: [y], backward: () => {} };
        return made;
      }
    }
    const [group] = traceChannels(new Odd(), [4]).groups;
    expect(group.fixed).toContain("the model's input");
    expect(() => reorderChannels(group, [1, 0, 2, 3])).toThrow("reorder the channels of norm.weight: expected");
  });

  test("are found without a change of the model", () => {
    const { model, shape } = models.cnn;
    model.train();
    const before = [...valuesOf(model)].map(([name, { data }]) => [name, [...data]]);
    traceChannels(model, shape);
    expect([...valuesOf(model)].map(([name, { data }]) => [name, [...data]])).toEqual(before);
    expect([...model.modules()].every(([, { training }]) => training)).toBe(true);
  });

  test("of a depthwise convolution go through it in any order, but stay; other groups fix theirs", () => {
    const model = new Sequential({
      first: new Conv2d(3, 6, 1, at),
      depthwise: new Conv2d(6, 6, 3, { ...at, padding: 1, groups: 6 }),
      norm: new BatchNorm(6, at),
      second: new Conv2d(6, 4, 1, at),
      grouped: new Conv2d(4, 4, 3, { ...at, groups: 2 }),
      last: new Conv2d(4, 2, 1, at),
    });
    disturb(model);
    const graph = traceChannels(model, [5, 4, 3]);
    expect(described(graph).slice(1, 4)).toEqual([
      "first.weight 6 (a depthwise convolution has a group for each of them): w first.weight:0, w first.bias:0, " +
        "w depthwise.weight:0, w depthwise.bias:0, w norm.weight:0, w norm.running_mean:0, w norm.running_var:0, " +
        "w norm.bias:0, r second.weight:3",
      "second.weight 4 (a grouped convolution divides them into groups): w second.weight:0, w second.bias:0",
      "grouped.weight 4 (a grouped convolution divides them into groups): w grouped.weight:0, w grouped.bias:0, " +
        "r last.weight:3",
    ]);
    const before = outputsOf(model, [5, 4, 3]);
    reorderChannels(graph.groups[1], [3, 5, 0, 1, 4, 2]);
    outputsOf(model, [5, 4, 3]).forEach((value, i) => {
      expect(value).toBeCloseTo(before[i], 5);
    });
  });
});
