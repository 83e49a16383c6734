/** Sums over the gradients of single samples, against a backward pass for each sample alone. */
import { describe, expect, test } from "vitest";
import { crossEntropy } from "../autograd/ops/cross-entropy.ts";
import { reshape } from "../autograd/ops/reshape.ts";
import { backward } from "../autograd/tape.ts";
import { jsKernels } from "../backend/js.ts";
import { Conv2d } from "../nn/conv2d.ts";
import { Linear } from "../nn/linear.ts";
import type { Module } from "../nn/module.ts";
import { Random } from "../random.ts";
import { Device } from "../tensor/device.ts";
import { type Parameter, sizeOf, tensor } from "../tensor/tensor.ts";
import { blocksOf } from "./methods/fisher/curvature.ts";
import { BatchGradients } from "./sample-gradients.ts";

const SAMPLES = 6;
type Layer = Module & { readonly weight: Parameter };
type Build = (options: { device: Device; random: Random }) => Layer;

const layers: Record<string, readonly [number[], Build]> = {
  linear: [[13], (options) => new Linear(13, 5, options)],
  "of 3x3": [[5, 6, 3], (options) => new Conv2d(3, 4, 3, { ...options, padding: 1 })],
  "of 3x3, stride 2": [[5, 6, 3], (options) => new Conv2d(3, 4, 3, { ...options, stride: 2 })],
  "of 1x1": [[2, 3, 7], (options) => new Conv2d(7, 4, 1, options)],
};

describe.each(Object.entries(layers))("a layer %s", (_, [shape, build]) => {
  const device = new Device(jsKernels());
  const layer = build({ device, random: new Random(1) });
  const { weight } = layer;
  const rows = weight.shape[0];
  const k = weight.size / rows;
  const draws = new Random(2);
  const inputs = Array.from({ length: SAMPLES }, () =>
    Float32Array.from({ length: sizeOf(shape) }, () => draws.normal()),
  );
  const pass = (chosen: readonly number[]): void =>
    device.step(() => {
      const x = tensor(
        device,
        [chosen.length, ...shape],
        chosen.flatMap((i) => [...inputs[i]]),
      );
      const y = layer.forward(x);
      const labels = Int32Array.from(chosen, (i) => i % 3);
      weight.zeroGrad();
      backward(crossEntropy(reshape(y, [chosen.length, y.size / chosen.length]), labels));
    });
  const alone = inputs.map((_x, i) => {
    pass([i]);
    return Float64Array.from(weight.grad);
  });
  const whole = <T>(read: (gradients: BatchGradients) => T): T => {
    let result: T | undefined;
    weight.watch = (dy, x, geometry) => {
      result = read(new BatchGradients(device.kernels, dy, x, geometry));
    };
    pass(inputs.map((_x, i) => i));
    weight.watch = null;
    return result!;
  };
  const near = (value: number, expected: number, size: number): void => {
    expect(Math.abs(value - expected)).toBeLessThanOrEqual(2e-6 * size);
  };

  test("has the gradients of its samples, each of its own loss", () => {
    const got = Array.from({ length: SAMPLES }, () => new Float32Array(weight.size));
    whole((gradients) => {
      expect(gradients.samples).toBe(SAMPLES);
      for (const { from, values } of gradients.parts()) {
        const size = values.length / SAMPLES;
        got.forEach((own, s) => {
          own.set(values.subarray(s * size, (s + 1) * size), from * k);
        });
      }
    });
    got.forEach((own, s) => {
      const size = Math.max(...alone[s].map(Math.abs));
      own.forEach((value, i) => {
        near(value, alone[s][i], size);
      });
    });
  });

  test("has their sums of squares, added to what is there", () => {
    const sums = new Float32Array(weight.size).fill(1);
    whole((gradients) => {
      gradients.addSquares(sums);
    });
    sums.forEach((value, i) => {
      const expected = 1 + alone.reduce((sum, g) => sum + g[i] ** 2, 0);
      near(value, expected, expected);
    });
  });

  test.each([2, 5, 64])("has their sums of products in blocks of %i", (size) => {
    const blocks = blocksOf(rows, k, size);
    const sums = new Float32Array(blocks.reduce((sum, { length }) => sum + rows * length ** 2, 0));
    whole((gradients) => {
      gradients.addProducts(sums, size);
    });
    for (const { begin, length, start } of blocks) {
      for (let row = 0, at = start; row < rows; row++) {
        for (let i = 0; i < length; i++) {
          for (let j = 0; j < length; j++, at++) {
            const product = (g: Float64Array): number => g[row * k + begin + i] * g[row * k + begin + j];
            const sizes = alone.reduce((sum, g) => sum + Math.abs(product(g)), 0);
            near(
              sums[at],
              alone.reduce((sum, g) => sum + product(g), 0),
              sizes,
            );
          }
        }
      }
    }
  });
});
