/** Sums, means and largest values over axes: one axis, a list of them, or all. */
import { expected } from "../../errors.ts";
import { requireOptions } from "../../options.ts";
import { requireTensor, type Shape, sizeOf, type Tensor } from "../../tensor/tensor.ts";
import { record } from "../tape.ts";
import { around, axesOf } from "./axes.ts";
import { broadcast, compute } from "./elementwise.ts";
import { reduceAxes, runsOf } from "./reduce-axes.ts";
import { reshape } from "./reshape.ts";

/** One axis or several; -1 is the last. */
export type Axes = number | readonly number[];

export interface ReduceOptions {
  /** Whether reduced axes stay, with length 1. Default false. */
  readonly keepDims?: boolean | undefined;
}

/** The shape after a reduction: `kept` with the reduced axes, `shape` with or without them as asked. */
function shapesAfter(shape: Shape, axes: readonly number[], keepDims: boolean): { kept: Shape; shape: Shape } {
  const kept = shape.map((length, axis) => (axes.includes(axis) ? 1 : length));
  return { kept, shape: keepDims ? kept : shape.filter((_, axis) => !axes.includes(axis)) };
}

function total(name: string, x: Tensor, axes: readonly number[], factor: number, keepDims = false): Tensor {
  const { device } = x;
  const { kept, shape } = shapesAfter(x.shape, axes, keepDims);
  const y = device.buffer(sizeOf(shape));
  reduceAxes(device, y, x.data, x.shape, axes, factor);
  return record(name, [x], shape, y, (dy, grads) => {
    const dx = grads.into(0);
    if (dx === null) return;
    if (factor !== 1) device.kernels.scale(dy, dy.length, factor);
    compute(device, dx, x.shape, "copy", [broadcast(dy, kept, x.shape)]);
  });
}

function keepDimsOf(where: string, x: Tensor, options: ReduceOptions): boolean | undefined {
  requireTensor(where, x);
  requireOptions(where, options, { keepDims: true });
  return options.keepDims;
}

/**
 * The sum over axes; over all of them it has shape []. It is added in double precision, in an order that only the shape
 * decides.
 */
export function sum(x: Tensor, axes?: Axes, options: ReduceOptions = {}): Tensor {
  const keepDims = keepDimsOf("sum", x, options);
  return total("sum", x, axesOf("sum", x.shape, axes), 1, keepDims);
}

/** The mean over axes, computed like sum; the mean of no values is NaN. */
export function mean(x: Tensor, axes?: Axes, options: ReduceOptions = {}): Tensor {
  const keepDims = keepDimsOf("mean", x, options);
  const list = axesOf("mean", x.shape, axes);
  return total("mean", x, list, 1 / list.reduce((count, axis) => count * x.shape[axis], 1), keepDims);
}

/**
 * The largest value over axes; NaN if one of them is NaN. The gradient goes to the first of equal values in row-major
 * order (PyTorch's `max` over one axis does the same, its `amax` splits it evenly).
 */
export function max(x: Tensor, axes?: Axes, options: ReduceOptions = {}): Tensor {
  const keepDims = keepDimsOf("max", x, options);
  const list = axesOf("max", x.shape, axes);
  if (list.some((axis) => x.shape[axis] === 0))
    throw expected("max", "at least one value", `[${x.shape.join(", ")}]`, "Leave out empty tensors");
  // the last axes first, so that the first of equal values is the first in row-major order
  const reduced = runsOf(list).reduce((from, [begin, end]) => maxOver(from, begin, end), x);
  const { shape } = shapesAfter(x.shape, list, keepDims ?? false);
  return shape.length === reduced.shape.length ? reduced : reshape(reduced, shape);
}

/** The largest values over neighboring axes, which stay with length 1. */
function maxOver(x: Tensor, begin: number, end: number): Tensor {
  const { device, data } = x;
  const [outer, length, inner] = around(x.shape, begin, end);
  const y = device.buffer(outer * inner);
  device.kernels.reduce(y, data, outer, length, inner, 1, 1);
  const shape = x.shape.map((length, axis) => (axis >= begin && axis < end ? 1 : length));
  return record("max", [x], shape, y, (dy, grads) => {
    const dx = grads.into(0);
    if (dx !== null) device.kernels.maxBackward(dx, dy, data, y, outer, length, inner);
  });
}
