import { expected } from "../../errors.ts";
import { requireTensor, type Shape, sizeOf, type Tensor } from "../../tensor/tensor.ts";
import { record } from "../tape.ts";

/** Gives the same values another shape, without a copy. */
export function reshape(x: Tensor, shape: Shape): Tensor {
  requireTensor("reshape", x);
  if (sizeOf(shape) !== x.size || !shape.every((length) => Number.isInteger(length) && length >= 0)) {
    throw expected(
      "reshape",
      `a shape of ${x.size} values`,
      `[${shape}]`,
      "The sizes multiply to the number of values",
    );
  }
  return record("reshape", [x], shape, x.data, (_, grads) => grads.pass(0));
}
