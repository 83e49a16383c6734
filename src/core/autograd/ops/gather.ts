import { expected } from "../../errors.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { record } from "../tape.ts";
import { around, axisOf } from "./axes.ts";
import { broadcastTo } from "./broadcast-to.ts";

/**
 * Picks entries of x along an axis, like NumPy's take_along_axis and PyTorch's take_along_dim. `index` holds whole
 * numbers in 0..length - 1 and has as many axes as x. Along the axis it is as long as the output, along the others as
 * long as x, or 1: [T, 1] takes one entry of each row of [T, C], [1, k] the same k of each.
 */
export function gather(x: Tensor, index: Tensor, axis: number): Tensor {
  const at = axisOf("gather", x.shape, axis);
  const [outer, length, inner] = around(x.shape, at);
  const fits =
    index.shape.length === x.shape.length &&
    index.shape.every((size, i) => i === at || size === 1 || size === x.shape[i]);
  if (!fits) {
    const wanted = x.shape.map((size, i) => (i === at ? "any" : `${size} or 1`)).join(", ");
    const got = `[${index.shape.join(", ")}] for x of [${x.shape.join(", ")}]`;
    throw expected("gather", `an index of shape [${wanted}]`, got, "Reshape the index to the axes of x");
  }
  const count = index.shape[at];
  const shape = x.shape.with(at, count);
  const whole = index.shape.join() === shape.join() ? index.data : broadcastTo(index, shape).data;
  const { device } = x;
  const { kernels } = device;
  const places = kernels.uint32(outer * count * inner);
  for (let i = 0; i < places.length; i++) {
    const place = whole[i];
    if (!(Number.isInteger(place) && place >= 0 && place < length))
      throw expected("gather", `an index in 0..${length - 1}`, `${place}`, `Axis ${axis} of x has ${length} entries`);
    places[i] = (Math.floor(i / (count * inner)) * length + place) * inner + (i % inner);
  }
  const y = device.buffer(places.length);
  kernels.gatherEntries(y, x.data, places, places.length);
  return record("gather", [x], shape, y, (dy, grads) => {
    const dx = grads.into(0);
    if (dx === null) return;
    dx.fill(0);
    kernels.scatterEntries(dx, dy, places, places.length);
  });
}
