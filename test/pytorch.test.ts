/** Training and single operations against PyTorch's numbers (test/golden/make_golden.py made them). */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { crossEntropy } from "../src/core/autograd/ops/cross-entropy.ts";
import { ops } from "../src/core/autograd/ops/ops.ts";
import { backward, record } from "../src/core/autograd/tape.ts";
import { jsKernels } from "../src/core/backend/js.ts";
import type { Kernels } from "../src/core/backend/kernels.ts";
import type { InitOptions } from "../src/core/nn/init-options.ts";
import { cnn } from "../src/core/nn/models/cnn.ts";
import { mlp } from "../src/core/nn/models/mlp.ts";
import { resnet } from "../src/core/nn/models/resnet.ts";
import { Module } from "../src/core/nn/module.ts";
import { adamW } from "../src/core/optim/adamw.ts";
import { clipByGlobalNorm } from "../src/core/optim/clip.ts";
import { Optimizer } from "../src/core/optim/optimizer.ts";
import { sgd } from "../src/core/optim/sgd.ts";
import { chain, type Transform } from "../src/core/optim/transform.ts";
import { Random } from "../src/core/random.ts";
import { Device } from "../src/core/tensor/device.ts";
import { Parameter, type Tensor, tensor } from "../src/core/tensor/tensor.ts";
import { nativeInstructionSets, nativeKernels } from "../src/node/native.ts";
import { openWasm, wasmInstructionSets } from "../src/node/wasm.ts";
import { fill, uniform } from "./formula.ts";

interface OptimizerOptions {
  type: string;
  lr: number;
  momentum: number;
  nesterov: boolean;
  weight_decay: number;
}
interface Losses {
  parameters: { s: number; name: string; shape: number[] }[];
  input: number[];
  steps: number;
  check: { parameter0: number[]; input0: number[]; labels0: number[] };
  runs: Record<
    string,
    { optimizer: OptimizerOptions; losses64: number[]; eval?: { s: number; shape: number[]; logits64: number[] } }
  >;
}
interface Values {
  shape: number[];
  data: number[];
}
interface OpCase {
  op: string;
  options: Record<string, number> & { type: string; nesterov: boolean };
  inputs: Record<string, Values>;
  outputs: Record<string, Values>;
}

const golden = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`golden/${name}.json`, import.meta.url), "utf8"));

function transformOf({ type, lr, momentum, nesterov, weight_decay: weightDecay }: OptimizerOptions): Transform {
  return type === "sgd"
    ? sgd({ learningRate: lr, momentum, nesterov, weightDecay })
    : adamW({ learningRate: lr, weightDecay });
}

function initialize(model: Module, { parameters, check }: Losses): void {
  const own = model.parameters();
  expect(own.map(({ shape }) => [...shape])).toEqual(parameters.map(({ shape }) => shape));
  own.forEach((parameter, s) => {
    const { shape, data } = parameter;
    if (shape.length === 1) data.fill(parameters[s].name.endsWith("weight") ? 1 : 0);
    else fill(data, s, Math.sqrt(3 / (data.length / shape[0])));
  });
  expect([...own[0].data.subarray(0, 4)]).toEqual(check.parameter0);
}

function input(device: Device, s: number, shape: readonly number[]): Tensor {
  const x = tensor(device, shape, new Float32Array(shape.reduce((a, b) => a * b, 1)));
  fill(x.data, s);
  return x;
}

const models: Record<string, (birth: InitOptions) => Module> = {
  mlp: (birth) => mlp([784, 128, 64, 10], birth),
  cnn: (birth) => cnn(3, [8, 16, 32], 10, birth),
  resnet: (birth) => resnet(8, 3, 10, birth),
};

const backends: [string, () => Kernels][] = [
  ...nativeInstructionSets().map((set): [string, () => Kernels] => [`native ${set}`, () => nativeKernels(2, set)]),
  ...wasmInstructionSets().map((set): [string, () => Kernels] => [`wasm ${set}`, () => openWasm(set)]),
  ["js", jsKernels],
];

