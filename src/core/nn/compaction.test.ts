import { expect, test } from "vitest";
import { add } from "../autograd/ops/add.ts";
import { resizeChannels } from "../autograd/ops/resize-channels.ts";
import { jsKernels } from "../backend/js.ts";
import { Random } from "../random.ts";
import { Device } from "../tensor/device.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { ReLU } from "./activations.ts";
import { withoutDeadChannels } from "./compaction.ts";
import { Concatenated } from "./concatenated.ts";
import { Linear } from "./linear.ts";
import { Module } from "./module.ts";
import { Sequential } from "./sequential.ts";

const at = { device: new Device(jsKernels()), random: new Random(3) };
const linear = (inputs: number, outputs: number): Linear => new Linear(inputs, outputs, at);

/** Shapes of the weights that are left when those of these paths are zero. */
function left(model: Module, zeros: readonly string[]): Record<string, readonly number[]> {
  for (const [name, { data }] of model.namedParameters())
    if (zeros.some((path) => name === `${path}.weight`)) data.fill(0);
  const { values } = withoutDeadChannels(model, [4]);
  const weights = [...values].filter(([name]) => name.endsWith(".weight"));
  return Object.fromEntries(weights.map(([name, { shape }]) => [name.replace(".weight", ""), shape]));
}

test("a branch goes with all of its layers when its last one gives constants", () => {
  const long = new Sequential({ one: linear(4, 3), relu: new ReLU(), two: linear(3, 2) });
  const model = new Sequential({ both: new Concatenated({ long, short: linear(4, 5) }), head: linear(7, 2) });
  expect(left(model, ["both.long.two"])).toEqual({ "both.short": [5, 4], head: [2, 5] });
});

test("a branch stays when only a layer within it gives constants", () => {
  const long = new Sequential({ one: linear(4, 3), relu: new ReLU(), two: linear(3, 2) });
  const model = new Concatenated({ long, short: linear(4, 5) });
  expect(left(model, ["long.one"])).toEqual({ "long.one": [1, 4], "long.two": [2, 1], short: [5, 4] });
});

test("one of two branches stays, also where others are concatenated with both", () => {
  const inner = new Concatenated({ a: linear(4, 3), b: linear(4, 2) });
  const model = new Sequential({ outer: new Concatenated({ inner, c: linear(4, 5) }), head: linear(10, 2) });
  expect(left(model, ["outer.inner.a", "outer.inner.b"])).toEqual({
    "outer.inner.b": [1, 4],
    "outer.c": [5, 4],
    head: [2, 6],
  });
});

test("an axis that several groups share keeps one channel", () => {
  const model = new Sequential({ both: new Concatenated({ a: linear(4, 3), b: linear(4, 3) }), head: linear(6, 2) });
  // nothing reads either
  expect(left(model, ["head"])).toEqual({ "both.b": [1, 4], head: [2, 1] });
});

test("a branch stays whose channels are tied to those of a layer elsewhere", () => {
  class Tied extends Module {
    readonly both = new Concatenated({ a: linear(4, 3), b: linear(4, 2) });
    readonly beside = linear(4, 3);
    readonly head = linear(5, 2);
    readonly other = linear(3, 2);
    override forward(x: Tensor): Tensor {
      const y = this.both.forward(x);
      const sum = add(resizeChannels(y, 3), this.beside.forward(x));
      return add(this.head.forward(y), this.other.forward(sum));
    }
  }
  expect(left(new Tied(), ["both.a", "beside"])).toEqual({
    ...{ "both.a": [1, 4], "both.b": [2, 4], beside: [1, 4], head: [2, 3], other: [2, 1] },
  });
});
