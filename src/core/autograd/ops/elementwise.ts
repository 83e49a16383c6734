/**
 * Operations on each entry of one to three operands, broadcast as in NumPy; arithmetic and functions are made of them.
 */
import { layoutOf, OPERATIONS, type Operation } from "../../backend/families/general.ts";
import type { F32 } from "../../backend/memory.ts";
import { expected } from "../../errors.ts";
import { shown } from "../../options.ts";
import type { Device } from "../../tensor/device.ts";
import { type Shape, sizeOf, Tensor } from "../../tensor/tensor.ts";
import { record } from "../tape.ts";
import { reduceAxes } from "./reduce-axes.ts";

/** A tensor, or a number that stands for a tensor full of it. */
export type Operand = Tensor | number;

/** A view of memory: the data, and the distance of one step along each axis of some shape. */
export interface View {
  readonly data: F32;
  readonly strides: readonly number[];
}

/** The strides of a contiguous array. */
export function stridesOf(shape: Shape): readonly number[] {
  return shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));
}

/** A view of data of one shape, repeated along the axes along which the shape `to` is longer. */
export function broadcast(data: F32, shape: Shape, to: Shape): View {
  const strides = stridesOf(shape).map((stride, axis) => (shape[axis] === 1 ? 0 : stride));
  return { data, strides: [...new Array<number>(to.length - shape.length).fill(0), ...strides] };
}

/** A number in memory of this scope. */
function scalar(device: Device, value: number): F32 {
  const data = device.buffer(1);
  data[0] = value;
  return data;
}

/** Writes operation(...operands) to `out`, which is contiguous and of this shape. */
export function compute(device: Device, out: F32, shape: Shape, operation: Operation, operands: readonly View[]): void {
  const [a, b = { ...a, strides: shape.map(() => 0) }, c = { ...a, strides: shape.map(() => 0) }] = operands;
  const layout = layoutOf(shape, [a.strides, b.strides, c.strides]);
  device.kernels.elementwise(out, a.data, b.data, c.data, OPERATIONS.indexOf(operation), layout);
}

/** The shape that all of these are broadcast to: aligned at the last axis, their lengths are equal or 1. */
export function broadcastShape(where: string, shapes: readonly Shape[]): Shape {
  const rank = Math.max(...shapes.map(({ length }) => length));
  return Array.from({ length: rank }, (_, i) => {
    const lengths = shapes.map((shape) => shape[i - rank + shape.length] ?? 1);
    const longest = lengths.find((length) => length !== 1) ?? 1;
    if (lengths.every((length) => length === 1 || length === longest)) return longest;
    throw expected(
      where,
      "shapes that broadcast",
      shapes
        .filter(({ length }) => length > 0)
        .map((shape) => `[${shape.join(", ")}]`)
        .join(" and "),
      "Counted from the last axis, lengths must be equal or 1",
    );
  });
}

/** Undoes a broadcast of a gradient: each entry of `out` is the sum over all entries that it was repeated to. */
function sumRepeated(device: Device, out: F32, grad: F32, from: Shape, to: Shape): void {
  const missing = from.length - to.length;
  const axes = from.map((_, axis) => axis).filter((axis) => axis < missing || to[axis - missing] !== from[axis]);
  reduceAxes(device, out, grad, from, axes, 1);
}

/**
 * A term from which the gradient of an operand is computed: the output's gradient, the output, an operand, or a number.
 */
type Term = "dy" | "y" | "a" | "b" | "c" | number;

/**
 * The gradient of an operand before it is summed over repeated entries: an operation and its terms; "dy" if it equals
 * the gradient of the output; null if the operand has none.
 */
export type Derivative = readonly [Operation, ...Term[]] | "dy" | null;

/**
 * Applies `operation` to the operands, in the shape that they (and `least`) broadcast to. `derivatives` has one entry
 * for each operand.
 */
export function elementwise(
  name: string,
  operation: Operation,
  operands: readonly Operand[],
  derivatives: readonly Derivative[],
  least: Shape = [],
): Tensor {
  for (const operand of operands) {
    if (operand instanceof Tensor || typeof operand === "number") continue;
    throw expected(name, "tensors and numbers", shown(operand), "Make a tensor by tensor(shape, values)");
  }
  const tensors = operands.filter((operand) => operand instanceof Tensor);
  if (tensors.length === 0) throw expected(name, "a tensor", "numbers only", "Compute with numbers as JavaScript does");
  const [{ device }] = tensors;
  const shape = broadcastShape(name, [...tensors.map((tensor) => tensor.shape), least]);
  const same = (tensor: Tensor): boolean => tensor.shape.join() === shape.join();
  const view = (operand: Operand): View =>
    operand instanceof Tensor
      ? broadcast(operand.data, operand.shape, shape)
      : broadcast(scalar(device, operand), [], shape);
  const [a, b, c] = operands.map(view);
  const y = device.buffer(sizeOf(shape));
  compute(device, y, shape, operation, [a, b, c].slice(0, operands.length));
  return record(name, tensors, shape, y, (dy, grads) => {
    const terms = { dy: broadcast(dy, shape, shape), y: broadcast(y, shape, shape), a, b, c };
    const passed: number[] = [];
    operands.forEach((operand, i) => {
      const derivative = derivatives[i];
      if (derivative === null || !(operand instanceof Tensor)) return;
      const input = operands.slice(0, i).filter((one) => one instanceof Tensor).length;
      if (derivative === "dy" && same(operand)) {
        passed.push(input);
        return;
      }
      const dx = grads.into(input);
      if (dx === null) return;
      const full = same(operand) ? dx : derivative === "dy" ? dy : device.temporary(y.length);
      if (derivative !== "dy") {
        const [of, ...list] = derivative;
        const views = list.map((term) => (typeof term === "number" ? view(term) : terms[term]));
        compute(device, full, shape, of, views);
      }
      if (full === dx) return;
      sumRepeated(device, dx, full, shape, operand.shape);
      if (full !== dy) device.release(full);
    });
    // these come last: the first of them takes over dy's memory
    for (const input of passed) grads.pass(input);
  });
}
