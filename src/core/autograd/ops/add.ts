import type { Tensor } from "../../tensor/tensor.ts";
import { record } from "../tape.ts";
import { requireShape } from "./shapes.ts";

/** a + b of one shape, then ReLU if asked: the end of a residual block. */
export function add(a: Tensor, b: Tensor, relu = false): Tensor {
  requireShape("add", b, a.shape);
  const { kernels } = a.device;
  const y = a.device.buffer(a.size);
  kernels.add(y, a.data, b.data, a.size, Number(relu));
  return record("add", [a, b], a.shape, y, (dy, grads) => {
    if (relu) kernels.reluBackward(dy, dy, y, y.length);
    // b first: it copies, a then takes over the memory
    const db = grads.into(1);
    if (db !== null) kernels.copy(db, dy, dy.length);
    grads.pass(0);
  });
}
