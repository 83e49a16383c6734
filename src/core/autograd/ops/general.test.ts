/** The general operations: what PyTorch computes, on every backend; their laws; their shapes; and a loss made of them. */
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { nativeInstructionSets, nativeKernels } from "../../../node/native.ts";
import { openWasm, wasmInstructionSets } from "../../../node/wasm.ts";
import { jsKernels } from "../../backend/js.ts";
import type { Kernels } from "../../backend/kernels.ts";
import { Random } from "../../random.ts";
import { Device } from "../../tensor/device.ts";
import { Parameter, type Shape, sizeOf, type Tensor, tensor } from "../../tensor/tensor.ts";
import { backward } from "../tape.ts";
import type { Operand } from "./elementwise.ts";
import { type OpName, ops } from "./ops.ts";

const backends: readonly (readonly [string, () => Kernels])[] = [
  ...nativeInstructionSets().map((set) => [`native ${set}`, () => nativeKernels(2, set)] as const),
  ...wasmInstructionSets().map((set) => [`wasm ${set}`, () => openWasm(set)] as const),
  ["js", jsKernels] as const,
];

interface Stored {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

interface Golden {
  readonly op: string;
  readonly options: Readonly<Record<string, number | boolean | readonly number[] | readonly [number, number][]>>;
  readonly inputs: readonly Stored[];
  readonly dx: readonly Stored[];
  readonly dy: Stored;
  readonly y: Stored;
}

/** A loss of a user's own: cross-entropy against labels of which a share is spread over all classes. */
function smoothedCrossEntropy(logits: Tensor, labels: ArrayLike<number>, smoothing: number): Tensor {
  const [rows, classes] = logits.shape;
  const targets = new Float32Array(rows * classes).fill(smoothing / classes);
  for (let row = 0; row < rows; row++) targets[row * classes + labels[row]] += 1 - smoothing;
  const logP = ops.logSoftmax(logits);
  return ops.div(ops.sum(ops.mul(logP, tensor(logits.device, logits.shape, targets))), -rows);
}

/** The operation of a golden in our words. */
function run({ op, options }: Golden, [x, ...others]: readonly Tensor[]): Tensor {
  const { axis, axes, keepDims, begin, end, value, widths, low, high, b, smoothing } = options as Record<string, never>;
  switch (op) {
    case "pow":
      return ops.pow(x, b ?? others[0]);
    case "clamp":
      return ops.clamp(x, low, high);
    case "softmax":
    case "logSoftmax":
      return ops[op](x, axis);
    case "sum":
    case "mean":
    case "max":
      return ops[op](x, axes, { keepDims });
    case "permute":
      return ops.permute(x, axes);
    case "slice":
      return ops.slice(x, axis, begin, end);
    case "concat":
      return ops.concat([x, ...others], axis);
    case "pad":
      return ops.pad(x, widths, value);
    case "gather":
      return ops.gather(x, others[0], axis);
    case "where":
      return ops.where(others[1], x, others[0]);
    case "smoothedCrossEntropy":
      return smoothedCrossEntropy(x, others[0].data, smoothing);
    default:
      return (ops[op as OpName] as (...inputs: Tensor[]) => Tensor)(x, ...others);
  }
}

const golden = new URL("../../../../test/golden/general.json", import.meta.url);
const { cases } = JSON.parse(readFileSync(golden, "utf8")) as { cases: readonly Golden[] };

describe.each(backends)("on %s", (_, open) => {
  const device = new Device(open());

  test.each(cases.map((one, i) => [one.op, i, one] as const))("%s (golden %i) is PyTorch's", (_, __, one) => {
    const parameters = one.dx.map((_, i) => {
      const made = new Parameter(device, one.inputs[i].shape);
      made.data.set(one.inputs[i].data);
      return made;
    });
    const fixed = one.inputs.slice(one.dx.length).map(({ shape, data }) => tensor(device, shape, data));
    const y = run(one, [...parameters, ...fixed]);
    expect(y.shape).toEqual(one.y.shape);
    backward(ops.sum(ops.mul(y, tensor(device, one.dy.shape, one.dy.data))));
    const near = (got: ArrayLike<number>, { data }: Stored): void => {
      const allowed = 1e-6 * Math.max(1, ...data.map(Math.abs));
      data.forEach((wanted, i) => {
        if (!(Math.abs(got[i] - wanted) <= allowed)) throw new Error(`${i}: ${got[i]}, PyTorch has ${wanted}`);
      });
    };
    near(y.data, one.y);
    one.dx.forEach((wanted, i) => {
      near(parameters[i].grad, wanted);
    });
  });

  test("functions keep small values and go to their limits", () => {
    const of = (f: (x: Tensor) => Tensor, ...values: number[]): number[] => [
      ...f(tensor(device, [values.length], values)).data,
    ];
    const [tiny] = of(ops.tanh, 1e-5);
    expect(Math.abs(tiny - 1e-5)).toBeLessThan(1e-11);
    expect(of(ops.tanh, 100, -100)).toEqual([1, -1]);
    expect(of(ops.exp, -200, 0, 200)).toEqual([0, 1, Infinity]);
    expect(of(ops.log, 0, 1, Infinity, -1)).toEqual([-Infinity, 0, Infinity, Number.NaN]);
    // subnormal
    expect(of(ops.log, 1e-40)[0]).toBeCloseTo(Math.log(1e-40), 4);
    expect(of((x) => ops.clamp(x, 0, 1), Number.NaN, -3, 3)).toEqual([Number.NaN, 0, 1]);
    expect(of((x) => ops.pow(x, 0.5), -1, 0, 4)).toEqual([Number.NaN, 0, expect.closeTo(2, 5)]);
    expect(of((x) => ops.pow(x, -3), -2, 0, -0)).toEqual([-0.125, Infinity, -Infinity]);
    expect(of((x) => ops.max(x), 1, Number.NaN, 2)).toEqual([Number.NaN]);
    expect(of((x) => ops.softmax(x), 1000, 1000, -1000)).toEqual([0.5, 0.5, 0]);
  });
});

const device = new Device(jsKernels());
const random = new Random(3);
const drawn = (shape: Shape): Tensor =>
  tensor(
    device,
    shape,
    Float32Array.from({ length: sizeOf(shape) }, () => random.normal()),
  );
const shapes = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 });
/** A shape and one of its axes. */
const withAxis = shapes.chain((shape) => fc.tuple(fc.constant(shape), fc.nat(shape.length - 1)));

