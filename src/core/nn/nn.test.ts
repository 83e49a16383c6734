import { describe, expect, test } from "vitest";
import { jsKernels } from "../backend/js.ts";
import { Random } from "../random.ts";
import { Device } from "../tensor/device.ts";
import { tensor } from "../tensor/tensor.ts";
import { ReLU } from "./activations.ts";
import { BatchNorm } from "./batch-norm.ts";
import { Conv2d } from "./conv2d.ts";
import { Dropout } from "./dropout.ts";
import { fanInUniform, type Initializer, kaimingNormal, kaimingUniform, xavierUniform } from "./initializers.ts";
import { Linear } from "./linear.ts";
import { cnn } from "./models/cnn.ts";
import { lenet } from "./models/lenet.ts";
import { mlp } from "./models/mlp.ts";
import { resnet } from "./models/resnet.ts";
import { squeezenet } from "./models/squeezenet.ts";
import type { Module } from "./module.ts";
import { MaxPool } from "./pooling.ts";
import { Sequential } from "./sequential.ts";
import { loadState, stateOf } from "./state.ts";

const init = (seed = 1) => ({ device: new Device(jsKernels()), random: new Random(seed) });
const weightsOf = (model: Module): number => model.parameters().reduce((sum, { size }) => sum + size, 0);

describe("models", () => {
  const at = init();
  // parameters counted by hand from the papers' descriptions, and the shape each ends in
  const list: [string, Module, number[], number, number][] = [
    ["mlp", mlp([784, 1024, 1024, 10], at), [1, 28, 28, 1], 784 * 1024 + 1024 + 1024 * 1024 + 1024 + 10_250, 10],
    ["cnn", cnn(3, [32, 64, 128], 10, at), [1, 8, 8, 3], 27 * 32 + 288 * 64 + 576 * 128 + 2 * 224 + 1290, 10],
    ["lenet", lenet(28, 28, 1, 10, at), [1, 28, 28, 1], 431_080, 10],
    // as the cnn's: weights, two numbers of batch norm a filter, the classifier
    [
      "squeezenet",
      squeezenet(
        3,
        32,
        [
          [16, 32, 32],
          [8, 16, 24],
        ],
        10,
        at,
      ),
      [1, 8, 8, 3],
      27 * 32 + (32 * 16 + 16 * 32 + 144 * 32) + (64 * 8 + 8 * 16 + 72 * 24) + 2 * (32 + 80 + 48) + 410,
      10,
    ],
    ["resnet-8", resnet(8, 3, 10, at), [1, 8, 8, 3], 75_290, 10],
    ["resnet-20", resnet(20, 3, 10, at), [1, 8, 8, 3], 269_722, 10],
    ["resnet-32", resnet(32, 3, 10, at), [1, 8, 8, 3], 464_154, 10],
  ];
  test.each(list)("%s has the parameters and the output of its description", (_, model, input, weights, classes) => {
    expect(weightsOf(model)).toBe(weights);
    const x = tensor(at.device, input, new Float32Array(input.reduce((a, b) => a * b, 1)));
    expect(at.device.withoutGradients(() => model.forward(x)).shape).toEqual([1, classes]);
  });

  test("a depth that is no 6n + 2 is refused", () => {
    expect(() => resnet(18, 3, 10, at)).toThrow("resnet: expected a depth of 6n + 2");
  });
});

