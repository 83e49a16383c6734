import { conv2d } from "../autograd/ops/conv2d.ts";
import { Parameter, type Tensor } from "../tensor/tensor.ts";
import { deviceOf, type InitOptions, randomOf } from "./init-options.ts";
import { fanInUniform, type Initializer } from "./initializers.ts";
import { FusingModule, type Module } from "./module.ts";

export interface Conv2dOptions extends InitOptions {
  /** Default 1. */
  readonly stride?: number | undefined;
  /** Zeros on each side. Default 0. */
  readonly padding?: number | undefined;
  /** Default true. */
  readonly bias?: boolean | undefined;
  /** Default fanInUniform. */
  readonly initializer?: Initializer | undefined;
}

/** Convolution of channels-last images [B, H, W, inputs] with square kernels; groups = 1. */
export class Conv2d extends FusingModule {
  /** [outputs, kernel, kernel, inputs]. */
  readonly weight: Parameter;
  /** [outputs], or null. */
  readonly bias: Parameter | null;
  readonly stride: number;
  readonly padding: number;
  readonly initializer: Initializer;
  /** Of the same input; a Sequential adds what it gives behind the batch norm that follows. See SpatialBranch. */
  branch: Module | null = null;

  constructor(inputs: number, outputs: number, kernel: number, options: Conv2dOptions = {}) {
    super();
    const { stride = 1, padding = 0, bias = true, initializer = fanInUniform } = options;
    const device = deviceOf(options);
    const random = randomOf(options);
    const taps = kernel * kernel;
    this.weight = new Parameter(device, [outputs, kernel, kernel, inputs]);
    initializer(this.weight.data, inputs * taps, outputs * taps, random);
    this.bias = bias ? new Parameter(device, [outputs]) : null;
    if (this.bias !== null) fanInUniform(this.bias.data, inputs * taps, outputs * taps, random);
    this.stride = stride;
    this.padding = padding;
    this.initializer = initializer;
  }

  override forward(x: Tensor, relu = false): Tensor {
    return conv2d(x, this.weight, this.bias, { stride: this.stride, padding: this.padding }, relu);
  }
}
