import { describe, expect, test } from "vitest";
import { jsKernels } from "../backend/js.ts";
import type { Kernels } from "../backend/kernels.ts";
import { Random } from "../random.ts";
import { Device } from "../tensor/device.ts";
import { Parameter, type Shape, sizeOf, Tensor, tensor } from "../tensor/tensor.ts";
import { type OpName, ops } from "./ops/ops.ts";
import { backward, record } from "./tape.ts";

// The oracle computes in the precision of the arrays it is given: with doubles, central differences are exact to 1e-7.
const doubles = { ...jsKernels(), float32: (length: number) => new Float64Array(length) } as unknown as Kernels;
const device = new Device(doubles);
const random = new Random(7);

const parameter = (...shape: number[]): Parameter => {
  const made = new Parameter(device, shape);
  for (let i = 0; i < made.size; i++) made.data[i] = random.normal();
  return made;
};
/** Distinct values, a tenth apart: no step of a difference changes a winner or crosses the kink of ReLU. */
const spaced = (...shape: number[]): Parameter => {
  const made = new Parameter(device, shape);
  random.permutation(made.size).forEach((rank, i) => {
    made.data[i] = (rank - made.size / 2 + 0.5) / 10;
  });
  return made;
};

const positive = (...shape: number[]): Parameter => {
  const made = new Parameter(device, shape);
  for (let i = 0; i < made.size; i++) made.data[i] = 0.5 + random.uniform();
  return made;
};

interface Case {
  readonly about: string;
  readonly inputs: readonly Parameter[];
  run(...inputs: Tensor[]): Tensor;
}

const running = (channels: number) => ({
  mean: new Float32Array(channels),
  variance: new Float32Array(channels).fill(1),
});

