/** Arithmetic of two tensors, or of a tensor and a number, with NumPy's broadcasting: [4, 1] and [3] give [4, 3]. */
import type { Tensor } from "../../tensor/tensor.ts";
import { elementwise, type Operand } from "./elementwise.ts";

/** a - b. */
export function sub(a: Operand, b: Operand): Tensor {
  return elementwise("sub", "subtract", [a, b], ["dy", ["multiply", "dy", -1]]);
}

/** a b, entry by entry. */
export function mul(a: Operand, b: Operand): Tensor {
  return elementwise(
    "mul",
    "multiply",
    [a, b],
    [
      ["multiply", "dy", "b"],
      ["multiply", "dy", "a"],
    ],
  );
}

/** a / b. */
export function div(a: Operand, b: Operand): Tensor {
  return elementwise(
    "div",
    "divide",
    [a, b],
    [
      ["divide", "dy", "b"],
      ["quotientByDivisor", "dy", "y", "b"],
    ],
  );
}

/**
 * a^b. NaN where a negative a meets a b that is not whole. The gradient of a is 0 where b is 0, that of b where a is 0, as
 * PyTorch has them.
 */
export function pow(a: Operand, b: Operand): Tensor {
  if (b === 2) return mul(a, a);
  return elementwise(
    "pow",
    "power",
    [a, b],
    [
      ["powerByBase", "dy", "a", "b"],
      ["powerByExponent", "dy", "y", "a"],
    ],
  );
}

/** -x. */
export function neg(x: Tensor): Tensor {
  return elementwise("neg", "multiply", [x, -1], [["multiply", "dy", "b"], null]);
}
