import { number, word } from "../../../options.ts";
import { philox } from "../../../random.ts";
import { defineWeightGradMethod } from "../define-method.ts";
import { neighborSimilarity, RESTORATION_STREAM } from "./neighbor-similarity.ts";

/** The masks of weightGradAlternate that each word draws from, one a step. */
const masks = {
  columns: [1],
  checkerboard: [2, 3],
  drawn: [4, 1, 2, 3],
};

/**
 * Keeps one column of im2col of each two neighbors in a row of an image; the kept one stands for the other too: x_i is
 * taken to be restore times x_j, which is a shifted gradient, because the product is linear. Source: ours, of the
 * restoration of Xu et al. 2022; see `restored` for theirs.
 * Differences: (1) a kept column is kept with all of its entries, so the mask is one of places and half of the gradient's
 * rows are not read; (2) pairs never reach into the next row or image; a dropped column is replaced by the kept one of
 * its pair, left or right, and with restore 1 each place counts once; (3) "measured".
 */
export const paired = defineWeightGradMethod({
  name: "paired",
  title: "paired",
  about: "keeps one of each two neighboring columns of the activations, which stands for the other too",
  source: "ours, of Xu et al. 2022",
  section: "ours, after section 3 (unconfirmed)",
  oracle: "src/core/sparsity/methods/weight-grad/paired.test.ts",
  shows: "train recipes/cifar10-cnn-sr-ste-double-pruned-paired.json",
  options: {
    restore: number({
      ...{ default: 0.03, min: 0, max: 1, words: ["measured"] },
      about:
        "what is taken of a kept column for its dropped neighbor; measured: what suits the layer's activations best",
    }),
    scale: number({
      default: 1,
      min: 0,
      max: 4,
      about: "of the whole; without restoration half of the gradient is seen",
    }),
    mask: word(Object.keys(masks) as (keyof typeof masks)[], "which columns: always the same, or drawn anew each step"),
  },
  make: ({ restore, scale, mask }) => ({
    ...(restore === "measured" ? { readsHost: "how alike neighbors are is measured on a sample" } : {}),
    operand: "activations",
    pattern: { n: 1, m: 2, v: 1 },
    ofImages: true,
    keep: (x, geometry, draw) => {
      const words = new Uint32Array(4);
      philox(words, draw.seed, RESTORATION_STREAM, draw.layer, draw.step, 0, 0);
      const drawn = masks[mask];
      return {
        mask: drawn[words[0] % drawn.length],
        restore: restore === "measured" ? neighborSimilarity(x, geometry, draw) : restore,
        scale,
      };
    },
  }),
});
