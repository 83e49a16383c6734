import { linear } from "../autograd/ops/linear.ts";
import { requireOptions } from "../options.ts";
import { Parameter, type Tensor } from "../tensor/tensor.ts";
import { fanInUniform, type Initializer } from "./initializers.ts";
import { FusingModule, type InitOptions } from "./module.ts";

export interface LinearOptions {
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

  constructor(inputs: number, outputs: number, init: InitOptions, options: LinearOptions = {}) {
    super();
    requireOptions("Linear", options, { bias: true, initializer: true, biasInitializer: true, tied: true });
    const { bias = true, initializer = fanInUniform, biasInitializer = fanInUniform, tied } = options;
    this.weight = tied ?? new Parameter(init.device, [outputs, inputs]);
    if (tied === undefined) initializer(this.weight.data, inputs, outputs, init.random);
    this.bias = bias ? new Parameter(init.device, [outputs]) : null;
    if (this.bias !== null) biasInitializer(this.bias.data, inputs, outputs, init.random);
  }

  override forward(x: Tensor, relu = false): Tensor {
    return linear(x, this.weight, this.bias, relu);
  }
}
