/** Functions that act on each entry. */
import { expected } from "../../errors.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { elementwise } from "./elementwise.ts";

/** Computes e^x. */
export function exp(x: Tensor): Tensor {
  return elementwise("exp", "exp", [x], [["multiply", "dy", "y"]]);
}

/** The natural logarithm: -infinity for 0, NaN below 0. */
export function log(x: Tensor): Tensor {
  return elementwise("log", "log", [x], [["divide", "dy", "a"]]);
}

/** The square root: NaN below 0. Its gradient at 0 is infinite. */
export function sqrt(x: Tensor): Tensor {
  return elementwise("sqrt", "sqrt", [x], [["sqrtBackward", "dy", "y"]]);
}

/** Computes |x|; the gradient at 0 is 0. */
export function abs(x: Tensor): Tensor {
  return elementwise("abs", "abs", [x], [["absBackward", "dy", "a"]]);
}

/**
 * Limits x to low..high; either bound may be infinite. The gradient passes where x lies within or at the bounds and is
 * 0 beyond. NaN stays NaN.
 */
export function clamp(x: Tensor, low: number, high: number): Tensor {
  if (!(low <= high))
    throw expected("clamp", "low <= high", `${low} and ${high}`, "Use -Infinity or Infinity for no bound");
  return elementwise("clamp", "clamp", [x, low, high], [["clampBackward", "dy", "a", "y"], null, null]);
}

/** Computes 1 / (1 + e^-x). */
export function sigmoid(x: Tensor): Tensor {
  return elementwise("sigmoid", "sigmoid", [x], [["sigmoidBackward", "dy", "y"]]);
}

/** The hyperbolic tangent. */
export function tanh(x: Tensor): Tensor {
  return elementwise("tanh", "tanh", [x], [["tanhBackward", "dy", "y"]]);
}
