import { type Pattern, patternName } from "../../../sparse/pattern.ts";
import { defineWeightGradMethod } from "../define-method.ts";

/**
 * An unbiased 2:4 sample of the neural gradient by two draws, the second among the other three entries. It is simpler
 * than MVUE, with 1.06 times its variance for normal gradients and never more than twice. It is for comparisons: MVUE
 * is exact, and faster here. Source: Hu et al. 2024 (FST), `_MVUE24_approx` of their code.
 * Difference: sums of the other entries are added up, where that code subtracts from the total and adds an epsilon.
 */
export const approxMvue = defineWeightGradMethod({
  name: "approx-mvue",
  title: "approx-MVUE",
  about: "an unbiased 2:4 sample of the neural gradient by two draws, not of least variance; to compare with",
  source: "Hu et al. 2024",
  section: "2by4-pretrain, utils.py, _MVUE24_approx",
  oracle: "src/core/backend/oracle/sample.test.ts",
  shows: "train recipes/digits-mlp-sr-ste-double-pruned-approx-mvue.json",
  options: {},
  make: () => ({
    operand: "gradient",
    misfit: only24,
    pack: (transpose, gradient, draw) => transpose.sampleApproximately(gradient, draw),
  }),
});

function only24(pattern: Pattern): string | undefined {
  return patternName(pattern) === "2:4" ? undefined : `approx-mvue samples 2:4, not ${patternName(pattern)}`;
}
