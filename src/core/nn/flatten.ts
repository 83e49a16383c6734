import { flatten } from "../autograd/ops/flatten.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Module } from "./module.ts";

/**
 * Reshapes [B, ...] to [B, product of the rest]; images [B, H, W, C] channel by channel, as in PyTorch, to [B, C * H *
 * W].
 */
export class Flatten extends Module {
  override forward(x: Tensor): Tensor {
    return flatten(x);
  }
}
