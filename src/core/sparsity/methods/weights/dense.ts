import { defineWeightMethod } from "../define-method.ts";

/** No sparsity: what the others are compared with. */
export const dense = defineWeightMethod({
  name: "dense",
  title: "dense",
  about: "trains all weights",
  source: "the baseline",
  sparse: false,
  options: {},
  make: () => ({ beforeForward: () => {} }),
});
