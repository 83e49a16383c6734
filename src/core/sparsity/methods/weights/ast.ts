import { number } from "../../../options.ts";
import { defineWeightMethod } from "../define-method.ts";
import { decayDecoupled } from "./pruned-decay.ts";
import { pruneEvery, refreshEvery, stepAt } from "./refresh.ts";

/**
 * AST: SR-STE with a decay that rises, lambda(t) = alpha min(t, T0), masks that stay for some steps, and a decay that
 * Adam's first moment does not see, so that masks move by the loss. Source: Huang et al. 2025 and their repository.
 * Differences: (1) the decay is decoupled, w -= rate lambda (1 - E) w. In the source's code it is added to the moment
 * in the update, m + lambda (1 - E) w, which is divided by the root of v, and v is the mean of the square of that sum.
 * Here v sees gradients only, and lambda is larger for it. (2) lambda is that of T0, and T0 is a share of the run:
 * alpha = lambda / T0. (3) A mask stays for one step unless more are asked for. (4) Neither distillation nor SLoRB.
 */
export const ast = defineWeightMethod({
  name: "ast",
  title: "AST",
  about: "SR-STE with a decay that rises and stays out of the optimizer's moments",
  source: "Huang et al. 2025; thu-ml/Adaptive-Sparse-Trainer",
  section: "adamw.py; main.py, get_decay",
  oracle: "src/core/sparsity/methods/weights/written-out.test.ts",
  shows: "compare --methods dense,sr-ste,ast",
  sparse: true,
  options: {
    lambda: number({ default: 5, min: 0, max: 1000, about: "strength of the decay from T0 on" }),
    rise: number({ default: 0.5, min: 0, max: 1, about: "T0 as a share of all steps" }),
    refresh: refreshEvery(1),
  },
  make: ({ lambda, rise, refresh }) => ({
    shortGroups: true,
    beforeForward: (parameter, clock) => pruneEvery(refresh, parameter, clock),
    onGradient: (parameter, clock) => {
      const until = rise === 0 ? 0 : stepAt(rise, clock.steps);
      decayDecoupled(parameter, until === 0 ? lambda : lambda * Math.min(1, clock.step / until), clock);
    },
  }),
});
