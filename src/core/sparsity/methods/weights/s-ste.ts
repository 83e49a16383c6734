import { defineWeightMethod } from "../define-method.ts";
import { pruneEvery, refreshEvery } from "./refresh.ts";

/**
 * S-STE: the straight-through estimator with soft thresholds. Kept weights are moved towards zero by the largest pruned
 * weight of their group, so that the sparse weight does not jump when the mask changes. One factor a tensor, chosen at
 * its first pruning and kept, makes up for the loss. Source: Hu, Zhu, Chen 2024.
 * Differences: (1) with vectors the threshold is on the sum of |w| over the rows, and rows shrink by the same share;
 * (2) no 8-bit numbers.
 */
export const sSte = defineWeightMethod({
  name: "s-ste",
  title: "S-STE",
  about: "STE with soft thresholds: weights enter and leave the mask at zero",
  source: "Hu et al. 2024 (S-STE)",
  section: "2by4-pretrain, utils.py, _soft_threshold",
  oracle: "src/core/sparsity/methods/weights/written-out.test.ts",
  shows: "compare --methods dense,ste,s-ste --pattern 2:4",
  sparse: true,
  options: { refresh: refreshEvery(1) },
  make: ({ refresh }) => ({
    shortGroups: true,
    readsHost: "the scale of each weight is fitted at its first pruning",
    beforeForward: (parameter, clock) => pruneEvery(refresh, parameter, clock, () => parameter.pruneSoftly()),
  }),
});
