import { number } from "../../../options.ts";
import { defineWeightMethod } from "../define-method.ts";
import { pruneEvery, refreshEvery, stepAt, stepOf } from "./refresh.ts";

/**
 * STEP: trains dense until Adam's running variance has settled, then STE with that variance frozen, since gradients of
 * pruned weights that come and go would spoil it. It has settled when the mean of |v_t - v_(t-1)| over a window is
 * below Adam's epsilon, within a least and a largest share of the run. Source: Lu et al. 2023; the frozen step as in
 * 2by4-pretrain, adamw_step.py, where other parameters too keep a variance that moves.
 * Differences: (1) the window is 1 / (1 - beta2) steps, but not more than a tenth of the run. (2) The mean is over one
 * entry of 61. (3) The frozen variance keeps the bias correction of its last step, without which a short dense phase
 * makes steps that are too long by the root of 1 / (1 - beta2^t).
 */
export const step = defineWeightMethod({
  name: "step",
  title: "STEP",
  about: "dense until Adam's variance has settled, then STE with it frozen",
  source: "Lu et al. 2023",
  section: "2by4-pretrain, adamw_step.py",
  oracle: "src/core/sparsity/methods/weights/step.test.ts",
  shows: "compare --methods dense,ste,step",
  sparse: true,
  options: {
    least: number({ default: 0.1, min: 0, max: 1, about: "share of all steps that are dense at least" }),
    largest: number({ default: 0.5, min: 0, max: 1, about: "share of all steps that are dense at most" }),
    refresh: refreshEvery(1),
  },
  make: ({ least, largest, refresh }) => ({
    shortGroups: true,
    readsHost: "the variance has settled when its drift, taken on a sample of the gradients, is small",
    needsVariance: true,
    beforeForward: (parameter, clock) => {
      const begin = parameter.state("begin", 1)[0];
      const latest = stepAt(largest, clock.steps);
      if (stepOf(clock) >= (begin === 0 ? latest : begin)) pruneEvery(refresh, parameter, clock);
    },
    afterStepOfAll: ({ parameters, variance, state }, { step: now, steps }) => {
      if (variance === null || variance.frozenAt !== null) return;
      const { drift, epsilon } = variance;
      const window = Math.max(1, Math.min(variance.window, Math.round(steps / 10)));
      const drifts = state("drifts", window);
      // the first drift is NaN, and so is the mean until the window is full
      drifts[now % window] = drift;
      const taken = now + 1;
      const settled = drifts.reduce((sum, one) => sum + one, 0) / window < epsilon;
      if (taken < stepAt(largest, steps) && !(settled && taken >= Math.round(least * steps))) return;
      variance.freeze();
      for (const parameter of parameters) parameter.state("begin", 1)[0] = taken;
    },
  }),
});
