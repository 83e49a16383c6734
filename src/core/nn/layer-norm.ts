import { layerNorm } from "../autograd/ops/layer-norm.ts";
import { checkSizes, requireOptions } from "../options.ts";
import { Parameter, type Tensor } from "../tensor/tensor.ts";
import { deviceOf, INIT_KEYS, type InitOptions } from "./init-options.ts";
import { Module } from "./module.ts";

/** Layer normalization over the last axis, which has `width` entries; epsilon 1e-5, as in PyTorch. */
export class LayerNorm extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter;

  constructor(width: number, options: InitOptions = {}) {
    super();
    requireOptions("LayerNorm", options, INIT_KEYS);
    checkSizes("LayerNorm", { width });
    const device = deviceOf(options);
    this.weight = new Parameter(device, [width]);
    this.weight.data.fill(1);
    this.bias = new Parameter(device, [width]);
  }

  override forward(x: Tensor): Tensor {
    return layerNorm(x, this.weight, this.bias);
  }
}
