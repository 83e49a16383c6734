import { gelu } from "../autograd/ops/gelu.ts";
import { relu } from "../autograd/ops/relu.ts";
import { squaredRelu } from "../autograd/ops/squared-relu.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Module } from "./module.ts";

/** Computes max(0, x). Behind a Linear, Conv2d or BatchNorm of a Sequential, that layer's kernel computes it. */
export class ReLU extends Module {
  override forward(x: Tensor): Tensor {
    return relu(x);
  }
}

/** Computes x Phi(x), exactly: Phi is the normal distribution function, not its tanh approximation. */
export class GELU extends Module {
  override forward(x: Tensor): Tensor {
    return gelu(x);
  }
}

/** Computes max(0, x)^2. */
export class SquaredReLU extends Module {
  override forward(x: Tensor): Tensor {
    return squaredRelu(x);
  }
}
