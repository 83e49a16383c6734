import { word } from "../../../options.ts";
import { defineWeightMethod } from "../define-method.ts";
import { decayDecoupled, decayStrength, strengthOf } from "./pruned-decay.ts";
import { pruneEvery, refreshEvery } from "./refresh.ts";

/**
 * SR-STE: the straight-through estimator with a decay of the weights that are pruned at this step, which keeps masks
 * from flipping back and forth. Source: Zhou et al. 2021. The term is added to the gradient, as in the authors' code,
 * with the mask of the forward product that made the gradient. With clipping it is added after it (Hu et al. 2024). The
 * decoupled form, with which Hu et al. compare, takes rate * lambda * w from the weight itself, beside the optimizer.
 * Differences: (1) groups of a convolution run along channels; (2) a layer whose channels they do not tile and the last
 * layer stay dense, where the paper prunes the first convolution.
 */
export const srSte = defineWeightMethod({
  name: "sr-ste",
  title: "SR-STE",
  about: "STE with a decay of the pruned weights",
  source: "Zhou et al. 2021; aojunzz/NM-sparsity",
  section: "section 4 (number unconfirmed); sparse_ops.py, SparseConv",
  oracle: "src/core/sparsity/methods/weights/written-out.test.ts",
  shows: "compare --methods dense,ste,sr-ste",
  sparse: true,
  options: {
    lambda: decayStrength,
    refresh: refreshEvery(1),
    form: word(["gradient", "decoupled"], "whether the decay joins the gradient or acts on the weight itself"),
  },
  make: ({ lambda, refresh, form }) => ({
    shortGroups: true,
    beforeForward: (parameter, clock) => pruneEvery(refresh, parameter, clock),
    onGradient: (parameter, clock) => {
      const strength = strengthOf(lambda, clock);
      if (form === "gradient") parameter.decayPruned(strength);
      else decayDecoupled(parameter, strength, clock);
    },
  }),
});
