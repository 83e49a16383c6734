import { number } from "../../../options.ts";
import { searchOrder } from "../../../sparse/order-search.ts";
import { defineInputGradMethod } from "../define-method.ts";
import { refreshEvery } from "../weights/refresh.ts";

/**
 * Double-pruned, with groups of outputs that need not be neighbors: every `refresh` steps the outputs get the order, of
 * `candidates` random ones, that keeps most of the weight. Source: Zhang et al. 2023 (Bi-Mask), section unconfirmed.
 * Differences: (1) outputs change places only within blocks of 128, each block by itself, so that packs and products
 * stay as they are; (2) candidates are compared on 64 inputs, by the sum of |w| that they keep, theirs on all by the
 * number of entries; (3) the present order is a candidate too; (4) the mask of forward is that of the weight method,
 * which may be SR-STE as in the paper.
 */
export const biMask = defineInputGradMethod({
  name: "bi-mask",
  title: "Bi-Mask",
  about: "as double-pruned, with the outputs in an order that keeps more",
  source: "Zhang et al. 2023 (Bi-Mask)",
  section: "CnnModels/utils/conv_type.py, get_best_permutation",
  oracle: "src/core/sparsity/second-mask.test.ts",
  shows: "train recipes/digits-mlp-sr-ste-bi-mask.json",
  options: {
    refresh: refreshEvery(100, "steps from one search for an order to the next"),
    candidates: number({ default: 100, min: 0, max: 1e4, integer: true, about: "random orders of a search" }),
  },
  make: ({ refresh, candidates }) => ({
    readsHost: "candidate orders are compared by what they keep",
    operand: "weight",
    pack: (transpose, weight, mask, taps, draw) => {
      if (transpose.order === null || draw.step % refresh === 0) {
        searchOrder(transpose, weight, mask, taps, candidates, draw);
      }
      transpose.prune(weight, mask, taps);
    },
  }),
});
