import { number, word } from "../../../options.ts";
import { philox } from "../../../random.ts";
import { defineWeightGradMethod } from "../define-method.ts";
import { neighborSimilarity, RESTORATION_STREAM } from "./neighbor-similarity.ts";

/** The masks of weightGradAlternate that each word draws from, one a step: quads, columns and two checkerboards. */
const masks = {
  authors: [5, 6, 7, 8],
  columns: [6],
  checkerboard: [7, 8],
};

/**
 * Keeps half of the entries of the activations' columns under a fixed mask, and adds to the gradient of each position
 * `restore` times that of the position before in the image, which lets a kept entry stand for its dropped neighbor.
 * Source: Xu et al. 2022, as in their code: the convolution's backward pass by parameters.
 * Differences: (1) one mask is drawn for the whole batch, not one for each 256 images; (2) a layer whose images have one
 * column of positions stays dense, as linear layers do; (3) where 4 does not divide the number of all entries, of
 * which their first mask makes an error, numbering goes on; (4) "measured", scale and the other words of mask are ours.
 */
export const restored = defineWeightGradMethod({
  name: "restored",
  title: "restored",
  about: "keeps half of the activations of images by fixed masks; a shifted gradient lets neighbors stand for the rest",
  source: "Xu et al. 2022",
  section: "WeixiangXu/FST, the CUDA extension",
  oracle: "src/core/sparsity/methods/weight-grad/restored.test.ts",
  shows: "reproduce neighbors-are-alike",
  options: {
    restore: number({
      ...{ default: 0.03, min: 0, max: 1, words: ["measured"] },
      about:
        "what is taken of a kept entry for its dropped neighbor; measured: what suits the layer's activations best",
    }),
    scale: number({
      default: 1,
      min: 0,
      max: 4,
      about: "of the whole; without restoration half of the gradient is seen",
    }),
    mask: word(Object.keys(masks) as (keyof typeof masks)[], "authors: one of their four, drawn anew each step"),
  },
  make: ({ restore, scale, mask }) => ({
    ...(restore === "measured" ? { readsHost: "how alike neighbors are is measured on a sample" } : {}),
    operand: "activations",
    pattern: { n: 1, m: 2, v: 1 },
    ofImages: true,
    timedMask: mask === "columns" ? 6 : 7,
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