/** One entry an operation: an operation without cases does not compile. */
const cases: Record<OpName, () => Case[]> = {
  abs: () => [{ about: "values of both signs", inputs: [spaced(12)], run: (x) => ops.abs(x) }],
  add: () => [
    { about: "plain", inputs: [parameter(2, 3), parameter(2, 3)], run: (a, b) => ops.add(a, b) },
    { about: "with ReLU", inputs: [spaced(2, 3), parameter(2, 3)], run: (a, b) => ops.add(a, b, true) },
    { about: "of a tensor and itself", inputs: [parameter(4)], run: (a) => ops.add(a, a) },
    { about: "broadcast", inputs: [parameter(4, 1), parameter(2, 1, 3)], run: (a, b) => ops.add(a, b) },
    { about: "broadcast, with ReLU", inputs: [spaced(3, 4), parameter(4)], run: (a, b) => ops.add(a, b, true) },
    { about: "of a number and a tensor", inputs: [parameter(2, 3)], run: (a) => ops.add(0.5, a) },
    {
      about: "of a column and itself as a row",
      inputs: [parameter(3)],
      run: (a) => ops.add(ops.reshape(a, [3, 1]), a),
    },
  ],
  addBias: () => [
    { about: "of images", inputs: [parameter(2, 2, 3, 4), parameter(4)], run: (x, bias) => ops.addBias(x, bias) },
    { about: "with ReLU", inputs: [spaced(3, 4), parameter(4)], run: (x, bias) => ops.addBias(x, bias, true) },
  ],
  addRows: () => [
    { about: "positions", inputs: [parameter(3, 2, 4), parameter(2, 4)], run: (x, rows) => ops.addRows(x, rows) },
    { about: "fewer", inputs: [parameter(3, 2, 4), parameter(5, 4)], run: (x, rows) => ops.addRows(x, rows) },
  ],
  averagePool: () => [
    { about: "2x2", inputs: [parameter(2, 4, 4, 3)], run: (x) => ops.averagePool(x, 2) },
    {
      about: "3x3, stride 2, padding 1",
      inputs: [parameter(1, 5, 4, 2)],
      run: (x) => ops.averagePool(x, 3, { stride: 2, padding: 1 }),
    },
  ],
  batchNorm: () => [
    {
      about: "plain",
      inputs: [parameter(3, 2, 2, 4), parameter(4), parameter(4)],
      run: (x, g, b) => ops.batchNorm(x, g, b, running(4)),
    },
    {
      about: "with ReLU",
      inputs: [spaced(8, 3), parameter(3), parameter(3)],
      run: (x, g, b) => ops.batchNorm(x, g, b, running(3), { relu: true }),
    },
  ],
  batchNormPool: () => [
    {
      about: "2x2",
      inputs: [spaced(2, 4, 4, 2), parameter(2), parameter(2)],
      run: (x, g, b) => ops.batchNormPool(x, g, b, running(2), 2),
    },
    {
      about: "3x3, stride 2, padding 1",
      inputs: [spaced(1, 5, 5, 2), parameter(2), parameter(2)],
      run: (x, g, b) => ops.batchNormPool(x, g, b, running(2), 3, { stride: 2, padding: 1 }),
    },
  ],
  binaryCrossEntropyWithLogits: () => [
    {
      about: "targets between 0 and 1",
      inputs: [parameter(2, 3)],
      run: (x) => ops.binaryCrossEntropyWithLogits(x, [0, 1, 0.3, 1, 0, 0.9]),
    },
    {
      about: "weighted, of far logits",
      inputs: [spaced(3, 2, 20)],
      run: (x) =>
        ops.binaryCrossEntropyWithLogits(
          ops.linear(x, tensor(device, [2, 20], new Float32Array(40).fill(0.5))),
          tensor(device, [3, 2, 2], [1, 0, 0.5, 1, 0, 1, 1, 0, 0, 0, 1, 1]),
          { positiveWeight: [0.5, 4] },
        ),
    },
  ],
  broadcastTo: () => [
    {
      about: "in front, between and behind",
      inputs: [parameter(3, 1, 2, 1)],
      run: (x) => ops.broadcastTo(x, [2, 3, 2, 2, 3]),
    },
  ],
  causalAttention: () => [
    { about: "two heads", inputs: [parameter(2, 5, 12)], run: (x) => ops.causalAttention(x, 2) },
    { about: "one head, longer", inputs: [parameter(1, 9, 9)], run: (x) => ops.causalAttention(x, 1) },
  ],
  clamp: () => [
    { about: "within and beyond both bounds", inputs: [spaced(20)], run: (x) => ops.clamp(x, -0.4, 0.63) },
    { about: "above alone", inputs: [spaced(6)], run: (x) => ops.clamp(x, -Infinity, 0.02) },
  ],
  concat: () => [
    {
      about: "images of other widths",
      inputs: [parameter(2, 2, 3, 4), parameter(2, 2, 3, 1), parameter(2, 2, 3, 2)],
      run: (a, b, c) => ops.concat([a, b, c], -1),
    },
    { about: "between axes", inputs: [parameter(2, 1, 3), parameter(2, 4, 3)], run: (a, b) => ops.concat([a, b], 1) },
    { about: "of rows", inputs: [parameter(2, 3), parameter(1, 3)], run: (a, b) => ops.concat([a, b], 0) },
    { about: "one", inputs: [parameter(2, 3)], run: (a) => ops.concat([a], 1) },
    { about: "vectors", inputs: [parameter(2), parameter(3)], run: (a, b) => ops.concat([a, b], 0) },
    {
      about: "a tensor twice, around one that needs no gradient",
      inputs: [parameter(2, 3)],
      run: (a) => ops.concat([a, tensor(device, [2, 1], [5, 6]), a], -1),
    },
    { about: "of what is used elsewhere too", inputs: [parameter(2, 3)], run: (a) => ops.concat([ops.gelu(a), a], 1) },
  ],
  conv2d: () => [
    {
      about: "3x3",
      inputs: [parameter(2, 4, 5, 3), parameter(4, 3, 3, 3), parameter(4)],
      run: (x, w, b) => ops.conv2d(x, w, b, { padding: 1 }),
    },
    {
      about: "stride 2, no bias",
      inputs: [parameter(1, 5, 5, 2), parameter(3, 3, 3, 2)],
      run: (x, w) => ops.conv2d(x, w, null, { stride: 2, padding: 1 }),
    },
    {
      about: "1x1 with ReLU",
      inputs: [spaced(1, 2, 2, 3), spaced(4, 1, 1, 3)],
      run: (x, w) => ops.conv2d(x, w, null, {}, true),
    },
    {
      about: "depthwise",
      inputs: [parameter(2, 4, 5, 3), parameter(3, 3, 3, 1), parameter(3)],
      run: (x, w, b) => ops.conv2d(x, w, b, { padding: 1, groups: 3 }),
    },
    {
      about: "two groups, stride 2, with ReLU",
      inputs: [spaced(2, 5, 4, 4), parameter(6, 3, 3, 2), parameter(6)],
      run: (x, w, b) => ops.conv2d(x, w, b, { stride: 2, padding: 1, groups: 2 }, true),
    },
  ],
  crossEntropy: () => [
    { about: "three rows", inputs: [parameter(3, 5)], run: (x) => ops.crossEntropy(x, Int32Array.of(0, 4, 2)) },
    {
      about: "smoothed, weighted, one row left out",
      inputs: [parameter(2, 2, 3)],
      run: (x) =>
        ops.crossEntropy(x, [0, -100, 2, 1], { labelSmoothing: 0.2, classWeights: [1, 0.5, 3], ignoreIndex: -100 }),
    },
    {
      about: "probabilities",
      inputs: [parameter(2, 3)],
      run: (x) => ops.crossEntropy(x, [0.2, 0.3, 0.5, 1, 0, 0], { labelSmoothing: 0.1, classWeights: [2, 1, 0.5] }),
    },
  ],
  detectionLoss: () => {
    const outputs = spaced(1, 2, 2, 8);
    // errors within the smooth part of L1 and beyond it
    const offsets = Float32Array.from({ length: 16 }, (_, i) => {
      return outputs.data[8 * Math.floor(i / 4) + 4 + (i % 4)] + [0.03, -0.4, 0.06, 0.2][i % 4];
    });
    return [
      {
        about: "cells with objects and without",
        inputs: [outputs],
        run: (x) => ops.detectionLoss(x, Int32Array.of(1, 3, 0, 3), offsets),
      },
      {
        about: "no object, other weights",
        inputs: [parameter(2, 1, 2, 7)],
        run: (x) => ops.detectionLoss(x, new Int32Array(4).fill(2), new Float32Array(16), { background: 2, boxes: 3 }),
      },
    ];
  },
  div: () => [
    { about: "broadcast", inputs: [parameter(2, 3), positive(3)], run: (a, b) => ops.div(a, b) },
    { about: "a number by a tensor", inputs: [positive(4)], run: (b) => ops.div(2, b) },
    { about: "by a number", inputs: [parameter(4)], run: (a) => ops.div(a, -4) },
  ],
  dropout: () => [
    { about: "half", inputs: [parameter(5, 7)], run: (x) => ops.dropout(x, 0.5, { seed: 1, layer: 2, step: 3 }) },
  ],
  embedding: () => [
    {
      about: "tokens of two sequences, one twice and one never",
      inputs: [parameter(5, 3)],
      run: (table) => ops.embedding(tensor(device, [2, 2], [4, 0, 1, 4]), table),
    },
  ],
  flatten: () => [
    { about: "images", inputs: [parameter(2, 3, 2, 4)], run: (x) => ops.flatten(x) },
    { about: "of one channel", inputs: [parameter(2, 3, 2, 1)], run: (x) => ops.flatten(x) },
    { about: "sequences", inputs: [parameter(2, 3, 4)], run: (x) => ops.flatten(x) },
  ],
  exp: () => [{ about: "values of both signs", inputs: [parameter(7)], run: (x) => ops.exp(x) }],
  gather: () => [
    {
      about: "one of each row",
      inputs: [parameter(3, 4)],
      run: (x) => ops.gather(x, tensor(device, [3, 1], [2, 0, 2]), 1),
    },
    {
      about: "the same of each, one of them twice",
      inputs: [parameter(2, 3, 2)],
      run: (x) => ops.gather(x, tensor(device, [1, 4, 1], [1, 2, 1, 0]), 1),
    },
  ],
  gatherColumns: () => [
    {
      about: "under a kernel",
      inputs: [parameter(2, 5, 4, 2)],
      run: (x) => ops.gatherColumns(x, Uint32Array.of(0, 3, 9, 17), 3, { stride: 2, padding: 1 }),
    },
    { about: "of rows", inputs: [parameter(3, 5)], run: (x) => ops.gatherColumns(x, Uint32Array.of(1, 4)) },
  ],
  gelu: () => [{ about: "values of both signs", inputs: [parameter(20)], run: (x) => ops.gelu(x) }],
  globalAveragePool: () => [
    { about: "non-square", inputs: [parameter(2, 3, 4, 2)], run: (x) => ops.globalAveragePool(x) },
  ],
  huber: () => [
    {
      about: "errors on both sides of delta, of both tensors",
      inputs: [spaced(3, 4), parameter(3, 4)],
      run: (x, y) => ops.huber(x, y, { delta: 0.4 }),
    },
  ],
  layerNorm: () => [
    {
      about: "rows of sequences",
      inputs: [parameter(2, 3, 5), parameter(5), parameter(5)],
      run: (x, g, b) => ops.layerNorm(x, g, b),
    },
  ],
  linear: () => [
    {
      about: "of sequences",
      inputs: [parameter(2, 3, 4), parameter(5, 4), parameter(5)],
      run: (x, w, b) => ops.linear(x, w, b),
    },
    {
      about: "with bias",
      inputs: [parameter(3, 4), parameter(5, 4), parameter(5)],
      run: (x, w, b) => ops.linear(x, w, b),
    },
    {
      about: "with ReLU, no bias",
      inputs: [parameter(3, 4), parameter(5, 4)],
      run: (x, w) => ops.linear(x, w, null, true),
    },
    {
      about: "of one weight twice",
      inputs: [parameter(3, 4), parameter(4, 4)],
      run: (x, w) => ops.linear(ops.linear(x, w), w),
    },
  ],
  mae: () => [
    { about: "numbers", inputs: [spaced(2, 3)], run: (x) => ops.mae(x, [0, 0.3, -0.7, 9, -9, 0.01]) },
    { about: "of both tensors", inputs: [spaced(2, 3), parameter(2, 3)], run: (x, y) => ops.mae(x, y) },
  ],
  log: () => [{ about: "positive values", inputs: [positive(7)], run: (x) => ops.log(x) }],
  logSoftmax: () => [
    { about: "of rows", inputs: [parameter(3, 5)], run: (x) => ops.logSoftmax(x) },
    { about: "along the first axis", inputs: [parameter(4, 2, 3)], run: (x) => ops.logSoftmax(x, 0) },
  ],
  matmul: () => [
    { about: "of two matrices", inputs: [parameter(2, 3), parameter(3, 4)], run: (a, b) => ops.matmul(a, b) },
    { about: "of batches", inputs: [parameter(3, 2, 4), parameter(3, 4, 5)], run: (a, b) => ops.matmul(a, b) },
    {
      about: "of a batch and one matrix",
      inputs: [parameter(2, 3, 2, 4), parameter(4, 3)],
      run: (a, b) => ops.matmul(a, b),
    },
    {
      about: "of one matrix and a batch",
      inputs: [parameter(2, 4), parameter(3, 4, 2)],
      run: (a, b) => ops.matmul(a, b),
    },
    {
      about: "of broadcast batches",
      inputs: [parameter(2, 1, 2, 3), parameter(3, 3, 2)],
      run: (a, b) => ops.matmul(a, b),
    },
    { about: "of vectors", inputs: [parameter(3), parameter(3)], run: (a, b) => ops.matmul(a, b) },
    { about: "of a vector and a batch", inputs: [parameter(3), parameter(2, 3, 4)], run: (a, b) => ops.matmul(a, b) },
    { about: "of a matrix and a vector", inputs: [parameter(2, 3), parameter(3)], run: (a, b) => ops.matmul(a, b) },
    { about: "of a matrix and itself", inputs: [parameter(3, 3)], run: (a) => ops.matmul(a, a) },
  ],
  max: () => [
    { about: "of all", inputs: [spaced(3, 4)], run: (x) => ops.max(x) },
    { about: "over two axes apart", inputs: [spaced(2, 3, 4)], run: (x) => ops.max(x, [0, 2]) },
    { about: "over the middle", inputs: [spaced(2, 3, 4)], run: (x) => ops.max(x, 1, { keepDims: true }) },
  ],
  maxPool: () => [
    { about: "2x2", inputs: [spaced(2, 4, 4, 2)], run: (x) => ops.maxPool(x, 2) },
    {
      about: "3x3, stride 2, padding 1",
      inputs: [spaced(1, 5, 5, 2)],
      run: (x) => ops.maxPool(x, 3, { stride: 2, padding: 1 }),
    },
  ],
  mse: () => [
    { about: "numbers", inputs: [parameter(2, 2)], run: (x) => ops.mse(x, Float32Array.of(0, 0.3, -0.7, 9)) },
    { about: "of both tensors", inputs: [parameter(2, 3), parameter(2, 3)], run: (x, y) => ops.mse(x, y) },
    { about: "of a tensor and itself, doubled", inputs: [parameter(5)], run: (x) => ops.mse(x, ops.add(x, x)) },
  ],
  mean: () => [
    { about: "of all", inputs: [parameter(2, 3)], run: (x) => ops.mean(x) },
    { about: "over two axes apart", inputs: [parameter(2, 3, 4)], run: (x) => ops.mean(x, [0, -1]) },
  ],
  mul: () => [
    { about: "of one shape", inputs: [parameter(2, 3), parameter(2, 3)], run: (a, b) => ops.mul(a, b) },
    { about: "broadcast both ways", inputs: [parameter(3, 1), parameter(2, 1, 4)], run: (a, b) => ops.mul(a, b) },
    { about: "of a tensor and itself", inputs: [parameter(3)], run: (a) => ops.mul(a, a) },
    { about: "by a number", inputs: [parameter(3)], run: (a) => ops.mul(-3, a) },
  ],
  neg: () => [{ about: "values of both signs", inputs: [parameter(3)], run: (x) => ops.neg(x) }],
  pad: () => [
    {
      about: "before, behind and not",
      inputs: [parameter(2, 3, 2)],
      run: (x) =>
        ops.pad(
          x,
          [
            [1, 0],
            [0, 0],
            [2, 1],
          ],
          3,
        ),
    },
  ],
  permute: () => [
    { about: "a matrix", inputs: [parameter(3, 4)], run: (x) => ops.permute(x, [1, 0]) },
    { about: "four axes", inputs: [parameter(2, 3, 1, 4)], run: (x) => ops.permute(x, [2, -1, 0, 1]) },
  ],
  pow: () => [
    { about: "broadcast", inputs: [positive(2, 3), parameter(3)], run: (a, b) => ops.pow(a, b) },
    { about: "squares of both signs", inputs: [parameter(5)], run: (a) => ops.pow(a, 2) },
    { about: "of a number", inputs: [parameter(5)], run: (b) => ops.pow(2, b) },
    { about: "to the 0", inputs: [spaced(4)], run: (a) => ops.pow(a, 0) },
  ],
  relu: () => [{ about: "values of both signs", inputs: [spaced(12)], run: (x) => ops.relu(x) }],
  reshape: () => [{ about: "to a row", inputs: [parameter(2, 3, 2)], run: (x) => ops.reshape(x, [12]) }],
  resizeChannels: () => [
    { about: "more", inputs: [parameter(2, 3, 2)], run: (x) => ops.resizeChannels(x, 5) },
    { about: "fewer", inputs: [parameter(2, 5)], run: (x) => ops.resizeChannels(x, 2) },
  ],
  sigmoid: () => [{ about: "values of both signs", inputs: [parameter(7)], run: (x) => ops.sigmoid(x) }],
  slice: () => [
    { about: "of rows", inputs: [parameter(5, 2)], run: (x) => ops.slice(x, 0, 1, 3) },
    { about: "of the last axis, to its end", inputs: [parameter(2, 3, 4)], run: (x) => ops.slice(x, -1, -2) },
  ],
  softmax: () => [
    { about: "of rows", inputs: [parameter(3, 5)], run: (x) => ops.softmax(x) },
    { about: "along the middle axis", inputs: [parameter(2, 4, 3)], run: (x) => ops.softmax(x, 1) },
  ],
  sqrt: () => [{ about: "positive values", inputs: [positive(7)], run: (x) => ops.sqrt(x) }],
  squaredRelu: () => [{ about: "values of both signs", inputs: [spaced(12)], run: (x) => ops.squaredRelu(x) }],
  sub: () => [
    { about: "broadcast both ways", inputs: [parameter(3, 1), parameter(4)], run: (a, b) => ops.sub(a, b) },
    { about: "of a number and a tensor", inputs: [parameter(3)], run: (a) => ops.sub(1, a) },
    { about: "of a tensor and itself", inputs: [parameter(3)], run: (a) => ops.sub(a, ops.mul(a, a)) },
  ],
  sum: () => [
    { about: "of all", inputs: [parameter(2, 3)], run: (x) => ops.sum(x) },
    { about: "over two axes apart", inputs: [parameter(2, 3, 4)], run: (x) => ops.sum(x, [0, 2], { keepDims: true }) },
    { about: "over the middle", inputs: [parameter(2, 3, 4)], run: (x) => ops.sum(x, -2) },
    { about: "over no axis", inputs: [parameter(3)], run: (x) => ops.sum(x, []) },
  ],
  tanh: () => [{ about: "small and large values", inputs: [spaced(20)], run: (x) => ops.tanh(x) }],
  where: () => [
    {
      about: "broadcast",
      inputs: [parameter(3), parameter(2, 1)],
      run: (a, b) => ops.where(tensor(device, [2, 3], [1, 0, 2, 0, 0, -1]), a, b),
    },
    {
      about: "of a tensor and a number",
      inputs: [parameter(3)],
      run: (a) => ops.where(tensor(device, [2, 1], [0, 1]), 7, a),
    },
  ],
};

