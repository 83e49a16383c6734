import type { Tensor } from "../../tensor/tensor.ts";
import { record } from "../tape.ts";

/** Computes max(0, x); the gradient at 0 is 0. NaN stays NaN. */
export function relu(x: Tensor): Tensor {
  const { kernels } = x.device;
  const y = x.device.buffer(x.size);
  kernels.relu(y, x.data, x.size);
  return record("relu", [x], x.shape, y, (dy, grads) => {
    kernels.reluBackward(dy, dy, y, y.length);
    grads.pass(0);
  });
}
