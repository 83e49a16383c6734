import { embedding } from "../autograd/ops/embedding.ts";
import { checkSizes, requireOptions } from "../options.ts";
import { Parameter, type Tensor } from "../tensor/tensor.ts";
import { deviceOf, INIT_KEYS, type InitOptions, randomOf } from "./init-options.ts";
import { type Initializer, smallNormal } from "./initializers.ts";
import { Module } from "./module.ts";

export interface EmbeddingOptions extends InitOptions {
  /** Initializer of the table. Default smallNormal. */
  readonly initializer?: Initializer | undefined;
}

/**
 * Looks up a row of a table for each token. Tokens [...] are whole numbers in 0..vocabulary - 1, held as float32; the
 * output is [..., width].
 */
export class Embedding extends Module {
  /** The table, of shape [vocabulary, width]. */
  readonly weight: Parameter;

  constructor(vocabulary: number, width: number, options: EmbeddingOptions = {}) {
    super();
    requireOptions("Embedding", options, { ...INIT_KEYS, initializer: true });
    checkSizes("Embedding", { vocabulary, width });
    const { initializer = smallNormal } = options;
    this.weight = new Parameter(deviceOf(options), [vocabulary, width]);
    initializer(this.weight.data, vocabulary, width, randomOf(options));
  }

  override forward(x: Tensor): Tensor {
    return embedding(x, this.weight);
  }
}
