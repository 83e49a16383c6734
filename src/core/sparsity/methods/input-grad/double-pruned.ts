import { defineInputGradMethod } from "../define-method.ts";
import { refreshEvery } from "../weights/refresh.ts";

/**
 * Prunes the weight that the forward product uses once more along its outputs, which inputGrad sums over. It is N:M
 * there too, but not under the same mask, so the gradient is biased. Of a transposable weight nothing more is pruned,
 * and the gradient is exact. Source: Mozaffari et al. 2025 (SLoPe); Hubara et al. 2021 for the transposable case.
 * Difference: the second mask is chosen anew every `refresh` steps, by default at each, where the paper fixes both. In
 * between, the entries kept are those of both the last choice and the mask of forward, so a group may keep fewer.
 */
export const doublePruned = defineInputGradMethod({
  name: "double-pruned",
  title: "double-pruned",
  about: "prunes the pruned weight once more, along its outputs",
  source: "Mozaffari et al. 2025 (SLoPe)",
  section: "section unconfirmed",
  oracle: "src/core/sparsity/sparsity.test.ts",
  shows: "compare --methods dense,sr-ste,fully-sparse",
  options: { refresh: refreshEvery(1) },
  make: ({ refresh }) => ({
    shortGroups: refresh === 1,
    ...(refresh === 1 ? {} : { readsHost: "masks are noted and met between two refreshes" }),
    operand: "weight",
    pack: (transpose, weight, mask, taps, { step }) => {
      if (refresh === 1) transpose.prune(weight, mask, taps);
      else if (transpose.choice === null || step % refresh === 0) transpose.choose(weight, mask, taps);
      else transpose.pruneChosen(weight, mask, taps);
    },
  }),
});
