/** Trials of operations on each entry, and of sums. */
import { expect, test } from "vitest";
import type { ElementwiseKernels } from "../families/elementwise.ts";
import { matrixGeometry } from "../geometry.ts";
import type { KernelName, Kernels } from "../kernels.ts";
import { call, sameBits } from "./check.ts";
import { conv, countTrials, tableTrials } from "./shapes.ts";
import { type Argument, empty, normal, read, reseed, type Trials, written } from "./trials.ts";

export const elementwiseTrials: Trials<ElementwiseKernels> = {
  add: (shapes) =>
    [0, 1].flatMap((relu) =>
      countTrials(shapes, (count, draw) => {
        return [written(empty(count), true), read(draw(count)), read(normal(count)), count, relu];
      }),
    ),
  mix: (shapes) =>
    countTrials(
      shapes,
      (count, draw) => {
        return [written(empty(count)), read(draw(count)), read(normal(count)), count, 0.3, -1.7];
      },
      1e-6,
    ),
  addProduct: (shapes) =>
    countTrials(
      shapes,
      (count, draw) => {
        return [written(draw(count)), read(draw(count)), read(normal(count)), count, -0.3];
      },
      1e-6,
    ),
  scale: (shapes) => countTrials(shapes, (count, draw) => [written(draw(count), true), count, 0.3]),
  addSigns: (shapes) => countTrials(shapes, (count, draw) => [written(normal(count)), read(draw(count)), count, 0.3]),
  shrink: (shapes) =>
    [0, 1].flatMap((hard) => countTrials(shapes, (count, draw) => [written(draw(count), true), count, 0.5, hard])),
  relu: (shapes) => countTrials(shapes, (count, draw) => [written(empty(count), true), read(draw(count)), count]),
  reluBackward: (shapes) =>
    countTrials(shapes, (count, draw) => {
      return [written(empty(count), true), read(draw(count)), read(draw(count)), count];
    }),
  gelu: (shapes) =>
    countTrials(shapes, (count, draw) => [written(empty(count)), read(draw(count).map((x) => 4 * x)), count]),
  geluBackward: (shapes) =>
    countTrials(shapes, (count, draw) => {
      return [written(empty(count)), read(normal(count)), read(draw(count).map((x) => 4 * x)), count];
    }),
  squaredRelu: (shapes) =>
    countTrials(shapes, (count, draw) => [written(empty(count), true), read(draw(count)), count]),
  squaredReluBackward: (shapes) =>
    countTrials(shapes, (count, draw) => {
      return [written(empty(count), true), read(draw(count)), read(draw(count)), count];
    }),
  dropout: (shapes) =>
    [0, 0.1, 0.5].flatMap((p) =>
      countTrials(shapes, (count, draw) => {
        return [written(empty(count), true), read(draw(count)), count, p, { seed: 12345, layer: -7, step: count }];
      }),
    ),
  columnSums: (shapes) =>
    tableTrials(
      shapes,
      (rows, columns, draw) => [written(empty(columns)), read(draw(rows * columns)), rows, columns],
      1e-6,
      true,
    ),
  rowProducts: (shapes) =>
    tableTrials(
      shapes,
      (rows, columns, draw) => {
        const size = rows * columns;
        return [written(new Float64Array(rows)), read(draw(size)), read(normal(size)), rows, columns];
      },
      1e-12,
      true,
    ),
};

/** Registers properties of every ReLU, and of outputs that are inputs too. */
export function elementwiseProperties(make: () => Kernels): void {
  test("NaN passes through every ReLU and wins every maximum", () => {
    const kernels = make();
    const nan = Float32Array.of(Number.NaN, -1, 1, 2);
    const first = (name: KernelName, ...args: Argument[]): number => call(kernels, name, args)[0][0];
    const y = written(empty(4));
    const [ones, zeros] = [read(Float32Array.of(1, 1)), read(Float32Array.of(0, 0))];
    const [affine, running] = [
      { gamma: ones, beta: zeros },
      { mean: zeros, variance: ones },
    ];
    expect(first("relu", y, read(nan), 4)).toBeNaN();
    expect(first("add", y, read(nan), read(nan), 4, 1)).toBeNaN();
    expect(
      first("forward", y, read(nan), read(Float32Array.of(1, 0, 0, 1)), null, matrixGeometry(2, 2, 2), 1),
    ).toBeNaN();
    expect(first("batchNormInfer", y, read(nan), affine, running, 2, 2, { epsilon: 1e-5, relu: 1 })).toBeNaN();
    const window = conv(1, 2, 2, 1, 2, 2, 0, 1);
    expect(first("maxPool", written(empty(1)), written(new Uint8Array(1)), read(nan), window)).toBeNaN();
    // no gradient flows back through an entry that is not above zero, NaN included
    expect(first("reluBackward", y, read(nan.toReversed()), read(nan), 4)).toBe(0);
  });

  test("outputs may be inputs where the contract says so", () => {
    const kernels = make();
    reseed(1001);
    const [a, b] = [normal(1000), normal(1000)];
    const copy = (values: Float32Array): Float32Array => {
      const array = kernels.float32(values.length);
      array.set(values);
      return array;
    };
    const sum = Float32Array.from(a, (value, i) => value + b[i]);
    for (const place of [0, 1]) {
      const arrays = [copy(a), copy(b)];
      kernels.add(arrays[place], arrays[0], arrays[1], 1000, 0);
      expect(sameBits(arrays[place], sum)).toBe(true);
    }
    const gradient = copy(a);
    kernels.reluBackward(gradient, gradient, copy(b), 1000);
    expect(
      sameBits(
        gradient,
        a.map((value, i) => (b[i] > 0 ? value : 0)),
      ),
    ).toBe(true);
  });
}
