import { defineWeightGradMethod } from "../define-method.ts";

/**
 * The minimum-variance unbiased N:M sample of the neural gradient, along the positions that weightGrad sums over. It is
 * right on average, whatever the gradient. Source: Chmiel et al. 2023; with vectors of rows, inclusion by their norms.
 * Difference: one systematic draw a group, for every N:M, where the paper tabulates pairs for 2:4.
 */
export const mvue = defineWeightGradMethod({
  name: "mvue",
  title: "MVUE",
  about: "an unbiased sample of the neural gradient",
  source: "Chmiel et al. 2023",
  section: "section unconfirmed; no code",
  oracle: "src/core/sparse/mvue.test.ts",
  shows: "reproduce gradients-want-no-bias",
  options: {},
  make: () => ({
    operand: "gradient",
    pack: (transpose, gradient, draw) => transpose.sample(gradient, draw),
  }),
});