for (const [backend, make] of backends) {
  describe(`training on ${backend}`, () => {
    for (const [name, build] of Object.entries(models)) {
      const file = golden(`${name}-losses`) as Losses;
      for (const [run, { optimizer, losses64, eval: evaluation }] of Object.entries(file.runs)) {
        // the oracle is slow: one run of the smallest model shows that it trains
        if (backend === "js" && (name !== "mlp" || run !== "adamw")) continue;
        test(`${name} with ${run} has the first ${file.steps} losses of PyTorch to 1e-5`, () => {
          const device = new Device(make());
          const model = build({ device, random: new Random(1) });
          initialize(model, file);
          const trained = new Optimizer(model, transformOf(optimizer));
          const labels = device.kernels.int32(file.input[0]);
          for (let step = 0; step < file.steps; step++) {
            const loss = device.step(() => {
              labels.forEach((_, i) => {
                labels[i] = Math.floor(uniform(2000 + step, i) * 10);
              });
              if (step === 0) expect([...labels]).toEqual(file.check.labels0);
              const mean = crossEntropy(model.forward(input(device, 1000 + step, file.input)), labels);
              trained.zeroGrad();
              backward(mean);
              trained.step();
              return mean.data[0];
            });
            expect(Math.abs(loss / losses64[step] - 1)).toBeLessThan(1e-5);
          }
          if (evaluation === undefined) return;
          const logits = device.step(() =>
            model
              .eval()
              .forward(input(device, evaluation.s, evaluation.shape))
              .data.slice(),
          );
          const largest = Math.max(...evaluation.logits64.map(Math.abs));
          logits.forEach((value, i) => {
            expect(Math.abs(value - evaluation.logits64[i]) / largest).toBeLessThan(5e-5);
          });
        });
      }
    }
  });

  describe(`operations on ${backend}`, () => {
    const { cases } = golden("ops") as { cases: OpCase[] };
    cases.forEach(({ op, options, inputs, outputs }, number) => {
      test(`${op} equals PyTorch's (case ${number})`, () => check(new Device(make()), op, options, inputs, outputs));
    });
  });
}

function close(got: ArrayLike<number>, wanted: Values, tolerance = 2e-6): void {
  expect(got.length).toBe(wanted.data.length);
  const largest = Math.max(1e-6, ...wanted.data.map(Math.abs));
  wanted.data.forEach((value, i) => {
    expect(Math.abs(got[i] - value) / largest).toBeLessThan(tolerance);
  });
}

/** Runs y = op(...) and sends dy back. */
function through(device: Device, parameters: Parameter[], dy: Values, run: () => Tensor): Float32Array {
  const y = run();
  const seed = device.buffer(1);
  backward(
    record("seed", [y], [1], seed, (_, grads) => {
      grads.into(0)?.set(dy.data);
    }),
  );
  for (const parameter of parameters) expect(parameter.hasGrad).toBe(true);
  return y.data;
}

