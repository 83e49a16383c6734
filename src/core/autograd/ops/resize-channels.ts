import type { Tensor } from "../../tensor/tensor.ts";
import { record } from "../tape.ts";

/** Cuts the last axis to `channels`, or pads it at its end with zeros. */
export function resizeChannels(x: Tensor, channels: number): Tensor {
  const { kernels } = x.device;
  const from = x.shape[x.shape.length - 1];
  const rows = x.size / from;
  const y = x.device.buffer(rows * channels);
  kernels.copyColumns(y, x.data, rows, channels, channels, 0, from, 0);
  return record("resizeChannels", [x], [...x.shape.slice(0, -1), channels], y, (dy, grads) => {
    const dx = grads.into(0);
    if (dx !== null) kernels.copyColumns(dx, dy, rows, from, from, 0, channels, 0);
  });
}
