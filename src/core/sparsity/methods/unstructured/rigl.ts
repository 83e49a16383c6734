import { REGROW_OPTIONS, regrowing } from "./regrow.ts";
import { defineUnstructuredMethod } from "./unstructured-method.ts";

/**
 * RigL: drops the smallest weights and grows entries where the gradient is largest, at constant sparsity; the number of
 * changes falls along a cosine. Source: Evci et al. 2020, section 3, algorithm 1.
 * Differences: (1) of equal scores the lower index wins; (2) there is no update before the first step.
 * The defaults of 100 steps, 0.3 and 75 % of the run are unconfirmed.
 */
export const rigl = defineUnstructuredMethod({
  name: "rigl",
  title: "RigL",
  about: "sparse from the first step; drops the smallest weights and grows by gradients, without a pattern",
  source: "Evci et al. 2020; google-research/rigl",
  section: "section 3, algorithm 1; sparse_optimizers_base.py",
  oracle: "src/core/sparsity/unstructured-sparsifier.test.ts",
  shows: "compare --methods dense,set,rigl",
  options: REGROW_OPTIONS,
  make: (options) =>
    regrowing(options, {
      readsGradient: true,
      dropAt: (drop, done) => (drop / 2) * (1 + Math.cos(Math.PI * done)),
      grow: ({ gradient }) => Float32Array.from(gradient).map(Math.abs),
    }),
});
