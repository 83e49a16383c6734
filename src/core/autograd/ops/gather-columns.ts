import { matrixGeometry } from "../../backend/geometry.ts";
import { sizeOf, type Tensor } from "../../tensor/tensor.ts";
import { record } from "../tape.ts";
import { slide, type Window } from "./shapes.ts";

/**
 * The columns of im2col(x) with these numbers: what a layer reads whose other columns are zero. Images [B, H, W, C]
 * under a kernel give [B, H', W', count], column tap * C + channel; without one entries of [..., I] are picked.
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
