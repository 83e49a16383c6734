import { defineInputGradMethod } from "../define-method.ts";

/**
 * The minimum-variance unbiased N:M sample of the neural gradient, along the outputs that inputGrad sums over. The
 * gradient of a layer is linear in that of the layer above, so all layers below receive the right gradient on average;
 * but their variances add up. Source: Chmiel et al. 2023; with vectors of rows, inclusion by their norms.
 * Difference: the paper samples for weightGrad, and here multiplies by a transposable weight to keep the variance low.
 */
export const mvue = defineInputGradMethod({
  name: "mvue",
  title: "MVUE",
  about: "an unbiased sample of the neural gradient, along the outputs",
  source: "Chmiel et al. 2023",
  section: "section unconfirmed; no code",
  oracle: "src/core/sparse/mvue.test.ts",
  shows: "reproduce gradients-want-no-bias",
  options: {},
  make: () => ({ operand: "gradient", pack: (rows, gradient, draw) => rows.sample(gradient, draw) }),
});
