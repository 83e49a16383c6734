import { conv2d } from "../autograd/ops/conv2d.ts";
import { Parameter, type Tensor } from "../tensor/tensor.ts";
import { fanInUniform, type Initialiser } from "./initializers.ts";
import { type Birth, FusingModule, type Module } from "./module.ts";

export interface Conv2dOptions {
  /** Default 1. */
  readonly stride?: number | undefined;
  /** Zeros on each side. Default 0. */
  readonly padding?: number | undefined;
  /** Default true. */
  readonly bias?: boolean | undefined;
  /** Default fanInUniform. */
  readonly initialiser?: Initialiser | undefined;
}

/** Convolution of channels-last images [B, H, W, inputs] with square kernels; groups = 1. */
export class Conv2d extends FusingModule {
  /** [outputs, kernel, kernel, inputs]. */
  readonly weight: Parameter;
  /** [outputs], or null. */
  readonly bias: Parameter | null;
  readonly stride: number;
  readonly padding: number;
  readonly initialiser: Initialiser;
  /** Of the same input; a Sequential adds what it gives behind the batch norm that follows. See SpatialBranch. */
  branch: Module | null = null;

  constructor(inputs: number, outputs: number, kernel: number, birth: Birth, options: Conv2dOptions = {}) {
    super();
    const { stride = 1, padding = 0, bias = true, initialiser = fanInUniform } = options;
    const taps = kernel * kernel;
    this.weight = new Parameter(birth.device, [outputs, kernel, kernel, inputs]);
    initialiser(this.weight.data, inputs * taps, outputs * taps, birth.random);
    this.bias = bias ? new Parameter(birth.device, [outputs]) : null;
    if (this.bias !== null) fanInUniform(this.bias.data, inputs * taps, outputs * taps, birth.random);
    this.stride = stride;
    this.padding = padding;
    this.initialiser = initialiser;
  }

  override forward(x: Tensor, relu = false): Tensor {
    return conv2d(x, this.weight, this.bias, { stride: this.stride, padding: this.padding }, relu);
  }
}
