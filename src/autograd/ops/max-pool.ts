import { expected } from "../../errors.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { record } from "../tape.ts";
import { slide, type Window } from "./shapes.ts";

/** The largest of each kernel x kernel window of x [B, H, W, C]; the stride is the kernel unless given. */
export function maxPool(x: Tensor, kernel: number, window: Window = {}): Tensor {
  const padding = window.padding ?? 0;
  // the winner of a window is one byte, and a window that lies wholly in the padding has none
  if (kernel > 16 || 2 * padding > kernel) {
    throw expected(
      "maxPool",
      "a kernel of at most 16 and padding of at most half of it",
      `${kernel} and ${padding}`,
      "Pool twice",
    );
  }
  const { kernels } = x.device;
  const { geometry, shape } = slide("maxPool", x, [kernel, kernel], { stride: kernel, ...window }, x.shape[3]);
  const size = shape[0] * shape[1] * shape[2] * shape[3];
  const y = x.device.buffer(size);
  const winner = x.device.bytes(size);
  kernels.maxPool(y, winner, x.data, geometry);
  return record("maxPool", [x], shape, y, (dy, grads) => {
    const dx = grads.into(0);
    if (dx !== null) kernels.maxPoolBackward(dx, dy, winner, geometry);
  });
}
