import { linear } from "../autograd/ops/linear.ts";
import { expected } from "../errors.ts";
import { checkSizes, requireOptions } from "../options.ts";
import { Parameter, type Tensor } from "../tensor/tensor.ts";
import { deviceOf, type InitOptions, randomOf } from "./init-options.ts";
import { fanInUniform, type Initializer } from "./initializers.ts";
import { FusingModule } from "./module.ts";

export interface LinearOptions extends InitOptions {
  /** Whether the layer has a bias. Default true. */
  readonly bias?: boolean | undefined;
  /** Initializer of the weight. Default fanInUniform, as in PyTorch. */
  readonly initializer?: Initializer | undefined;
  /** Initializer of the bias. Default fanInUniform, as in PyTorch. */
  readonly biasInitializer?: Initializer | undefined;
  /** The weight of another module, used in place of a weight of its own; it is trained and saved once. */
  readonly tied?: Parameter | undefined;
}

/** Computes y [T, outputs] = x [T, inputs] W^T + bias. */
export class Linear extends FusingModule {
  /** Shape [outputs, inputs]. */
  readonly weight: Parameter;
  /** Shape [outputs]; null without a bias. */
  readonly bias: Parameter | null;

  constructor(inputs: number, outputs: number, options: LinearOptions = {}) {
    super();
    requireOptions("Linear", options, {
      ...{ bias: true, initializer: true, biasInitializer: true, tied: true, device: true, random: true },
    });
    checkSizes("Linear", { inputs, outputs });
    const { bias = true, initializer = fanInUniform, biasInitializer = fanInUniform, tied } = options;
    const device = deviceOf(options);
    const random = randomOf(options);
    if (tied !== undefined && (tied.shape.length !== 2 || tied.shape[0] !== outputs || tied.shape[1] !== inputs)) {
      const got = `one of [${tied.shape}]`;
      throw expected("Linear", `a tied weight of shape [${outputs}, ${inputs}]`, got, "Tie layers of the same sizes");
    }
    this.weight = tied ?? new Parameter(device, [outputs, inputs]);
    if (tied === undefined) initializer(this.weight.data, inputs, outputs, random);
    this.bias = bias ? new Parameter(device, [outputs]) : null;
    if (this.bias !== null) biasInitializer(this.bias.data, inputs, outputs, random);
  }

  override forward(x: Tensor, relu = false): Tensor {
    return linear(x, this.weight, this.bias, relu);
  }
}
