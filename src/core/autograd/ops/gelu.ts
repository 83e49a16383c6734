import type { Tensor } from "../../tensor/tensor.ts";
import { record } from "../tape.ts";

/** Computes x Phi(x) with the exact distribution function (erf), not its tanh approximation. */
export function gelu(x: Tensor): Tensor {
  const { kernels } = x.device;
  const y = x.device.buffer(x.size);
  kernels.gelu(y, x.data, x.size);
  return record("gelu", [x], x.shape, y, (dy, grads) => {
    const dx = grads.into(0);
    if (dx !== null) kernels.geluBackward(dx, dy, x.data, x.size);
  });
}
