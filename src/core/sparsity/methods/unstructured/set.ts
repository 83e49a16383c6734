import { REGROW_OPTIONS, regrowing } from "./regrow.ts";
import { defineUnstructuredMethod } from "./unstructured-method.ts";

/**
 * SET: drops the smallest weights and grows as many at random, at constant sparsity. Source: Mocanu et al. 2018.
 * Differences: (1) the smallest |w| are dropped, where theirs are the smallest positive and the largest negative
 * weights; (2) grown weights start at zero; (3) an update takes the place of a step of the optimizer for these weights,
 * as in RigL.
 */
export const set = defineUnstructuredMethod({
  name: "set",
  title: "SET",
  about: "sparse from the first step; drops the smallest weights and grows others at random, without a pattern",
  source: "Mocanu et al. 2018",
  section: "set_mlp_keras_cifar10.py, rewireMask",
  oracle: "src/core/sparsity/unstructured-sparsifier.test.ts",
  shows: "compare --methods dense,set",
  options: REGROW_OPTIONS,
  make: (options) =>
    regrowing(options, {
      readsGradient: false,
      dropAt: (drop) => drop,
      grow: (_, draw) => draw(),
    }),
});
