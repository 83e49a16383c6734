import { expect, test } from "vitest";
import { jsKernels } from "../backend/js.ts";
import { cnn } from "../nn/models/cnn.ts";
import { mlp } from "../nn/models/mlp.ts";
import { Random } from "../random.ts";
import { Device } from "../tensor/device.ts";
import { account, totalMacs } from "./accounting.ts";

test("a network that can be counted by hand", () => {
  const model = mlp([8, 4, 2], { device: new Device(jsKernels()), random: new Random(1) });
  const halved = Float32Array.from({ length: 32 }, (_, i) => i % 2);
  const { layers, nonZeros, parameters } = account(model, [8], 3, new Map([["fc1.weight", halved]]));
  expect(layers.map(({ name, nonZeros, sparsity }) => [name, nonZeros, sparsity])).toEqual([
    ["fc1.weight", 16, 0.5],
    ["fc2.weight", 8, 0],
  ]);
  expect(parameters).toBe(32 + 4 + 8 + 2);
  // first biases may be zeros
  expect(nonZeros).toBeLessThanOrEqual(parameters - 16);
  const [first, second] = layers;
  expect(first.bytes).toMatchObject({ dense: 128, bitmap: 68 });
  expect(first.smallest).toBe("delta");
  expect(first.dense.forward).toEqual({ macs: 96, flops: 192, bytes: 4 * (24 + 32 + 12) });
  expect(first.effective.forward).toEqual({ macs: 48, flops: 96, bytes: 4 * (24 + 12) + first.bytes.delta });
  // the gradient of the model's input is never computed
  expect(first.dense.inputGrad.macs).toBe(0);
  expect(second.dense.inputGrad.macs).toBe(24);
  // the gradient of a sparse weight is dense
  expect(first.effective.weightGrad.macs).toBe(96);
  const account2 = { layers, nonZeros, parameters };
  expect(totalMacs(account2, "dense", ["forward"])).toBe(120);
  expect(totalMacs(account2, "effective")).toBe(48 + 24 + 24 + 96 + 24);
});

test("convolutions", () => {
  const model = cnn(1, [4], 2, { device: new Device(jsKernels()), random: new Random(1) });
  const { layers } = account(model, [8, 8, 1], 2);
  const [conv] = layers;
  expect(conv.dense.forward.macs).toBe(2 * 64 * 9 * 4);
});
