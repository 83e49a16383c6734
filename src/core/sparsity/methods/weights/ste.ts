import { defineWeightMethod } from "../define-method.ts";
import { pruneEvery, refreshEvery } from "./refresh.ts";

/**
 * The straight-through estimator: the forward product uses the pruned weights, the gradient goes to all weights, and
 * the mask is chosen anew at every step. Source: Bengio et al. 2013; for N:M Zhou et al. 2021.
 * Difference: a layer whose channels groups do not tile (the first convolution of color images) and the last layer stay
 * dense.
 */
export const ste = defineWeightMethod({
  name: "ste",
  title: "STE",
  about: "prunes anew at every step, updates all weights",
  source: "Bengio et al. 2013; Zhou et al. 2021",
  section: "section 3 (number unconfirmed); sparse_ops.py, Sparse",
  oracle: "src/core/sparsity/methods/weights/written-out.test.ts",
  shows: "compare --methods dense,ste,sr-ste",
  sparse: true,
  options: { refresh: refreshEvery(1) },
  make: ({ refresh }) => ({
    shortGroups: true,
    beforeForward: (parameter, clock) => pruneEvery(refresh, parameter, clock),
  }),
});
