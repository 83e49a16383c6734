/** Arithmetic on two tensors, or on a tensor and a number, with NumPy's broadcasting: [4, 1] and [3] give [4, 3]. */
import type { Tensor } from "../../tensor/tensor.ts";
import { elementwise, type Operand } from "./elementwise.ts";

/** Computes a - b. */
export function sub(a: Operand, b: Operand): Tensor {
  return elementwise("sub", "subtract", [a, b], ["dy", ["multiply", "dy", -1]]);
}

/** Computes a b, entry by entry. */
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

/** Computes a / b. */
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
 * Computes a^b; NaN for a negative a and a b that is not a whole number. As in PyTorch, the gradient of a is 0 where b
 * is 0, and that of b is 0 where a is 0.
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

/** Computes -x. */
export function neg(x: Tensor): Tensor {
  return elementwise("neg", "multiply", [x, -1], [["multiply", "dy", "b"], null]);
}
