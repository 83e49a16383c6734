import type { Tensor } from "../../tensor/tensor.ts";
import { product } from "./product.ts";
import { requireShape, slide, type Window } from "./shapes.ts";

/** y [B, H', W', O] = x [B, H, W, C] convolved with w [O, KH, KW, C], plus bias [O]; groups = 1. */
export function conv2d(x: Tensor, w: Tensor, bias: Tensor | null = null, window: Window = {}, relu = false): Tensor {
  requireShape("conv2d: w", w, [null, null, null, null]);
  const [outputs, kh, kw, channels] = w.shape;
  requireShape("conv2d: x", x, [null, null, null, channels]);
  if (bias !== null) requireShape("conv2d: bias", bias, [outputs]);
  const { geometry, shape } = slide("conv2d", x, [kh, kw], window, outputs);
  return product("conv2d", x, w, bias, geometry, shape, relu);
}