/** Two shapes that broadcast, and what to. */
const pairs = shapes.chain((shape) =>
  fc.record({
    to: fc.constant(shape),
    ones: fc.tuple(...[0, 1].map(() => fc.array(fc.boolean(), { minLength: shape.length, maxLength: shape.length }))),
    cut: fc.nat(shape.length - 1),
  }),
);

describe("laws", () => {
  test("a permutation and its inverse give back the tensor", () => {
    fc.assert(
      fc.property(
        shapes.chain((shape) =>
          fc.tuple(
            fc.constant(shape),
            fc.shuffledSubarray(
              shape.map((_, i) => i),
              { minLength: shape.length },
            ),
          ),
        ),
        ([shape, axes]) => {
          const x = drawn(shape);
          const y = ops.permute(x, axes);
          expect(y.shape).toEqual(axes.map((axis) => shape[axis]));
          const back = ops.permute(
            y,
            shape.map((_, axis) => axes.indexOf(axis)),
          );
          expect(back.shape).toEqual(shape);
          expect(back.data).toEqual(x.data);
        },
      ),
    );
  });

  test("the parts of a tensor, one after another, are the tensor", () => {
    fc.assert(
      fc.property(withAxis, fc.nat(4), ([shape, axis], place) => {
        const x = drawn(shape);
        const cut = Math.min(place, shape[axis]);
        const parts = [ops.slice(x, axis, 0, cut), ops.slice(x, axis, cut)];
        expect(ops.concat(parts, axis).data).toEqual(x.data);
      }),
    );
  });

  test("padding is taken off by slices, and is the value", () => {
    fc.assert(
      fc.property(withAxis, fc.nat(2), fc.nat(2), ([shape, axis], before, after) => {
        const x = drawn(shape);
        const widths = shape.map((_, i): [number, number] => (i === axis ? [before, after] : [0, 0]));
        const padded = ops.pad(x, widths, 9);
        expect(ops.slice(padded, axis, before, before + shape[axis]).data).toEqual(x.data);
        expect(padded.data.filter((value) => value === 9).length).toBe(padded.size - x.size);
      }),
    );
  });

  test("operands of different shapes give what full ones do, and gradients are sums over what was repeated", () => {
    fc.assert(
      fc.property(pairs, ({ to, ones, cut }) => {
        const [first, second] = ones.map((list) => to.map((length, i) => (list[i] ? 1 : length)));
        const [a, b] = [first, second.slice(cut)].map((shape) => {
          const made = new Parameter(device, shape);
          made.data.set(drawn(shape).data);
          return made;
        });
        const y = ops.mul(a, b);
        const full = (x: Tensor): Tensor => ops.broadcastTo(x, y.shape);
        expect(y.data).toEqual(ops.mul(full(a), full(b)).data);
        backward(ops.sum(y));
        const axes = y.shape.map((_, axis) => axis).filter((axis) => a.shape[axis] === 1);
        const wanted = ops.sum(full(b), axes);
        a.grad.forEach((value, i) => {
          expect(value).toBeCloseTo(wanted.data[i], 5);
        });
      }),
    );
  });

  test("softmax is positive and sums to one along any axis, and logSoftmax is its logarithm", () => {
    fc.assert(
      fc.property(withAxis, ([shape, axis]) => {
        const x = ops.mul(drawn(shape), 20);
        const y = ops.softmax(x, axis);
        for (const total of ops.sum(y, axis).data) expect(total).toBeCloseTo(1, 5);
        ops.logSoftmax(x, axis).data.forEach((value, i) => {
          expect(Math.abs(Math.exp(value) - y.data[i])).toBeLessThan(1e-6);
        });
      }),
    );
  });

  test("a sum over all axes is that over one after another, and the mean its share", () => {
    fc.assert(
      fc.property(withAxis, ([shape, axis]) => {
        const x = drawn(shape);
        const all = ops.sum(x).data[0];
        expect(ops.sum(ops.sum(x, axis)).data[0]).toBeCloseTo(all, 4);
        expect(ops.mean(x).data[0] * x.size).toBeCloseTo(all, 4);
        expect(ops.max(x).data[0]).toBe(Math.max(...x.data));
      }),
    );
  });

  test("a product of batches is the sum of products that its definition says", () => {
    fc.assert(
      fc.property(fc.tuple(...[1, 2, 3, 4].map((max) => fc.integer({ min: 1, max }))), ([batch, m, k, n]) => {
        const [a, b] = [drawn([batch, m, k]), drawn([batch, k, n])];
        const spread = ops.mul(ops.reshape(a, [batch, m, k, 1]), ops.reshape(b, [batch, 1, k, n]));
        const wanted = ops.sum(spread, 2);
        const y = ops.matmul(a, b);
        expect(y.shape).toEqual(wanted.shape);
        y.data.forEach((value, i) => {
          expect(value).toBeCloseTo(wanted.data[i], 5);
        });
      }),
    );
  });

  test("the gradient of max goes to the first of equals in row-major order, over several axes too", () => {
    const x = new Parameter(device, [2, 2, 2]);
    x.data.set([1, 5, 5, 0, 5, 5, 2, 2]);
    backward(ops.max(x));
    expect([...x.grad]).toEqual([0, 1, 0, 0, 0, 0, 0, 0]);
    x.zeroGrad();
    backward(ops.sum(ops.max(x, [0, 2])));
    expect([...x.grad]).toEqual([0, 1, 1, 0, 0, 0, 0, 0]);
  });

  test("what where does not choose does not spoil the gradient", () => {
    const x = new Parameter(device, [2]);
    x.data.set([0, 4]);
    // the gradient of the root of 0 is infinite
    backward(ops.sum(ops.where(x, ops.sqrt(ops.where(x, x, 1)), 0)));
    expect([...x.grad]).toEqual([0, 0.25]);
  });
});