/** A scalar that depends on every value of y with another slope. */
function project(y: Tensor): Tensor {
  const slope = (i: number): number => Math.sin(1 + 3 * i);
  const sum = y.data.reduce((total, value, i) => total + slope(i) * value, 0);
  const data = device.buffer(1);
  data[0] = sum;
  return record("project", [y], [1], data, (grad, inputs) => {
    inputs.into(0)?.forEach((_, i, dy) => {
      dy[i] = grad[0] * slope(i);
    });
  });
}

function checkGradient({ inputs, run }: Case): void {
  const value = (): number => device.withoutGradients(() => project(run(...inputs)).data[0]);
  for (const input of inputs) input.zeroGrad();
  backward(project(run(...inputs)));
  const step = 1e-5;
  for (const input of inputs) {
    expect(input.hasGrad).toBe(true);
    for (let i = 0; i < input.size; i++) {
      const kept = input.data[i];
      input.data[i] = kept + step;
      const above = value();
      input.data[i] = kept - step;
      const below = value();
      input.data[i] = kept;
      expect(Math.abs(input.grad[i] - (above - below) / (2 * step))).toBeLessThan(1e-6);
    }
  }
}

describe("the gradient equals central differences", () => {
  for (const [name, list] of Object.entries(cases)) {
    for (const one of list()) test(`${name}: ${one.about}`, () => checkGradient(one));
  }
});

