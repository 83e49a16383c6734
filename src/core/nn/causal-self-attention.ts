import { causalAttention } from "../autograd/ops/causal-attention.ts";
import { checkSizes, requireOptions } from "../options.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { INIT_KEYS, type InitOptions } from "./init-options.ts";
import { type Initializer, smallNormal, zeros } from "./initializers.ts";
import { Linear } from "./linear.ts";
import { Module } from "./module.ts";

export interface CausalSelfAttentionOptions extends InitOptions {
  /** Initializer of the projection's weight. Default smallNormal. */
  readonly projectionInitializer?: Initializer | undefined;
}

/**
 * Attention of each place of a sequence [B, L, width] to itself and those before it, followed by a projection of the
 * heads.
 */
export class CausalSelfAttention extends Module {
  /** The layer that computes queries, keys and values in one product. */
  readonly qkv: Linear;
  readonly projection: Linear;
  readonly heads: number;

  constructor(width: number, heads: number, options: CausalSelfAttentionOptions = {}) {
    super();
    requireOptions("CausalSelfAttention", options, { ...INIT_KEYS, projectionInitializer: true });
    checkSizes("CausalSelfAttention", { width, heads });
    const { projectionInitializer: projection = smallNormal, ...init } = options;
    this.qkv = new Linear(width, 3 * width, { ...init, initializer: smallNormal, biasInitializer: zeros });
    this.projection = new Linear(width, width, { ...init, initializer: projection, biasInitializer: zeros });
    this.heads = heads;
  }

  override forward(x: Tensor): Tensor {
    return this.projection.forward(causalAttention(this.qkv.forward(x), this.heads));
  }
}
