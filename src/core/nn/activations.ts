import { gelu } from "../autograd/ops/gelu.ts";
import { relu } from "../autograd/ops/relu.ts";
import { squaredRelu } from "../autograd/ops/squared-relu.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Module } from "./module.ts";

/** max(0, x). Behind a Linear, Conv2d or BatchNorm of a Sequential it is computed by that layer's kernel. */
export class ReLU extends Module {
  override forward(x: Tensor): Tensor {
    return relu(x);
  }
}

/** x Phi(x), exact. */
export class GELU extends Module {
  override forward(x: Tensor): Tensor {
    return gelu(x);
  }
}

/** max(0, x)^2. */
export class SquaredReLU extends Module {
  override forward(x: Tensor): Tensor {
    return squaredRelu(x);
  }
}
