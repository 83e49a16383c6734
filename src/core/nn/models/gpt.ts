import { add } from "../../autograd/ops/add.ts";
import { addRows } from "../../autograd/ops/add-rows.ts";
import { reshape } from "../../autograd/ops/reshape.ts";
import { expected } from "../../errors.ts";
import { checkNumbers, checkSizes, checkWords, requireOptions } from "../../options.ts";
import { Parameter, type Tensor } from "../../tensor/tensor.ts";
import { GELU, SquaredReLU } from "../activations.ts";
import { CausalSelfAttention } from "../causal-self-attention.ts";
import { Dropout } from "../dropout.ts";
import { Embedding } from "../embedding.ts";
import { deviceOf, INIT_KEYS, type InitOptions, randomOf } from "../init-options.ts";
import { type Initializer, normal, smallNormal, zeros } from "../initializers.ts";
import { LayerNorm } from "../layer-norm.ts";
import { Linear } from "../linear.ts";
import { Module } from "../module.ts";
import { Sequential } from "../sequential.ts";

export interface GptOptions extends InitOptions {
  /** Number of different tokens. */
  readonly vocabulary: number;
  /** Length of the longest sequence. */
  readonly context: number;
  /** Number of blocks. */
  readonly layers: number;
  readonly width: number;
  /** Number of attention heads; it divides the width. */
  readonly heads: number;
  /** Hidden units of the MLP of each block. Default: four times the width. */
  readonly hidden?: readonly number[] | undefined;
  /** Activation of the MLPs. Default "gelu". */
  readonly activation?: "gelu" | "squared-relu" | undefined;
  /**
   * Probability of dropout on the embedded sequence and on the output of each branch; there is none within attention.
   * Default 0.
   */
  readonly dropout?: number | undefined;
}

/**
 * A language model like GPT-2 (Radford et al. 2019). It maps tokens [B, L] to logits of the token after each, [B * L,
 * vocabulary].
 */
export function gpt(options: GptOptions): Module {
  requireOptions("gpt", options, {
    ...INIT_KEYS,
    ...{ vocabulary: true, context: true, layers: true, width: true, heads: true },
    ...{ hidden: true, activation: true, dropout: true },
  });
  const { vocabulary, context, width, heads, dropout = 0, activation = "gelu" } = options;
  checkSizes("gpt", { vocabulary, context, layers: options.layers, width, heads });
  checkNumbers("gpt", { dropout }, { min: 0, below: 1 });
  checkWords("gpt", { activation }, ["gelu", "squared-relu"]);
  if (width % heads !== 0) {
    throw expected("gpt", `heads that divide the width of ${width}`, `${heads}`, "Choose 4 heads of a width of 256");
  }
  const { hidden, layers } = options;
  if (hidden !== undefined && hidden.length !== layers) {
    throw expected("gpt", `hidden widths of ${layers} blocks`, `${hidden.length}`, "Give one for each, or none");
  }
  return new Gpt(options);
}

class Gpt extends Module {
  readonly tokens: Embedding;
  /** One row for each position, [context, width]. */
  readonly positions: Parameter;
  readonly dropout: Dropout | null;
  readonly blocks: Sequential;
  readonly norm: LayerNorm;
  /** The last layer; its weight is that of `tokens`. */
  readonly head: Linear;

  constructor(options: GptOptions) {
    super();
    const { vocabulary, context, layers, width, device, random } = options;
    const init = { device, random };
    this.tokens = new Embedding(vocabulary, width, init);
    this.positions = new Parameter(deviceOf(init), [context, width]);
    smallNormal(this.positions.data, context, width, randomOf(init));
    this.dropout = dropoutOf(options);
    this.blocks = new Sequential(Array.from({ length: layers }, (_, i) => new Block(options, i)));
    this.norm = new LayerNorm(width, init);
    this.head = new Linear(width, vocabulary, { ...init, bias: false, tied: this.tokens.weight });
  }

  override forward(x: Tensor): Tensor {
    const embedded = addRows(this.tokens.forward(x), this.positions);
    const hidden = this.norm.forward(this.blocks.forward(this.dropout?.forward(embedded) ?? embedded));
    const [vocabulary] = this.head.weight.shape;
    return reshape(this.head.forward(hidden), [x.size, vocabulary]);
  }
}

/** Computes x + attention(norm(x)), then the same with an MLP, four times as wide unless `hidden` says otherwise. */
class Block extends Module {
  readonly norm1: LayerNorm;
  readonly attention: CausalSelfAttention;
  readonly norm2: LayerNorm;
  readonly mlp: Sequential;
  readonly dropout1: Dropout | null;
  readonly dropout2: Dropout | null;

  constructor(options: GptOptions, index: number) {
    super();
    const { layers, width, heads, activation = "gelu", device, random } = options;
    const init = { device, random };
    const hidden = options.hidden?.[index] ?? 4 * width;
    // a block adds two branches to the sequence: this deviation keeps the variance of their sum
    const last = normal(0.02 / Math.sqrt(2 * layers));
    const linear = (inputs: number, outputs: number, initializer: Initializer): Linear =>
      new Linear(inputs, outputs, { ...init, initializer, biasInitializer: zeros });
    this.norm1 = new LayerNorm(width, init);
    this.attention = new CausalSelfAttention(width, heads, { ...init, projectionInitializer: last });
    this.norm2 = new LayerNorm(width, init);
    this.mlp = new Sequential({
      fc1: linear(width, hidden, smallNormal),
      activation: activation === "gelu" ? new GELU() : new SquaredReLU(),
      fc2: linear(hidden, width, last),
    });
    this.dropout1 = dropoutOf(options);
    this.dropout2 = dropoutOf(options);
  }

  override forward(x: Tensor): Tensor {
    const attended = this.attention.forward(this.norm1.forward(x));
    const y = add(x, this.dropout1?.forward(attended) ?? attended);
    const transformed = this.mlp.forward(this.norm2.forward(y));
    return add(y, this.dropout2?.forward(transformed) ?? transformed);
  }
}

function dropoutOf({ dropout = 0, device, random }: GptOptions): Dropout | null {
  return dropout > 0 ? new Dropout(dropout, { device, random }) : null;
}