test("empty tensors pass through", () => {
  const none = tensor(device, [0, 3], []);
  expect(ops.mul(none, 2).shape).toEqual([0, 3]);
  expect(ops.add(none, tensor(device, [1, 1], [1])).shape).toEqual([0, 3]);
  expect([...ops.sum(none, 0).data]).toEqual([0, 0, 0]);
  expect(ops.mean(none).data[0]).toBeNaN();
  expect([...ops.matmul(tensor(device, [2, 0], []), tensor(device, [0, 1], [])).data]).toEqual([0, 0]);
  expect(ops.permute(none, [1, 0]).shape).toEqual([3, 0]);
  expect(ops.softmax(none).shape).toEqual([0, 3]);
});

test("errors name the shapes and what to do", () => {
  const of = (...shape: number[]): Tensor => drawn(shape);
  const numbers: Operand[] = [1, 2];
  expect(() => ops.mul(of(2, 3), of(4))).toThrow(
    "mul: expected shapes that broadcast, got [2, 3] and [4]. Counted from the last axis, lengths must be equal or 1.",
  );
  expect(() => ops.where(of(2), of(3), of(1))).toThrow(
    "where: expected shapes that broadcast, got [2] and [3] and [1]",
  );
  expect(() => ops.sub(numbers[0], numbers[1])).toThrow("sub: expected a tensor, got numbers only.");
  expect(() => ops.matmul(of(2, 3), of(2, 3))).toThrow(
    "matmul: expected shapes [..., M, K] and [..., K, N], got [2, 3] and [2, 3].",
  );
  expect(() => ops.matmul(of(2, 1, 3), of(3, 3, 1))).toThrow(
    "matmul: expected shapes that broadcast, got [2] and [3].",
  );
  expect(() => ops.sum(of(2, 3), 2)).toThrow("sum: expected an axis in -2..1 of [2, 3], got 2. Negative axes");
  expect(() => ops.mean(of(2, 3), [1, -1])).toThrow("mean: expected each axis once, got [1, -1].");
  expect(() => ops.max(of(0, 3))).toThrow("max: expected at least one value, got [0, 3].");
  expect(() => ops.permute(of(2, 3), [0])).toThrow("permute: expected an order of the axes 0, 1 of [2, 3], got [0].");
  expect(() => ops.slice(of(2, 3), 1, 2, 5)).toThrow("slice: expected a part of 0..3, axis 1 of [2, 3], got 2..5.");
  expect(() => ops.pad(of(2, 3), [[1, 1]])).toThrow(
    "pad: expected two whole widths for each axis of [2, 3], got [[1, 1]]",
  );
  expect(() => ops.gather(of(2, 3), of(2), 1)).toThrow(
    "gather: expected an index of shape [2 or 1, any], got [2] for x of",
  );
  expect(() => ops.gather(of(2, 3), tensor(device, [2, 1], [0, 3]), 1)).toThrow(
    "an index in 0..2, got 3. Axis 1 of x has",
  );
  expect(() => ops.clamp(of(2), 1, 0)).toThrow("clamp: expected low <= high, got 1 and 0.");
  expect(() => ops.broadcastTo(of(2, 3), [3])).toThrow(
    "broadcastTo: expected a tensor that fits into [3], got [2, 3].",
  );
  const nine = Array.from({ length: 9 }, () => 2);
  expect(() =>
    ops.permute(
      drawn(nine),
      nine.map((_, i) => 8 - i),
    ),
  ).toThrow("at most 8 axes that do not follow each other");
});

test("a loss made of them trains: two clouds are told apart", () => {
  const w = new Parameter(device, [2, 2]);
  const labels = Int32Array.from({ length: 40 }, (_, i) => i % 2);
  const points = Float32Array.from({ length: 80 }, (_, i) => random.normal() + (labels[i >> 1] === 1 ? 2 : -2));
  const losses = Array.from({ length: 30 }, () =>
    device.step(() => {
      w.zeroGrad();
      const loss = smoothedCrossEntropy(ops.matmul(tensor(device, [40, 2], points), w), labels, 0.1);
      backward(loss);
      w.data.forEach((value, i) => {
        w.data[i] = value - 0.5 * w.grad[i];
      });
      return loss.data[0];
    }),
  );
  expect(losses[0]).toBeCloseTo(Math.log(2), 5);
  // the entropy of the smoothed labels is the least that there is: 0.199
  expect(losses[29]).toBeLessThan(0.25);
});
