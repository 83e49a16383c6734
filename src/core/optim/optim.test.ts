import { describe, expect, test } from "vitest";
import { jsKernels } from "../backend/js.ts";
import { Linear } from "../nn/linear.ts";
import { Random } from "../random.ts";
import { Device } from "../tensor/device.ts";
import { adamW } from "./adamw.ts";
import { clipByGlobalNorm } from "./clip.ts";
import { Optimizer } from "./optimizer.ts";
import { phased, stepwise, warmupCosine } from "./schedule.ts";
import { sgd } from "./sgd.ts";
import { chain } from "./transform.ts";

const device = new Device(jsKernels());
const layer = (): Linear => new Linear(2, 1, { device, random: new Random(1), bias: false });

describe("schedules", () => {
  test("warm up in a line to the rate, then fall along a cosine to the end", () => {
    const rate = warmupCosine({ learningRate: 1, steps: 12, warmup: 2, final: 0.1 });
    expect([0, 1, 2, 7, 12, 99].map(rate)).toEqual([
      0.5,
      1,
      1,
      expect.closeTo(0.55, 12),
      expect.closeTo(0.1, 12),
      expect.closeTo(0.1, 12),
    ]);
    expect(() => warmupCosine({ learningRate: 1, steps: 2, warmup: 2 })).toThrow("0 <= warmup < steps");
  });

  test("drop at milestones", () => {
    const rate = stepwise(1, [2, 4], 0.5);
    expect([0, 1, 2, 3, 4, 5].map(rate)).toEqual([1, 1, 0.5, 0.5, 0.25, 0.25]);
  });

  test("of phases start anew at each, over its own length", () => {
    const lengths: number[] = [];
    const rate = phased(10, [6], (length) => {
      lengths.push(length);
      return (step) => step;
    });
    expect([0, 5, 6, 9].map(rate)).toEqual([0, 5, 0, 3]);
    expect(lengths).toEqual([6, 4]);
  });
});

describe("chains", () => {
  test("need exactly one transform that applies the step, at the end", () => {
    expect(() => chain(sgd({ learningRate: 1 }), clipByGlobalNorm(1))).toThrow("got sgd before the end");
    expect(() => chain(clipByGlobalNorm(1))).toThrow("got clipByGlobalNorm at the end");
    expect(() => chain()).toThrow("at least one transform");
    expect(() => new Optimizer(layer(), clipByGlobalNorm(1))).toThrow("Chain it before sgd or adamW");
  });

  test("scale all gradients together when their norm is too large", () => {
    const model = layer();
    const optimizer = new Optimizer(model, chain(clipByGlobalNorm(1), sgd({ learningRate: 1 })));
    model.weight.data.set([0, 0]);
    model.weight.grad.set([3, 4]);
    model.weight.hasGrad = true;
    optimizer.step();
    expect([...model.weight.data]).toEqual([expect.closeTo(-0.6, 5), expect.closeTo(-0.8, 5)]);
  });
});

describe("the optimizer", () => {
  test("leaves parameters without a gradient as they are, weight decay or not", () => {
    const model = layer();
    const before = [...model.weight.data];
    new Optimizer(model, adamW({ learningRate: 1, weightDecay: 0.5 })).step();
    expect([...model.weight.data]).toEqual(before);
  });

  test("follows its schedule and counts its steps", () => {
    const model = layer();
    const optimizer = new Optimizer(model, sgd({ learningRate: (step) => (step === 0 ? 1 : 10) }));
    model.weight.data.set([0, 0]);
    for (let i = 0; i < 2; i++) {
      model.weight.grad.set([1, 0]);
      model.weight.hasGrad = true;
      optimizer.step();
    }
    expect(model.weight.data[0]).toBe(-11);
    expect(optimizer.steps).toBe(2);
  });

  test("names its states by parameter, so that they can be saved", () => {
    const names = [...new Optimizer(layer(), adamW({ learningRate: 1 })).state().keys()];
    expect(names).toEqual(["weight.moment1", "weight.moment2"]);
  });
});
