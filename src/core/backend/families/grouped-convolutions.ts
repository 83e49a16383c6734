/**
 * Kernels of grouped convolutions: outputs o of group j = floor(o groups / O) see the channels of group j alone. The
 * weight is [O, kernelHeight, kernelWidth, channels / groups]; `groups` divides channels and O. With as many groups as
 * both, the convolution is depthwise.
 */
import type { Geometry } from "../geometry.ts";
import type { F32 } from "../memory.ts";

export interface GroupedConvolutionKernels {
  /** y [T, O] = the convolution of x with w + bias, then max(0, .) if relu. */
  groupedForward(y: F32, x: F32, w: F32, bias: F32 | null, g: Geometry, groups: number, relu: number): void;
  /** dx [batch, height, width, channels] = the gradient of x. */
  groupedInputGrad(dx: F32, dy: F32, w: F32, g: Geometry, groups: number): void;
  /** dw = the gradient of w. The order of additions depends on the shape alone. */
  groupedWeightGrad(dw: F32, dy: F32, x: F32, g: Geometry, groups: number): void;
}
