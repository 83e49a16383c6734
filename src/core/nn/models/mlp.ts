import { expected } from "../../errors.ts";
import { checkNumbers, requireOptions, shown } from "../../options.ts";
import { ReLU } from "../activations.ts";
import { Dropout } from "../dropout.ts";
import { Flatten } from "../flatten.ts";
import { INIT_KEYS, type InitOptions } from "../init-options.ts";
import { Linear } from "../linear.ts";
import type { Module } from "../module.ts";
import { Sequential } from "../sequential.ts";

export interface MlpOptions extends InitOptions {
  /** Probability of dropout behind each hidden layer. Default 0. */
  readonly dropout?: number | undefined;
}

/**
 * A multilayer perceptron: linear layers with ReLU between. `widths` are the numbers of inputs, hidden units and
 * classes.
 */
export function mlp(widths: readonly number[], options: MlpOptions = {}): Sequential {
  requireOptions("mlp", options, { ...INIT_KEYS, dropout: true });
  const { dropout = 0, ...init } = options;
  if (!Array.isArray(widths) || widths.length < 2)
    throw expected(
      "mlp",
      "a list of at least two widths",
      shown(widths),
      "Give inputs, hidden units, classes: [784, 256, 10]",
    );
  checkNumbers("mlp", { dropout }, { min: 0, below: 1 });
  const layers: Record<string, Module> = { flatten: new Flatten() };
  for (let i = 1; i < widths.length; i++) {
    layers[`fc${i}`] = new Linear(widths[i - 1], widths[i], init);
    if (i === widths.length - 1) break;
    layers[`relu${i}`] = new ReLU();
    if (dropout > 0) layers[`dropout${i}`] = new Dropout(dropout, init);
  }
  return new Sequential(layers);
}
