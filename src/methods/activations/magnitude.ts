import type { ActivationMethod, MethodEntry } from "../method.ts";

/**
 * The largest activations of each group, along the inputs that forward sums over. Behind a squared ReLU, where half of them
 * are zero and few are large, little is lost. The gradient is that of the product with the mask held: the weight's is of
 * what was kept, and what was not kept has none. Source: Haziza et al. 2025.
 * Differences: (1) the weight gradient multiplies by a dense copy with zeros; the paper finds sparse features and permutes;
 * (2) any N:M, and vectors of neighbouring tokens that share a mask.
 */
export const magnitude: MethodEntry<ActivationMethod> = {
  name: "magnitude",
  title: "magnitude",
  about: "keeps the largest activations behind a squared ReLU; the weight of that layer stays dense in forward",
  source: "Haziza et al. 2025",
  hyperParameters: {},
  make: () => ({ name: "magnitude", pack: (rows, x) => rows.prune(x) }),
};
