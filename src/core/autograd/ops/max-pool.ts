import { expected } from "../../errors.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { record } from "../tape.ts";
import { slide, type Window } from "./shapes.ts";

/** The largest value of each kernel x kernel window of x [B, H, W, C]; the stride is the kernel unless given. */
export function maxPool(x: Tensor, kernel: number, window: Window = {}): Tensor {
  const { kernels } = x.device;
  const { geometry, shape, size } = windowsOf("maxPool", x, kernel, window, 16);
  const y = x.device.buffer(size);
  const winner = x.device.bytes(size);
  kernels.maxPool(y, winner, x.data, geometry);
  return record("maxPool", [x], shape, y, (dy, grads) => {
    const dx = grads.into(0);
    if (dx !== null) kernels.maxPoolBackward(dx, dy, winner, geometry);
  });
}

/** The geometry of the windows of a max pooling over x; `largest` is the largest kernel that is allowed. */
export function windowsOf(
  where: string,
  x: Tensor,
  kernel: number,
  window: Window,
  largest: number,
): ReturnType<typeof slide> & { size: number } {
  const padding = window.padding ?? 0;
  // the place of a window's largest value is one byte, and a window that lies wholly in the padding has none
  if (kernel > largest || 2 * padding > kernel) {
    throw expected(
      where,
      `a kernel of at most ${largest} and padding of at most half of it`,
      `${kernel} and ${padding}`,
      "Pool twice",
    );
  }
  const slid = slide(where, x, [kernel, kernel], { stride: kernel, ...window }, x.shape[3]);
  return { ...slid, size: slid.shape.reduce((product, length) => product * length) };
}
