import { matrixGeometry } from "../../backend/geometry.ts";
import { requireTensor, type Tensor } from "../../tensor/tensor.ts";
import { product } from "./product.ts";
import { layerOf, requireShape } from "./shapes.ts";

/**
 * Computes y [..., O] = x [..., I] w^T + bias for w [O, I] and bias [O]; with relu, max(0, y) in the same pass over
 * memory.
 */
export function linear(x: Tensor, w: Tensor, bias: Tensor | null = null, relu = false): Tensor {
  requireShape("linear: w", w, [null, null]);
  const [outputs, inputs] = w.shape;
  requireTensor("linear: x", x);
  requireShape(layerOf("linear", w, ": x"), x, [...Array<null>(Math.max(1, x.shape.length - 1)).fill(null), inputs]);
  if (bias !== null) requireShape("linear: bias", bias, [outputs]);
  const shape = [...x.shape.slice(0, -1), outputs];
  return product("linear", x, w, bias, matrixGeometry(x.size / inputs, inputs, outputs), shape, relu);
}
