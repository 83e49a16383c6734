import type { InputGradMethod } from "../method.ts";

/**
 * The weight as the forward product uses it, pruned once more along its outputs, which is what inputGrad sums over: N:M
 * there too, but not the same mask, so the gradient is a biased one. Source: Mozaffari et al. 2025 (SLoPe).
 * Difference: both masks are chosen anew whenever the weight is packed, where the paper fixes them.
 */
export const doublePruned: InputGradMethod = {
  name: "double-pruned",
  title: "double-pruned",
  about: "prunes the pruned weight once more, along its outputs",
  source: "Mozaffari et al. 2025 (SLoPe)",
  pack: (transpose, weight, mask, taps) => transpose.prune(weight, mask, taps),
};
