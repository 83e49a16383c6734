import { add } from "../autograd/ops/add.ts";
import { addBias } from "../autograd/ops/add-bias.ts";
import { averagePool } from "../autograd/ops/average-pool.ts";
import { resizeChannels } from "../autograd/ops/resize-channels.ts";
import { Parameter, type Tensor } from "../tensor/tensor.ts";
import { deviceOf, type InitOptions } from "./init-options.ts";
import { Module } from "./module.ts";

/** Computes relu(body(x) + shortcut(x)); without a shortcut module, the shortcut is x itself. */
export class Residual extends Module {
  readonly body: Module;
  readonly shortcut: Module | null;

  constructor(body: Module, shortcut: Module | null = null) {
    super();
    this.body = body;
    this.shortcut = shortcut;
  }

  override forward(x: Tensor): Tensor {
    return add(this.body.forward(x), this.shortcut?.forward(x) ?? x, true);
  }
}

/** Computes relu(shortcut(x) + bias): what is left of a Residual whose body came to give one value for each channel. */
export class ShiftedShortcut extends Module {
  /** Shape [channels]. */
  readonly bias: Parameter;
  readonly shortcut: Module | null;

  constructor(channels: number, shortcut: Module | null = null, options: InitOptions = {}) {
    super();
    this.bias = new Parameter(deviceOf(options), [channels]);
    this.shortcut = shortcut;
  }

  override forward(x: Tensor): Tensor {
    return addBias(this.shortcut?.forward(x) ?? x, this.bias, true);
  }
}

/**
 * The shortcut without parameters: it takes every stride-th pixel, and new channels are zero (He et al. 2016, section
 * 4.2, option A).
 */
export class SubsamplingShortcut extends Module {
  readonly stride: number;
  readonly channels: number;

  constructor(stride: number, channels: number) {
    super();
    this.stride = stride;
    this.channels = channels;
  }

  override forward(x: Tensor): Tensor {
    return resizeChannels(averagePool(x, 1, { stride: this.stride }), this.channels);
  }
}
