import { expected } from "../../errors.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { record } from "../tape.ts";
import { axesOf, axisOf } from "./axes.ts";
import { compute, stridesOf } from "./elementwise.ts";

/**
 * A copy of x with its axes in another order: axis i of the output is axis axes[i] of x. permute(x, [1, 0]) transposes.
 */
export function permute(x: Tensor, axes: readonly number[]): Tensor {
  if (axesOf("permute", x.shape, axes).length !== x.shape.length) {
    const all = x.shape.map((_, axis) => axis).join(", ");
    throw expected(
      "permute",
      `an order of the axes ${all} of [${x.shape.join(", ")}]`,
      `[${axes.join(", ")}]`,
      "Name each",
    );
  }
  const { device } = x;
  const order = axes.map((axis) => axisOf("permute", x.shape, axis));
  const shape = order.map((axis) => x.shape[axis]);
  const strides = stridesOf(x.shape);
  const y = device.buffer(x.size);
  compute(device, y, shape, "copy", [{ data: x.data, strides: order.map((axis) => strides[axis]) }]);
  return record("permute", [x], shape, y, (dy, grads) => {
    const dx = grads.into(0);
    if (dx === null) return;
    const back = stridesOf(shape);
    compute(device, dx, x.shape, "copy", [{ data: dy, strides: x.shape.map((_, axis) => back[order.indexOf(axis)]) }]);
  });
}
