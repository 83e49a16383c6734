import type { Tensor } from "../../tensor/tensor.ts";
import { record } from "../tape.ts";

/** Computes max(0, x)^2 (So et al. 2021, Primer). NaN stays NaN. */
export function squaredRelu(x: Tensor): Tensor {
  const { kernels } = x.device;
  const y = x.device.buffer(x.size);
  kernels.squaredRelu(y, x.data, x.size);
  return record("squaredRelu", [x], x.shape, y, (dy, grads) => {
    const dx = grads.into(0);
    if (dx !== null) kernels.squaredReluBackward(dx, dy, x.data, x.size);
  });
}
