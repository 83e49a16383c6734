import { embedding } from "../autograd/ops/embedding.ts";
import { Parameter, type Tensor } from "../tensor/tensor.ts";
import { type Initializer, smallNormal } from "./initializers.ts";
import { type InitOptions, Module } from "./module.ts";

/** A row of a table for each token: [...] whole numbers in 0..vocabulary - 1, held as float32, to [..., width]. */
export class Embedding extends Module {
  /** [vocabulary, width]. */
  readonly weight: Parameter;

  constructor(
    vocabulary: number,
    width: number,
    { device, random }: InitOptions,
    initializer: Initializer = smallNormal,
  ) {
    super();
    this.weight = new Parameter(device, [vocabulary, width]);
    initializer(this.weight.data, vocabulary, width, random);
  }

  override forward(x: Tensor): Tensor {
    return embedding(x, this.weight);
  }
}
