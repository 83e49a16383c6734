import { expected } from "../../errors.ts";
import type { Draw } from "../../random.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { record } from "../tape.ts";

/** Zeroes each value with `probability` and scales the others by 1 / (1 - probability). */
export function dropout(x: Tensor, probability: number, draw: Draw): Tensor {
  if (!(probability >= 0 && probability < 1)) {
    throw expected("dropout", "a probability in [0, 1)", String(probability), "0 switches it off");
  }
  const { kernels } = x.device;
  const y = x.device.buffer(x.size);
  kernels.dropout(y, x.data, x.size, probability, draw);
  return record("dropout", [x], x.shape, y, (dy, grads) => {
    const dx = grads.into(0);
    if (dx !== null) kernels.dropout(dx, dy, x.size, probability, draw);
  });
}
