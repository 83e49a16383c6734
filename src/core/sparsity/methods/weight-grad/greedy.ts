import { defineWeightGradMethod } from "../define-method.ts";

/**
 * Keeps the largest entries of the neural gradient, along the positions that weightGrad sums over. It has the least
 * squared error but is biased, so the error does not average out. It is for comparisons. Source: the contrast in Chmiel
 * et al. 2023, section 3.
 */
export const greedy = defineWeightGradMethod({
  name: "greedy",
  title: "greedy",
  about: "keeps the largest entries of the neural gradient; biased, to compare with",
  source: "Chmiel et al. 2023",
  section: "abstract; no code",
  oracle: "src/core/backend/conformance.test.ts",
  shows: "reproduce gradients-want-no-bias",
  options: {},
  make: () => ({
    operand: "gradient",
    pack: (transpose, gradient) => transpose.prune(gradient, null, 1),
  }),
});
