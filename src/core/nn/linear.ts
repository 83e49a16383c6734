import { linear } from "../autograd/ops/linear.ts";
import { Parameter, type Tensor } from "../tensor/tensor.ts";
import { fanInUniform, type Initialiser } from "./initializers.ts";
import { type Birth, FusingModule } from "./module.ts";

export interface LinearOptions {
  /** Default true. */
  readonly bias?: boolean | undefined;
  /** Of the weight. Default fanInUniform, as in PyTorch. */
  readonly initialiser?: Initialiser | undefined;
  /** The same for the bias. */
  readonly biasInitialiser?: Initialiser | undefined;
  /** The weight of another module, in place of one of its own: trained and saved once. */
  readonly tied?: Parameter | undefined;
}

/** y [T, outputs] = x [T, inputs] W^T + bias. */
export class Linear extends FusingModule {
  /** [outputs, inputs]. */
  readonly weight: Parameter;
  /** [outputs], or null. */
  readonly bias: Parameter | null;

  constructor(inputs: number, outputs: number, birth: Birth, options: LinearOptions = {}) {
    super();
    const { bias = true, initialiser = fanInUniform, biasInitialiser = fanInUniform, tied } = options;
    this.weight = tied ?? new Parameter(birth.device, [outputs, inputs]);
    if (tied === undefined) initialiser(this.weight.data, inputs, outputs, birth.random);
    this.bias = bias ? new Parameter(birth.device, [outputs]) : null;
    if (this.bias !== null) biasInitialiser(this.bias.data, inputs, outputs, birth.random);
  }

  override forward(x: Tensor, relu = false): Tensor {
    return linear(x, this.weight, this.bias, relu);
  }
}