function check(
  device: Device,
  op: string,
  options: OpCase["options"],
  inputs: Record<string, Values>,
  outputs: Record<string, Values>,
): void {
  const given = (name: string): Parameter => {
    const { shape, data } = inputs[name];
    const parameter = new Parameter(device, shape);
    parameter.data.set(data);
    return parameter;
  };
  switch (op) {
    case "gelu": {
      const x = given("x");
      // the distribution function of the fast kernels is good to 1.5e-7 absolutely (elementwise.inl)
      close(
        through(device, [x], inputs.dy, () => ops.gelu(x)),
        outputs.y,
      );
      close(x.grad, outputs.dx);
      return;
    }
    case "softmax_cross_entropy": {
      const x = given("logits");
      const labels = device.kernels.int32(inputs.labels.data.length);
      labels.set(inputs.labels.data);
      const loss = ops.crossEntropy(x, labels);
      backward(loss);
      close(loss.data, outputs.loss);
      close(x.grad, outputs.dlogits);
      return;
    }
    case "batch_norm": {
      const [x, gamma, beta] = ["x", "gamma", "beta"].map(given);
      const running = { mean: given("running_mean").data, variance: given("running_variance").data };
      close(
        through(device, [x, gamma, beta], inputs.dy, () =>
          ops.batchNorm(x, gamma, beta, running, { epsilon: options.epsilon, momentum: options.momentum }),
        ),
        outputs.y,
        1e-5,
      );
      close(x.grad, outputs.dx, 1e-5);
      close(gamma.grad, outputs.dgamma, 1e-5);
      close(beta.grad, outputs.dbeta, 1e-5);
      close(running.mean, outputs.running_mean);
      close(running.variance, outputs.running_variance);
      return;
    }
    case "layer_norm": {
      const [x, gamma, beta] = ["x", "gamma", "beta"].map(given);
      close(
        through(device, [x, gamma, beta], inputs.dy, () => ops.layerNorm(x, gamma, beta, options.epsilon)),
        outputs.y,
        1e-5,
      );
      close(x.grad, outputs.dx, 1e-5);
      close(gamma.grad, outputs.dgamma, 1e-5);
      close(beta.grad, outputs.dbeta, 1e-5);
      return;
    }
    case "causal_attention": {
      const qkv = given("qkv");
      close(
        through(device, [qkv], inputs.dy, () => ops.causalAttention(qkv, options.heads)),
        outputs.y,
        1e-5,
      );
      close(qkv.grad, outputs.dqkv, 1e-5);
      return;
    }
    case "max_pool":
    case "average_pool": {
      const x = given("x");
      const pool = op === "max_pool" ? ops.maxPool : ops.averagePool;
      close(
        through(device, [x], inputs.dy, () =>
          pool(x, options.kernel, { stride: options.stride, padding: options.padding }),
        ),
        outputs.y,
      );
      close(x.grad, outputs.dx);
      return;
    }
    case "conv2d": {
      const [x, w, bias] = ["x", "w", "bias"].map(given);
      close(
        through(device, [x, w, bias], inputs.dy, () =>
          ops.conv2d(x, w, bias, { stride: options.stride, padding: options.padding }),
        ),
        outputs.y,
      );
      close(x.grad, outputs.dx);
      close(w.grad, outputs.dw);
      close(bias.grad, outputs.dbias);
      return;
    }
    case "optimizer": {
      const only = new OneWeight(given("w"));
      const optimizer = new Optimizer(only, transformOf(options as unknown as OptimizerOptions));
      const { length } = inputs.w.data;
      for (let step = 0; step * length < inputs.gradients.data.length; step++) {
        only.w.grad.set(inputs.gradients.data.slice(step * length, (step + 1) * length));
        only.w.hasGrad = true;
        optimizer.step();
        close(only.w.data, { shape: [length], data: outputs.weights.data.slice(step * length, (step + 1) * length) });
      }
      return;
    }
    case "clip_grad_norm": {
      const [a, b] = ["a", "b"].map((name) => new Parameter(device, inputs[name].shape));
      a.grad.set(inputs.a.data);
      b.grad.set(inputs.b.data);
      const stop: Transform = { name: "stop", applies: true, init: () => ({}), update: () => {} };
      chain(clipByGlobalNorm(options.max_norm), stop).update(
        [a, b].map((parameter) => ({ parameter, state: {} })),
        0,
      );
      close(a.grad, outputs.a);
      close(b.grad, outputs.b);
      return;
    }
    default:
      throw new Error(`no check for ${op}`);
  }
}

class OneWeight extends Module {
  readonly w: Parameter;
  constructor(w: Parameter) {
    super();
    this.w = w;
  }
  override forward(x: Tensor): Tensor {
    return x;
  }
}
