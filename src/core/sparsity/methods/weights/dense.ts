import type { WeightMethodEntry } from "../method.ts";

/** No sparsity: what the others are compared with. */
export const dense: WeightMethodEntry = {
  name: "dense",
  title: "dense",
  about: "trains all weights",
  source: "the baseline",
  sparse: false,
  hyperParameters: {},
  make: () => ({ name: "dense", beforeForward: () => {} }),
};
