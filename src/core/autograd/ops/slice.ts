import { expected } from "../../errors.ts";
import { sizeOf, type Tensor } from "../../tensor/tensor.ts";
import { record } from "../tape.ts";
import { around, axisOf } from "./axes.ts";

/** The entries begin .. end - 1 of x along an axis; negative numbers count from the end, as in Array.slice. */
export function slice(x: Tensor, axis: number, begin: number, end?: number): Tensor {
  const at = axisOf("slice", x.shape, axis);
  const [outer, length, inner] = around(x.shape, at);
  const [from, to] = [begin, end ?? length].map((place) => (place < 0 ? place + length : place));
  if (!(Number.isInteger(from) && Number.isInteger(to) && from >= 0 && from <= to && to <= length)) {
    const range = `a part of 0..${length}, axis ${axis} of [${x.shape.join(", ")}]`;
    throw expected("slice", range, `${begin}..${end ?? length}`, "begin is the first entry and end is behind the last");
  }
  const { device } = x;
  const { kernels } = device;
  const shape = x.shape.map((size, i) => (i === at ? to - from : size));
  const y = device.buffer(sizeOf(shape));
  const [width, whole, first] = [to - from, length, from].map((count) => count * inner);
  kernels.copyColumns(y, x.data, outer, width, width, 0, whole, first);
  return record("slice", [x], shape, y, (dy, grads) => {
    const dx = grads.into(0);
    if (dx === null) return;
    dx.fill(0);
    kernels.copyColumns(dx, dy, outer, width, whole, first, width, 0);
  });
}
