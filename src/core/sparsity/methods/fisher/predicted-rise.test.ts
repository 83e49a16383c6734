/** What the scores predict against what pruning one weight of a trained network does to its loss. */
import { expect, test } from "vitest";
import { crossEntropy } from "../../../autograd/ops/cross-entropy.ts";
import { backward } from "../../../autograd/tape.ts";
import { jsKernels } from "../../../backend/js.ts";
import { mlp } from "../../../nn/models/mlp.ts";
import { adamW } from "../../../optim/adamw.ts";
import { Optimizer } from "../../../optim/optimizer.ts";
import { Random } from "../../../random.ts";
import { Device } from "../../../tensor/device.ts";
import { tensor } from "../../../tensor/tensor.ts";
import { BatchGradients } from "../../sample-gradients.ts";
import { fisherBlocks } from "./blocks.ts";
import type { Curvature, CurvedParameter } from "./curvature.ts";
import { fisherDiagonal } from "./diagonal.ts";

const [INPUTS, CLASSES, SAMPLES, HIDDEN] = [12, 3, 160, 8];

/** Rank correlation of two lists without ties worth speaking of (Spearman). */
function rankCorrelation(a: readonly number[], b: readonly number[]): number {
  const ranks = (values: readonly number[]): number[] => {
    const order = values.map((_, i) => i).sort((i, j) => values[i] - values[j]);
    const found = new Array<number>(values.length);
    order.forEach((i, rank) => {
      found[i] = rank - (values.length - 1) / 2;
    });
    return found;
  };
  const [x, y] = [ranks(a), ranks(b)];
  const dot = (one: readonly number[], other: readonly number[]): number =>
    one.reduce((sum, value, i) => sum + value * other[i], 0);
  return dot(x, y) / Math.sqrt(dot(x, x) * dot(y, y));
}

/** The correlations of a network that is trained with this seed: of the rise of its loss with |w|, OBD, and OBS. */
function correlationsOf(seed: number): { magnitude: number; obd: number; obs: number } {
  const random = new Random(seed);
  const device = new Device(jsKernels());
  const model = mlp([INPUTS, HIDDEN, CLASSES], { device, random });
  // inputs of different sizes: otherwise large weights are those that matter
  const inputs = Array.from({ length: SAMPLES * INPUTS }, (_, i) => random.normal() * 2 ** ((i % INPUTS) / 3 - 2));
  const teacher = Array.from({ length: INPUTS * CLASSES }, () => random.normal());
  const labels = Int32Array.from({ length: SAMPLES }, (_, s) => {
    const logits = Array.from({ length: CLASSES }, (__, c) => {
      // noise, so that the loss has a minimum that is not zero
      return (
        2 * random.normal() +
        teacher.slice(c * INPUTS, (c + 1) * INPUTS).reduce((sum, t, i) => sum + t * inputs[s * INPUTS + i], 0)
      );
    });
    return logits.indexOf(Math.max(...logits));
  });
  const optimizer = new Optimizer(model, adamW({ learningRate: 0.01, weightDecay: 0.001 }));
  const pass = (trains: boolean): number =>
    device.step(() => {
      const loss = crossEntropy(model.forward(tensor(device, [SAMPLES, INPUTS], inputs)), labels);
      if (!trains) return loss.data[0];
      optimizer.zeroGrad();
      backward(loss);
      optimizer.step();
      return loss.data[0];
    });
  for (let step = 0; step < 200; step++) pass(true);

  const weight = model.namedParameters().get("fc1.weight")!;
  const parameterOf = (curvature: Curvature): CurvedParameter => {
    const arrays = new Map<string, Float32Array>();
    const parameter: CurvedParameter = {
      ...{ rows: HIDDEN, k: INPUTS, kernels: device.kernels, weight: weight.data },
      maskBytes: new Uint8Array(weight.size).fill(1),
      state: (name, length) => arrays.get(name) ?? arrays.set(name, new Float32Array(length)).get(name)!,
      forget: (name) => void arrays.delete(name),
    };
    weight.watch = (dy, x, geometry) => {
      curvature.add(parameter, new BatchGradients(device.kernels, dy, x, geometry));
    };
    device.step(() => {
      optimizer.zeroGrad();
      backward(crossEntropy(model.forward(tensor(device, [SAMPLES, INPUTS], inputs)), labels));
    });
    weight.watch = null;
    return parameter;
  };
  const blocks = fisherBlocks({ size: INPUTS, damping: 0.01, compensates: true });
  const [ofDiagonal, ofBlocks] = [parameterOf(fisherDiagonal), parameterOf(blocks)];
  const [obd, obs] = [[...fisherDiagonal.scores(ofDiagonal)], [...blocks.scores(ofBlocks)]];
  const before = pass(false);
  const values = weight.data.slice();
  const riseOf = (i: number, compensates: boolean): number => {
    if (compensates) blocks.compensate!(ofBlocks, new Uint8Array(weight.size).fill(1).fill(0, i, i + 1));
    weight.data[i] = 0;
    weight.touch();
    const rise = pass(false) - before;
    weight.data.set(values);
    return rise;
  };
  const alone = obd.map((_, i) => riseOf(i, false));
  return {
    magnitude: rankCorrelation([...values].map(Math.abs), alone),
    obd: rankCorrelation(obd, alone),
    obs: rankCorrelation(
      obs,
      obs.map((_, i) => riseOf(i, true)),
    ),
  };
}

test("the rise of the loss follows the scores of OBD and OBS, and |w| less so", () => {
  const all = Array.from({ length: 6 }, (_, i) => correlationsOf(i + 1));
  /** How many standard errors the mean over seeds is above 0. */
  const certainty = (values: readonly number[]): number => {
    const mean = values.reduce((a, b) => a + b, 0) / values.length;
    const variance = values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (values.length - 1);
    return mean / Math.sqrt(variance / values.length);
  };
  expect(certainty(all.map(({ obd }) => obd - 0.8))).toBeGreaterThan(4);
  expect(certainty(all.map(({ obs }) => obs - 0.8))).toBeGreaterThan(4);
  expect(certainty(all.map(({ obd, magnitude }) => obd - magnitude))).toBeGreaterThan(4);
});
