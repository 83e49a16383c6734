import { defineInputGradMethod } from "../define-method.ts";

/**
 * Keeps the largest entries of the neural gradient, along the outputs that inputGrad sums over. It has the least
 * squared error but is biased, and the error is passed on to all layers below. It is for comparisons. Source: Xu et al.
 * 2022, strategies GG and GX.
 */
export const greedy = defineInputGradMethod({
  name: "greedy",
  title: "greedy",
  about: "keeps the largest entries of the neural gradient; biased, to compare with",
  source: "Xu et al. 2022",
  section: "strategies GX and GG; section unconfirmed",
  oracle: "src/core/backend/conformance.test.ts",
  shows: "compare --model cnn --methods dense,fst,gx --pattern 2:4",
  options: {},
  make: () => ({ operand: "gradient", pack: (rows, gradient) => rows.prune(gradient) }),
});
