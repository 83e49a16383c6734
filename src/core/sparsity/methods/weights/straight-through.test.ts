/**
 * The gradient that reaches a weight: for every method it is that of the loss by what the products multiplied by, the
 * straight-through estimate, against the gradient of a dense model that has these values, and against finite differences.
 */
import { describe, expect, test } from "vitest";
import { crossEntropy } from "../../../autograd/ops/cross-entropy.ts";
import { backward } from "../../../autograd/tape.ts";
import { jsKernels } from "../../../backend/js.ts";
import { mlp } from "../../../nn/models/mlp.ts";
import type { Sequential } from "../../../nn/sequential.ts";
import { adamW } from "../../../optim/adamw.ts";
import { Optimizer } from "../../../optim/optimizer.ts";
import { Random } from "../../../random.ts";
import { Device } from "../../../tensor/device.ts";
import { type Parameter, tensor } from "../../../tensor/tensor.ts";
import { sparsify } from "../../sparsify.ts";
import { weightMethods } from "./methods.ts";

const STEPS = 16;
const device = new Device(jsKernels());
const random = new Random(5);
const x = Array.from({ length: 6 * 16 }, () => random.normal());
const labels = Int32Array.from({ length: 6 }, (_, i) => i % 4);
const build = (): Sequential => mlp([16, 32, 4], { device, random: new Random(3) });
const weightOf = (model: Sequential): Parameter => model.namedParameters().get("fc1.weight")!;

function lossOf(model: Sequential): number {
  return device.step(() => crossEntropy(model.forward(tensor(device, [6, 16], x)), labels).data[0]);
}

/** Leaves the gradients in the parameters. */
function differentiate(model: Sequential): void {
  device.step(() => {
    const loss = crossEntropy(model.forward(tensor(device, [6, 16], x)), labels);
    for (const parameter of model.parameters()) parameter.zeroGrad();
    backward(loss);
  });
}

describe("the gradient of a weight under a method", () => {
  test.each(weightMethods.filter(({ sparse }) => sparse))("is that of what was multiplied by: $name", (entry) => {
    const [model, dense] = [build(), build()];
    const sparsity = sparsify(model, { weights: entry(), pattern: "2:4", steps: STEPS });
    const optimizer = new Optimizer(model, sparsity.around(adamW({ learningRate: 0.01 })));
    for (let step = 0; step < STEPS; step++) {
      differentiate(model);
      const used = sparsity.state().get("fc1.weight")!.data as Float32Array;
      for (const [name, parameter] of dense.namedParameters()) {
        parameter.data.set(model.namedParameters().get(name)!.data);
        parameter.touch();
      }
      weightOf(dense).data.set(used);
      weightOf(dense).touch();
      differentiate(dense);
      expect(maxDifference(weightOf(model).grad, weightOf(dense).grad), `step ${step}`).toBeLessThan(1e-6);
      // STEP diverges after so few dense steps
      if (!(lossOf(dense) < 100)) break;
      if (step % 5 === 0) checkByDifferences(dense);
      optimizer.step();
    }
  });
});

function maxDifference(a: Float32Array, b: Float32Array): number {
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0);
}

/** Central differences at a few entries, but where a ReLU switches within them: there slopes from both sides differ. */
function checkByDifferences(model: Sequential): void {
  const parameter = weightOf(model);
  const { data, grad } = parameter;
  const h = 2e-3;
  let smooth = 0;
  for (let i = 0; i < data.length; i += 37) {
    const before = data[i];
    const at = (value: number): number => {
      data[i] = value;
      parameter.touch();
      return lossOf(model);
    };
    const [right, left, here] = [at(before + h), at(before - h), at(before)];
    if (Math.abs(right - here - (here - left)) / h > 1e-3) continue;
    smooth++;
    expect(Math.abs((right - left) / (2 * h) - grad[i])).toBeLessThan(1e-3);
  }
  expect(smooth).toBeGreaterThan(5);
}
