import type { WeightMethodEntry } from "../method.ts";

/**
 * ASP: train dense, prune once by magnitude, train again under the frozen mask.
 * Gradient and weight are masked around the optimiser's step, because momentum and weight decay would revive pruned
 * weights. Source: NVIDIA apex, contrib/sparsity; Mishra et al. 2021.
 * Differences: (1) the budget of a plain run is shared between both phases, so that methods are compared at equal steps
 * (the recipe of the paper doubles it); the learning rate's schedule starts anew at the pruning, as there.
 * (2) no limit on the sizes of layers but that groups tile the inputs (apex wants 16 inputs and 8 outputs).
 */
export const asp: WeightMethodEntry = {
  name: "asp",
  title: "ASP",
  about: "trains dense, prunes once, trains again with the mask frozen",
  source: "Mishra et al. 2021; NVIDIA apex contrib/sparsity",
  sparse: true,
  hyperParameters: {
    pruneAt: { default: 0.5, min: 0, max: 1, about: "share of all steps before the pruning" },
  },
  make: ({ pruneAt = asp.hyperParameters.pruneAt.default } = {}) => {
    const pruneStep = (steps: number): number => Math.min(steps - 1, Math.round(steps * pruneAt));
    return {
      name: "asp",
      beforeForward: (site, { step, steps, training }) => {
        if (site.pruned) {
          site.repack();
        } else if (training && step >= pruneStep(steps)) {
          site.prune();
          site.maskWeight();
        }
      },
      onGradient: (site) => {
        if (site.pruned) site.maskGradient();
      },
      afterStep: (site) => {
        if (site.pruned) site.maskWeight();
      },
      restarts: (steps) => [pruneStep(steps)],
    };
  },
};
