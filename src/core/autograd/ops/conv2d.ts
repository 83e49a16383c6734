import { expected } from "../../errors.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { GroupedWeight } from "./grouped-weight.ts";
import { product } from "./product.ts";
import { layerOf, requireImages, requireShape, slide, type Window } from "./shapes.ts";

export interface Conv2dWindow extends Window {
  /**
   * Number of groups of channels; the outputs of a group see the inputs of the same group alone. It divides both.
   * Default 1.
   */
  readonly groups?: number | undefined;
}

/**
 * Convolves x [B, H, W, C] with w [O, KH, KW, C / groups] and adds bias [O], then applies ReLU if asked; y is [B, H',
 * W', O]. With groups = C = O it is a depthwise convolution.
 */
export function conv2d(
  x: Tensor,
  w: Tensor,
  bias: Tensor | null = null,
  { groups = 1, ...window }: Conv2dWindow = {},
  relu = false,
): Tensor {
  requireShape("conv2d: w", w, [null, null, null, null]);
  const [outputs, kh, kw, channels] = w.shape;
  if (!(Number.isInteger(groups) && groups > 0 && outputs % groups === 0)) {
    throw expected("conv2d", `groups that divide ${outputs} outputs`, `${groups}`, "Check the shape of the weight");
  }
  requireImages(layerOf("conv2d", w, ": x"), x, channels * groups);
  if (bias !== null) requireShape("conv2d: bias", bias, [outputs]);
  const { geometry, shape } = slide(layerOf("conv2d", w), x, [kh, kw], window, outputs);
  if (groups === 1) return product("conv2d", x, w, bias, geometry, shape, relu);
  const weight = new GroupedWeight(x.device.kernels, w.data, groups);
  return product("groupedConv2d", x, w, bias, geometry, shape, relu, weight);
}
