import { averagePool, globalAveragePool } from "../autograd/ops/average-pool.ts";
import { maxPool } from "../autograd/ops/max-pool.ts";
import { checkNumbers, checkSizes, requireOptions } from "../options.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Module } from "./module.ts";

export interface PoolOptions {
  /** Pixels between two windows. Default: the kernel. */
  readonly stride?: number | undefined;
  /** Pixels added on each side. Default 0. */
  readonly padding?: number | undefined;
}

abstract class Pool extends Module {
  readonly kernel: number;
  readonly stride: number;
  readonly padding: number;

  constructor(kernel: number, options: PoolOptions = {}) {
    super();
    requireOptions("pooling", options, { stride: true, padding: true });
    const { stride = kernel, padding = 0 } = options;
    checkSizes("pooling", { kernel, stride });
    checkNumbers("pooling", { padding }, { min: 0, integer: true });
    this.kernel = kernel;
    this.stride = stride;
    this.padding = padding;
  }
}

/** The largest value of each window of images [B, H, W, C]. */
export class MaxPool extends Pool {
  override forward(x: Tensor): Tensor {
    return maxPool(x, this.kernel, this);
  }
}

/** The mean of each window of images [B, H, W, C]; padding counts as zeros. */
export class AveragePool extends Pool {
  override forward(x: Tensor): Tensor {
    return averagePool(x, this.kernel, this);
  }
}

/** The mean of each channel of images: [B, H, W, C] to [B, C]. */
export class GlobalAveragePool extends Module {
  override forward(x: Tensor): Tensor {
    return globalAveragePool(x);
  }
}
