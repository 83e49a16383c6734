import type { InputGradMethod, MethodEntry } from "../method.ts";

/**
 * The weight as the forward product uses it, pruned once more along its outputs, which is what inputGrad sums over: N:M
 * there too, but not the same mask, so the gradient is a biased one. Of a transposable weight nothing more is pruned, and
 * the gradient is exact. Source: Mozaffari et al. 2025 (SLoPe); Hubara et al. 2021 for the transposable case.
 * Difference: both masks are chosen anew whenever the weight is packed, where the paper fixes them.
 */
export const doublePruned: MethodEntry<InputGradMethod> = {
  name: "double-pruned",
  title: "double-pruned",
  about: "prunes the pruned weight once more, along its outputs",
  source: "Mozaffari et al. 2025 (SLoPe)",
  hyperParameters: {},
  make: () => ({
    name: "double-pruned",
    operand: "weight",
    pack: (transpose, weight, mask, taps) => transpose.prune(weight, mask, taps),
  }),
};
