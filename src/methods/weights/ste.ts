import type { WeightMethodEntry } from "../method.ts";

/**
 * The straight-through estimator: the forward product uses the pruned weights, the gradient goes to all of them, the
 * mask is chosen anew at every step. Source: Bengio et al. 2013; for N:M Zhou et al. 2021, section 3.2, equation 5.
 */
export const ste: WeightMethodEntry = {
  name: "ste",
  title: "STE",
  about: "prunes anew at every step, updates all weights",
  source: "Zhou et al. 2021, section 3",
  sparse: true,
  hyperParameters: {},
  make: () => ({ name: "ste", beforeForward: (site) => site.prune() }),
};
