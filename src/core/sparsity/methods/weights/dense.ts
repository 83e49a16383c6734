import { defineWeightMethod } from "../define-method.ts";

/** No sparsity: the baseline of all comparisons. */
export const dense = defineWeightMethod({
  name: "dense",
  title: "dense",
  about: "trains all weights",
  source: "the baseline",
  sparse: false,
  options: {},
  make: () => ({ beforeForward: () => {} }),
});
