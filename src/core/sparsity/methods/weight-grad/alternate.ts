import { number } from "../../../options.ts";
import { philox } from "../../../random.ts";
import { defineWeightGradMethod } from "../define-method.ts";

// "alt": a stream of its own, different from that of the samples
const STREAM = 0x616c74;

/**
 * Keeps every second position of the activations, the even ones or the odd ones by a toss in each step: with scale 2
 * that is the whole gradient on average. It is for data whose neighbors are not similar. Source: the fixed masks of Xu
 * et al. 2022, without restoration.
 * Difference: the toss and the scale make it unbiased; without them half of the gradient is never seen.
 */
export const alternate = defineWeightGradMethod({
  name: "alternate",
  title: "alternate",
  about: "keeps every second position of the activations, twice as large",
  source: "Xu et al. 2022",
  section: "WeixiangXu/FST",
  oracle: "src/core/sparsity/methods/weight-grad/restored.test.ts",
  shows: "train recipes/digits-mlp-sr-ste-mvue-alternate.json",
  options: {
    scale: number({ default: 2, min: 0, max: 4, about: "of what is kept; 2 is right on average" }),
  },
  make: ({ scale }) => ({
    operand: "activations",
    pattern: { n: 1, m: 2, v: 1 },
    keep: (_x, _geometry, { seed, layer, step }) => {
      const words = new Uint32Array(4);
      philox(words, seed, STREAM, layer, step, 0, 0);
      return { mask: words[0] & 1, restore: 0, scale };
    },
  }),
});
