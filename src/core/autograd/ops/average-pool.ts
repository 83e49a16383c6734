import type { Tensor } from "../../tensor/tensor.ts";
import { record } from "../tape.ts";
import { requireShape, slide, type Window } from "./shapes.ts";

/**
 * The mean of each kernel x kernel window of x [B, H, W, C]. Padding counts as zeros; the stride is the kernel unless
 * given.
 */
export function averagePool(x: Tensor, kernel: number, window: Window = {}): Tensor {
  return pool(x, [kernel, kernel], { stride: kernel, ...window });
}

/** The mean of each channel: [B, H, W, C] to [B, C]. */
export function globalAveragePool(x: Tensor): Tensor {
  requireShape("globalAveragePool", x, [null, null, null, null]);
  return pool(x, [x.shape[1], x.shape[2]], {}, [x.shape[0], x.shape[3]]);
}

function pool(x: Tensor, kernel: readonly [number, number], window: Window, outputShape?: readonly number[]): Tensor {
  const { kernels } = x.device;
  const { geometry, shape } = slide("averagePool", x, kernel, window, x.shape[3]);
  const y = x.device.buffer(shape[0] * shape[1] * shape[2] * shape[3]);
  kernels.averagePool(y, x.data, geometry);
  return record("averagePool", [x], outputShape ?? shape, y, (dy, grads) => {
    const dx = grads.into(0);
    if (dx !== null) kernels.averagePoolBackward(dx, dy, geometry);
  });
}
