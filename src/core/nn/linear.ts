import { linear } from "../autograd/ops/linear.ts";
import { requireOptions } from "../options.ts";
import { Parameter, type Tensor } from "../tensor/tensor.ts";
import { deviceOf, type InitOptions, randomOf } from "./init-options.ts";
import { fanInUniform, type Initializer } from "./initializers.ts";
import { FusingModule } from "./module.ts";

export interface LinearOptions extends InitOptions {
  /** Default true. */
  readonly bias?: boolean | undefined;
  /** Of the weight. Default fanInUniform, as in PyTorch. */
  readonly initializer?: Initializer | undefined;
  /** The same for the bias. */
  readonly biasInitializer?: Initializer | undefined;
  /** The weight of another module, in place of one of its own: trained and saved once. */
  readonly tied?: Parameter | undefined;
}

/** y [T, outputs] = x [T, inputs] W^T + bias. */
export class Linear extends FusingModule {
  /** [outputs, inputs]. */
  readonly weight: Parameter;
  /** [outputs], or null. */
  readonly bias: Parameter | null;

  constructor(inputs: number, outputs: number, options: LinearOptions = {}) {
    super();
    requireOptions("Linear", options, {
      ...{ bias: true, initializer: true, biasInitializer: true, tied: true, device: true, random: true },
    });
    const { bias = true, initializer = fanInUniform, biasInitializer = fanInUniform, tied } = options;
    const device = deviceOf(options);
    const random = randomOf(options);
    this.weight = tied ?? new Parameter(device, [outputs, inputs]);
    if (tied === undefined) initializer(this.weight.data, inputs, outputs, random);
    this.bias = bias ? new Parameter(device, [outputs]) : null;
    if (this.bias !== null) biasInitializer(this.bias.data, inputs, outputs, random);
  }

  override forward(x: Tensor, relu = false): Tensor {
    return linear(x, this.weight, this.bias, relu);
  }
}
