import { matrixGeometry } from "../../backend/geometry.ts";
import { sizeOf, type Tensor } from "../../tensor/tensor.ts";
import { record } from "../tape.ts";
import { slide, type Window } from "./shapes.ts";

/**
 * The columns of im2col(x) with these numbers, for a layer whose other columns are zero. With a kernel, images [B, H,
 * W, C] give [B, H', W', count], where column tap * C + channel is a pixel of a window; without one, entries of the
 * last axis of x [..., I] are picked.
 */
export function gatherColumns(
  x: Tensor,
  columns: Uint32Array,
  kernel: number | null = null,
  window: Window = {},
): Tensor {
  const { device } = x;
  const { kernels } = device;
  const count = columns.length;
  const last = x.shape[x.shape.length - 1];
  const { geometry, shape } =
    kernel === null
      ? { geometry: matrixGeometry(x.size / last, last, count), shape: [...x.shape.slice(0, -1), count] }
      : slide("gatherColumns", x, [kernel, kernel], window, count);
  const y = device.buffer(sizeOf(shape));
  kernels.gatherColumns(y, x.data, columns, count, geometry);
  return record("gatherColumns", [x], shape, y, (dy, grads) => {
    const dx = grads.into(0);
    if (dx !== null) kernels.scatterColumns(dx, dy, columns, count, geometry);
  });
}
