import { expected } from "../../errors.ts";
import { sizeOf, type Tensor } from "../../tensor/tensor.ts";
import { record } from "../tape.ts";
import { around } from "./axes.ts";

/** Pads x with `value`, by `widths` [before, after] for each axis, as NumPy's constant padding. */
export function pad(x: Tensor, widths: readonly (readonly [number, number])[], value = 0): Tensor {
  const right =
    widths.length === x.shape.length && widths.flat().every((width) => Number.isInteger(width) && width >= 0);
  if (!right) {
    const got = `[${widths.map((pair) => `[${pair.join(", ")}]`).join(", ")}]`;
    throw expected(
      "pad",
      `two whole widths for each axis of [${x.shape.join(", ")}]`,
      got,
      "Give [0, 0] for no padding",
    );
  }
  return widths.reduce(
    (padded, [before, after], axis) => (before + after === 0 ? padded : padAxis(padded, axis, before, after, value)),
    x,
  );
}

function padAxis(x: Tensor, axis: number, before: number, after: number, value: number): Tensor {
  const { device } = x;
  const { kernels } = device;
  const [outer, length, inner] = around(x.shape, axis);
  const shape = x.shape.with(axis, before + length + after);
  const y = device.buffer(sizeOf(shape)).fill(value);
  const [width, whole, first] = [length, shape[axis], before].map((count) => count * inner);
  kernels.copyColumns(y, x.data, outer, width, whole, first, width, 0);
  return record("pad", [x], shape, y, (dy, grads) => {
    const dx = grads.into(0);
    if (dx !== null) kernels.copyColumns(dx, dy, outer, width, width, 0, whole, first);
  });
}