describe("backward", () => {
  test("adds up where a tensor is used twice", () => {
    const x = parameter(4);
    checkGradient({ about: "", inputs: [x], run: (a) => ops.add(ops.relu(a), ops.gelu(a)) });
    checkGradient({ about: "", inputs: [x], run: (a) => ops.add(ops.add(a, a), ops.reshape(a, [4])) });
  });

  test("accumulates over calls until zeroGrad", () => {
    const x = parameter(3);
    backward(project(ops.gelu(x)));
    const once = x.grad.slice();
    backward(project(ops.gelu(x)));
    x.grad.forEach((value, i) => {
      expect(value).toBeCloseTo(2 * once[i], 12);
    });
    x.zeroGrad();
    backward(project(ops.gelu(x)));
    expect([...x.grad]).toEqual([...once]);
  });

  test("does not compute gradients that nobody needs", () => {
    const w = parameter(2, 3);
    const x = tensor(device, [4, 3], new Float32Array(12).fill(1));
    const y = ops.linear(x, w);
    expect(y.creator?.inputs[0]).toBe(x);
    backward(project(y));
    expect(w.hasGrad).toBe(true);
    expect(x.needsGrad).toBe(false);
  });

  test("refuses a loss of several values and one that depends on nothing", () => {
    expect(() => backward(parameter(2))).toThrow("backward: expected a loss of one value, got shape [2]");
    expect(() => backward(tensor(device, [1], [1]))).toThrow("backward: expected a loss that depends on a parameter");
    device.withoutGradients(() => {
      expect(() => backward(project(parameter(2)))).toThrow("Was it made by withoutGradients?");
    });
  });
});

