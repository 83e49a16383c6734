import type { WeightMethodEntry } from "../method.ts";
import { pruneEvery, refreshEvery } from "./refresh.ts";

/**
 * STE and SR-STE with transposable masks: 2:4 along the inputs and along the outputs at once, so that forward and
 * inputGrad share one mask, and inputGrad is exact. The mask is the best of all 90 patterns of each 4 x 4 block by
 * magnitude, chosen anew every `refresh` steps; the decay is SR-STE's. Source: Hubara et al. 2021 for the masks and the
 * 40 steps; Hu et al. 2024 for the search over patterns and the masked decay with it.
 * Differences: (1) the first choice is at step 0, not after a dense start; (2) blocks of a convolution lie within a tap.
 */
export const transposable: WeightMethodEntry = {
  name: "transposable",
  title: "transposable",
  about: "SR-STE with masks that are 2:4 along inputs and outputs",
  source: "Hubara et al. 2021; Hu et al. 2024",
  sparse: true,
  hyperParameters: {
    lambda: { default: 2e-4, min: 0, max: 1, about: "strength of the decay of pruned weights" },
    refresh: refreshEvery(40),
  },
  make: ({
    lambda = transposable.hyperParameters.lambda.default,
    refresh = transposable.hyperParameters.refresh.default,
  } = {}) => ({
    name: "transposable",
    misfit: ({ n, m, v }, rows) => {
      if (n !== 2 || m !== 4 || v !== 1) return "transposable masks are 2:4";
      return rows % 4 === 0 ? undefined : `${rows} outputs cannot be cut into groups of 4`;
    },
    beforeForward: (site, clock) => pruneEvery(refresh, site, clock, () => site.pruneTransposable()),
    onGradient: (site) => site.decayPruned(lambda),
  }),
};
