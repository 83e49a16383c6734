import { Tensor } from "../../tensor/tensor.ts";
import { record } from "../tape.ts";
import { elementwise, type Operand } from "./elementwise.ts";
import { relu } from "./relu.ts";

/**
 * Computes a + b, then ReLU if asked. The operands are two tensors, which are broadcast, or a tensor and a number; two
 * tensors of one shape take a single pass, ReLU included.
 */
export function add(a: Operand, b: Operand, withRelu = false): Tensor {
  if (!(a instanceof Tensor && b instanceof Tensor && a.shape.join() === b.shape.join())) {
    const y = elementwise("add", "add", [a, b], ["dy", "dy"]);
    return withRelu ? relu(y) : y;
  }
  const { kernels } = a.device;
  const y = a.device.buffer(a.size);
  kernels.add(y, a.data, b.data, a.size, Number(withRelu));
  return record("add", [a, b], a.shape, y, (dy, grads) => {
    if (withRelu) kernels.reluBackward(dy, dy, y, y.length);
    // b first: it copies the gradient, then a takes over the memory
    const db = grads.into(1);
    if (db !== null) kernels.copy(db, dy, dy.length);
    grads.pass(0);
  });
}
