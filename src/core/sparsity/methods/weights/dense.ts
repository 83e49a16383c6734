import { defineWeightMethod } from "../define-method.ts";

/** No sparsity: the baseline of all comparisons. */
export const dense = defineWeightMethod({
  name: "dense",
  title: "dense",
  about: "trains all weights",
  source: "the baseline",
  section: "none",
  oracle: "test/pytorch.test.ts",
  shows: "train recipes/fashion-mnist-mlp-dense.json",
  sparse: false,
  options: {},
  make: () => ({ beforeForward: () => {} }),
});
