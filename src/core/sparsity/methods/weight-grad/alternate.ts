import { number } from "../../../options.ts";
import { philox } from "../../../random.ts";
import { defineWeightGradMethod } from "../define-method.ts";

// "alt": a stream of its own beside that of the samples
const STREAM = 0x616c74;

/**
 * Every second position of the activations, even ones or odd ones by a coin a step: on average, with scale 2, the whole
 * gradient. For data whose neighbors are not alike. Source: the fixed masks of Xu et al. 2022, without restoration.
 * Difference: the coin and the scale make it unbiased; without them half of the gradient is never seen.
 */
export const alternate = defineWeightGradMethod({
  name: "alternate",
  title: "alternate",
  about: "keeps every second position of the activations, twice as large",
  source: "Xu et al. 2022",
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
