import { expected } from "../../errors.ts";
import type { Shape, Tensor } from "../../tensor/tensor.ts";
import { broadcastShape, elementwise } from "./elementwise.ts";

/**
 * Repeats x to a shape, as broadcasting with a tensor of that shape would: axes may be added in front, and axes of
 * length 1 grow.
 */
export function broadcastTo(x: Tensor, shape: Shape): Tensor {
  if (broadcastShape("broadcastTo", [x.shape, shape]).join() !== shape.join()) {
    const got = `[${x.shape.join(", ")}]`;
    throw expected(
      "broadcastTo",
      `a tensor that fits into [${shape.join(", ")}]`,
      got,
      "Swap them, or reduce it first",
    );
  }
  return elementwise("broadcastTo", "copy", [x], ["dy"], shape);
}
