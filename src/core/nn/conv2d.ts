import { conv2d } from "../autograd/ops/conv2d.ts";
import { expected } from "../errors.ts";
import { checkNumbers, checkSizes, requireOptions } from "../options.ts";
import { Parameter, type Tensor } from "../tensor/tensor.ts";
import { deviceOf, type InitOptions, randomOf } from "./init-options.ts";
import { fanInUniform, type Initializer } from "./initializers.ts";
import { FusingModule, type Module } from "./module.ts";

export interface Conv2dOptions extends InitOptions {
  /** Pixels between two windows. Default 1. */
  readonly stride?: number | undefined;
  /** Pixels of zeros on each side. Default 0. */
  readonly padding?: number | undefined;
  /**
   * Number of groups; the outputs of a group see the inputs of the same group alone. It divides inputs and outputs;
   * with as many groups as inputs the convolution is depthwise. Default 1.
   */
  readonly groups?: number | undefined;
  /** Whether the layer has a bias. Default true. */
  readonly bias?: boolean | undefined;
  /** Initializer of the weight. Default fanInUniform. */
  readonly initializer?: Initializer | undefined;
}

/** Convolution of channels-last images [B, H, W, inputs] with square kernels. */
export class Conv2d extends FusingModule {
  /** Shape [outputs, kernel, kernel, inputs / groups]. */
  readonly weight: Parameter;
  /** Shape [outputs]; null without a bias. */
  readonly bias: Parameter | null;
  readonly stride: number;
  readonly padding: number;
  readonly groups: number;
  readonly initializer: Initializer;
  /**
   * A module that reads the same input. A Sequential adds its output to that of the batch norm behind this convolution.
   * See SpatialBranch.
   */
  branch: Module | null = null;

  constructor(inputs: number, outputs: number, kernel: number, options: Conv2dOptions = {}) {
    super();
    requireOptions("Conv2d", options, {
      ...{ stride: true, padding: true, groups: true, bias: true, initializer: true, device: true, random: true },
    });
    const { stride = 1, padding = 0, groups = 1, bias = true, initializer = fanInUniform } = options;
    checkSizes("Conv2d", { inputs, outputs, kernel, stride });
    checkNumbers("Conv2d", { padding }, { min: 0, integer: true });
    if (!(Number.isInteger(groups) && groups > 0 && inputs % groups === 0 && outputs % groups === 0)) {
      const wanted = `groups that divide ${inputs} inputs and ${outputs} outputs`;
      throw expected("Conv2d", wanted, `${groups}`, "Choose a divisor of both");
    }
    const device = deviceOf(options);
    const random = randomOf(options);
    const taps = kernel * kernel;
    const fanIn = (inputs / groups) * taps;
    this.weight = new Parameter(device, [outputs, kernel, kernel, inputs / groups]);
    initializer(this.weight.data, fanIn, outputs * taps, random);
    this.bias = bias ? new Parameter(device, [outputs]) : null;
    if (this.bias !== null) fanInUniform(this.bias.data, fanIn, outputs * taps, random);
    this.stride = stride;
    this.padding = padding;
    this.groups = groups;
    this.initializer = initializer;
  }

  override forward(x: Tensor, relu = false): Tensor {
    return conv2d(x, this.weight, this.bias, { stride: this.stride, padding: this.padding, groups: this.groups }, relu);
  }
}
