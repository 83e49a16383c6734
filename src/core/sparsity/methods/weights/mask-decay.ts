import { number, word } from "../../../options.ts";
import { defineWeightMethod } from "../define-method.ts";
import type { SparseParameter } from "../method.ts";
import { stepAt, stepOf } from "./refresh.ts";

/** The value of the exponential decay at which it is cut to 0. */
const LAST = 0.01;

/**
 * Mask decay: pruned weights are not set to zero but multiplied by d, which goes from 1 to 0 while the network trains;
 * then the mask is binary. Source: Kao et al. 2022; Bambhaniya et al. 2024 and their repository.
 * Differences: (1) the decay is given by the shares of the run between which it happens, not by a coefficient a step;
 * the exponential one is cut to 0 when it has come to 0.01, where the source goes on with what is left of it.
 * (2) The decay counts from the end of the dense share; in the source's code from the first step.
 */
export const maskDecay = defineWeightMethod({
  name: "mask-decay",
  title: "mask decay",
  about: "pruned weights fade from the forward product, then the mask is binary",
  source: "Kao et al. 2022; Bambhaniya et al. 2024 (MdGf)",
  section: "sparse_functions.py, LinearDecay, ExponentialDecay",
  oracle: "src/core/sparsity/methods/weights/written-out.test.ts",
  shows: "compare --methods dense,sr-ste,mask-decay --pattern 1:8",
  sparse: true,
  options: {
    decayFrom: number({ default: 0.1, min: 0, max: 1, about: "share of all steps that are dense, before the decay" }),
    decayUntil: number({ default: 0.6, min: 0, max: 1, about: "share of all steps before the mask is binary" }),
    decay: word(["linear", "exponential"], "how d goes to 0"),
    mask: word(["moving", "fixed"], "whether the binary mask is chosen anew at every step"),
  },
  make: ({ decayFrom, decayUntil, decay, mask }) => ({
    shortGroups: true,
    beforeForward: (parameter, clock) => {
      const step = stepOf(clock);
      const from = stepAt(decayFrom, clock.steps);
      const until = Math.max(from, stepAt(decayUntil, clock.steps));
      if (step < from) return;
      if (step < until) {
        const done = (step - from) / (until - from);
        fade(parameter, decay === "linear" ? 1 - done : LAST ** done);
        return;
      }
      const chooses = mask === "moving" || (step === until && clock.training);
      if (chooses || !parameter.pruned) parameter.prune();
      else parameter.repack();
    },
  }),
});

/**
 * Makes products multiply by W (E + (1 - E) d), with the mask E chosen now; with d = 1 they are those of the dense
 * weight, bit for bit.
 */
function fade(parameter: SparseParameter, d: number): void {
  parameter.prune();
  const { kernels, weight, mask, rows, k } = parameter;
  const values = parameter.scratch("values", weight.length);
  kernels.copy(values, weight, weight.length);
  // not with the pack's masked copy, which would then be written at every step of the sparse phase too
  kernels.maskedDecay(values, weight, mask, rows, k, d - 1);
  parameter.multiplyBy(values);
}
