import { TRANSPOSABLE_SOLVERS } from "../../../backend/families/masks.ts";
import { word } from "../../../options.ts";
import { misfit } from "../../../sparse/pattern.ts";
import { defineWeightMethod } from "../define-method.ts";
import { decayStrength, strengthOf } from "./pruned-decay.ts";
import { pruneEvery, refreshEvery } from "./refresh.ts";

/**
 * STE and SR-STE with transposable masks: N:M along the inputs and along the outputs at once, so that forward and
 * inputGrad share one mask, and inputGrad is exact. The mask of each M x M block is the best by magnitude (for 2:4 of
 * all 90 patterns, else by a flow), or greedy, and chosen anew every `refresh` steps; the decay is SR-STE's. Source:
 * Hubara et al. 2021 for the masks, their solvers and the 40 steps; Hu et al. 2024 for the search over patterns and the
 * masked decay.
 * Differences: (1) the first choice is at step 0, not after a dense start; (2) blocks of a convolution lie within a
 * tap; (3) greedy masks are filled up to N.
 */
export const transposable = defineWeightMethod({
  name: "transposable",
  title: "transposable",
  about: "SR-STE with masks that are N:M along inputs and outputs",
  source: "Hubara et al. 2021; Hu et al. 2024",
  section: "dynamic_TNM/src/sparse_ops.py, SparseTranspose",
  oracle: "src/core/sparsity/methods/weights/written-out.test.ts",
  shows: "train recipes/digits-mlp-transposable-double-pruned.json",
  sparse: true,
  options: {
    lambda: decayStrength,
    refresh: refreshEvery(40),
    solver: word(TRANSPOSABLE_SOLVERS, "of the masks: the best, or heavy weights first"),
  },
  make: ({ lambda, refresh, solver }) => ({
    misfit: (pattern, rows) =>
      pattern.v === 1 ? misfit(pattern, rows, "outputs") : "transposable masks are not shared by vectors of rows",
    beforeForward: (parameter, clock) =>
      pruneEvery(refresh, parameter, clock, () => parameter.pruneTransposable(solver)),
    onGradient: (parameter, clock) => parameter.decayPruned(strengthOf(lambda, clock)),
  }),
});