describe("modules", () => {
  test("name their parameters by path", () => {
    const model = new Sequential([
      new Linear(2, 3, init()),
      new ReLU(),
      new Sequential({ inner: new BatchNorm(3, init()) }),
    ]);
    expect([...model.namedParameters().keys()]).toEqual(["0.weight", "0.bias", "2.inner.weight", "2.inner.bias"]);
    expect([...model.namedBuffers().keys()]).toEqual([
      "2.inner.running_mean",
      "2.inner.running_var",
      "2.inner.num_batches_tracked",
    ]);
  });

  test("switch between training and evaluation all the way down", () => {
    const model = new Sequential([new Sequential([new Dropout(0.5, init())])]);
    model.eval();
    expect([...model.modules()].every(([, module]) => !module.training)).toBe(true);
    expect([...model.train().modules()].every(([, module]) => module.training)).toBe(true);
  });

  test("a Sequential computes ReLU within the layer before it, with the same values", () => {
    const at = init();
    const linear = new Linear(4, 5, at);
    const x = tensor(
      at.device,
      [3, 4],
      Array.from({ length: 12 }, (_, i) => Math.sin(i)),
    );
    const fused = new Sequential([linear, new ReLU()]).forward(x);
    expect(fused.creator?.op).toBe("linear");
    expect([...fused.data]).toEqual([...new ReLU().forward(linear.forward(x)).data]);
  });

  test("dropout draws anew at each step of training and not at all in evaluation", () => {
    const at = init();
    const dropout = new Dropout(0.5, at);
    const x = tensor(at.device, [100], new Float32Array(100).fill(1));
    const first = [...dropout.forward(x).data];
    expect([...dropout.forward(x).data]).not.toEqual(first);
    expect(dropout.eval().forward(x)).toBe(x);
  });

  test("save and load their state; what does not fit changes nothing", () => {
    const [a, b] = [mlp([4, 3, 2], init(1)), mlp([4, 3, 2], init(2))];
    const state = stateOf(a);
    const before = [...stateOf(b).get("fc1.weight")!.data];
    expect(() => loadState(b, new Map([...state, ["odd", { shape: [1], data: new Float32Array(1) }]]))).toThrow(
      "got odd",
    );
    expect(() => loadState(b, new Map([...state].slice(1)))).toThrow(
      "expected a tensor fc1.weight, got none of this name",
    );
    expect(() =>
      loadState(b, new Map([...state, ["fc2.weight", { shape: [3, 2], data: new Float32Array(6) }]])),
    ).toThrow("fc2.weight of shape [2,3], got [3,2]");
    expect([...stateOf(b).get("fc1.weight")!.data]).toEqual(before);
    loadState(b, state);
    expect([...stateOf(b).get("fc1.weight")!.data]).toEqual([...state.get("fc1.weight")!.data]);
  });
});

describe("initializers have the variance they claim", () => {
  const cases: [string, Initializer, number][] = [
    ["fanInUniform", fanInUniform, 1 / (3 * 50)],
    ["kaimingUniform", kaimingUniform, 2 / 50],
    ["kaimingNormal", kaimingNormal, 2 / 50],
    ["xavierUniform", xavierUniform, 2 / (50 + 30)],
  ];
  test.each(cases)("%s", (_, initialize, variance) => {
    // the mean over seeds of n samples' variance: standard error below variance * sqrt(2 / n) / sqrt(seeds)
    const n = 5000;
    const seeds = 4;
    let total = 0;
    for (let seed = 0; seed < seeds; seed++) {
      const data = new Float32Array(n);
      initialize(data, 50, 30, new Random(seed));
      total += data.reduce((sum, x) => sum + x * x, 0) / n / seeds;
    }
    const z = (total / variance - 1) / Math.sqrt(2 / n / seeds);
    expect(Math.abs(z)).toBeLessThan(4);
  });
});

describe("Conv2d", () => {
  test("in groups has weights of one group's inputs, drawn by their number", () => {
    const { weight, bias } = new Conv2d(64, 128, 3, { ...init(), groups: 32 });
    expect(weight.shape).toEqual([128, 3, 3, 2]);
    const bound = 1 / Math.sqrt(2 * 9);
    for (const { data } of [weight, bias!]) {
      const largest = Math.max(...data.map(Math.abs));
      expect(largest).toBeLessThanOrEqual(bound);
      // of 128 numbers none beyond 0.9 of the bound: once in 700,000
      expect(largest).toBeGreaterThan(0.9 * bound);
    }
  });

  test("refuses groups that do not divide its channels, and layers refuse options they do not know", () => {
    expect(() => new Conv2d(6, 8, 3, { ...init(), groups: 4 })).toThrow(
      "Conv2d: expected groups that divide 6 inputs and 8 outputs, got 4. Choose a divisor of both.",
    );
    expect(() => new Conv2d(6, 8, 3, { ...init(), paddin: 1 } as object)).toThrow(
      'Conv2d: expected an option (stride, padding, groups, bias, initializer, device, random), got "paddin". Perhaps you mean "padding".',
    );
    expect(() => new Linear(6, 8, { ...init(), biases: false } as object)).toThrow(
      'got "biases". Perhaps you mean "bias".',
    );
    expect(() => new MaxPool(2, { strides: 2 } as object)).toThrow(
      "pooling: expected an option (stride, padding), got",
    );
  });
});