describe("shapes that do not fit are refused", () => {
  const of = (...shape: Shape): Tensor => new Tensor(device, shape, device.buffer(sizeOf(shape)));
  test("linear, conv2d, add, reshape and pooling name what they got", () => {
    expect(() => ops.linear(of(2, 3), of(4, 5))).toThrow(
      "linear with a weight [4, 5]: x: expected shape [any, 5], got [2, 3]",
    );
    expect(() => ops.conv2d(of(1, 4, 4, 2), of(3, 3, 3, 4))).toThrow(
      "conv2d with a weight [3, 3, 3, 4]: x: expected shape [any, any, any, 4], got [1, 4, 4, 2]",
    );
    expect(() => ops.conv2d(of(1, 2, 2, 4), of(3, 5, 5, 4))).toThrow("images of at least 5x5, got 2x2");
    expect(() => ops.add(of(2), of(3))).toThrow("add: expected shapes that broadcast, got [2] and [3]. Counted from");
    expect(() => ops.concat([of(2, 3, 4), of(2, 4, 4)], -1)).toThrow(
      "concat: expected shape [2, 3, any], got [2, 4, 4]. Check",
    );
    expect(() => ops.concat([], 0)).toThrow("concat: expected tensors, got none. Pass at least one.");
    expect(() => ops.reshape(of(6), [4])).toThrow("reshape: expected a shape of 6 values, got [4]");
    expect(() => ops.crossEntropy(of(2, 3), Int32Array.of(0, 3))).toThrow("labels in 0..2, got 3");
    expect(() => ops.detectionLoss(of(1, 2, 2, 8), new Int32Array(3), new Float32Array(12))).toThrow(
      "outputs of 3 cells",
    );
    expect(() => ops.detectionLoss(of(1, 7), Int32Array.of(3), new Float32Array(4))).toThrow("labels in 0..2, got 3");
    expect(() => ops.linear(of(4), of(5, 4))).toThrow(": x: expected shape [any, 4], got [4]");
    expect(() => ops.embedding(tensor(device, [1], [3]), of(3, 2))).toThrow("tokens in 0..2, got 3");
    expect(() => ops.causalAttention(of(1, 2, 12), 3)).toThrow("heads of which 3 * heads divides 12, got 3");
    expect(() => ops.maxPool(of(1, 40, 40, 1), 17)).toThrow("maxPool: expected a kernel of at most 16");
    expect(() => ops.maxPool(of(1, 4, 4, 1), 2, { padding: 2 })).toThrow("padding of at most half of it, got 2 and 2");
    expect(() => ops.dropout(of(2), 1, { seed: 0, layer: 0, step: 0 })).toThrow("a probability in [0, 1), got 1");
  });

  test("losses and convolutions in groups name what they were given and what to do", () => {
    const logits = of(2, 3);
    expect(() => ops.crossEntropy(logits, [0, 1])).not.toThrow();
    expect(() => ops.crossEntropy(logits, [0, 1.5])).toThrow("labels in 0..2, got 1.5 in row 1. Give the model");
    expect(() => ops.crossEntropy(logits, [0, -100])).toThrow("got -100 in row 1. Name the label of rows that do not");
    expect(() => ops.crossEntropy(logits, [0, 1, 2])).toThrow(
      "crossEntropy: expected 2 labels or 6 probabilities for logits of shape [2, 3], got 3. Give each row of the logits",
    );
    expect(() => ops.crossEntropy(logits, of(3, 2))).toThrow("expected targets of shape [2, 3], got [3, 2]");
    expect(() => ops.crossEntropy(logits, parameter(2, 3))).toThrow("expected targets without a gradient");
    expect(() => ops.crossEntropy(logits, of(2, 3), { ignoreIndex: 1 })).toThrow(
      "labels where there is an ignoreIndex",
    );
    expect(() => ops.crossEntropy(logits, [0, 1], { labelSmoothing: 1.1 })).toThrow(
      "a labelSmoothing in 0..1, got 1.1",
    );
    expect(() => ops.crossEntropy(logits, [0, 1], { classWeights: [1, 2] })).toThrow(
      "classWeights of 3 classes, got 2",
    );
    expect(() => ops.crossEntropy(logits, [0, 1], { labelSmooting: 0.1 } as object)).toThrow(
      'crossEntropy: expected an option (labelSmoothing, classWeights, ignoreIndex), got "labelSmooting". Perhaps you mean',
    );
    expect(() => ops.mse(logits, [1, 2])).toThrow("mse: expected 6 targets for shape [2, 3], got 2");
    expect(() => ops.mae(logits, of(3, 2))).toThrow("mae: expected targets of shape [2, 3], got [3, 2]");
    expect(() => ops.huber(logits, of(2, 3), { delta: 0 })).toThrow("huber: expected a delta above 0, got 0");
    expect(() => ops.binaryCrossEntropyWithLogits(logits, of(2, 3), { positiveWeight: [1] })).toThrow(
      "a positiveWeight of 3 classes, got 1",
    );
    expect(() => ops.conv2d(of(1, 4, 4, 4), of(6, 3, 3, 1), null, { groups: 4 })).toThrow(
      "groups that divide 6 outputs, got 4",
    );
    expect(() => ops.conv2d(of(1, 4, 4, 6), of(6, 3, 3, 1), null, { groups: 3 })).toThrow("shape [any, any, any, 3]");
  });

  test("rows that are all left out have no loss and no gradient", () => {
    const x = parameter(2, 3);
    const loss = ops.crossEntropy(x, [7, 7], { ignoreIndex: 7 });
    expect(loss.data[0]).toBeNaN();
    backward(loss);
    expect([...x.grad]).toEqual([0, 0, 0, 0, 0, 0]);
  });
});
