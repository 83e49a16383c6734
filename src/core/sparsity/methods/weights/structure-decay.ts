import { number, word } from "../../../options.ts";
import { misfit, type Pattern } from "../../../sparse/pattern.ts";
import { defineWeightMethod } from "../define-method.ts";
import type { SparseParameter } from "../method.ts";
import { pruneEvery, refreshEvery, stepAt, stepOf } from "./refresh.ts";

/**
 * Structure decay: the pattern itself gets sparser, in frames of equal length after a dense share: (M-1):M, M/2:M,
 * M/4:M to N:M, or 8N:8M, 4N:4M, 2N:2M to N:M, which keep the share and shrink the groups. Each frame runs on its own
 * sparse pack. Source: Kao et al. 2022; Bambhaniya et al. 2024 and their repository.
 * Differences: (1) groups longer than 16, which no pack holds, and groups that do not tile the axis are clipped to the
 * largest of the multiples that does; frames that become the same are one. (2) Frames change at steps, theirs at
 * epochs; where N does not divide M by a power of two, theirs end above N:M.
 */
export const structureDecay = defineWeightMethod({
  name: "structure-decay",
  title: "structure decay",
  about: "the pattern gets sparser in frames, from dense to N:M",
  source: "Kao et al. 2022; Bambhaniya et al. 2024 (SdGf)",
  section: "sparse_functions.py, get_decay_config",
  oracle: "src/core/sparsity/methods/weights/written-out.test.ts",
  shows: "compare --methods dense,sr-ste,structure-decay --pattern 1:8",
  sparse: true,
  options: {
    decayFrom: number({
      default: 0.1,
      min: 0,
      max: 1,
      about: "share of all steps that are dense, before the first frame",
    }),
    decayUntil: number({
      default: 0.6,
      min: 0,
      max: 1,
      about: "share of all steps at which the frames end; N:M goes on",
    }),
    refresh: refreshEvery(1),
    frames: word(["stepwise", "geometric"], "from (M-1):M by halves, or from 8N:8M"),
  },
  make: ({ decayFrom, decayUntil, refresh, frames }) => ({
    beforeForward: (parameter, clock) => {
      const { steps } = clock;
      const step = stepOf(clock);
      const from = stepAt(decayFrom, steps);
      if (step < from) return;
      const patterns = frames === "stepwise" ? halves(parameter.asked) : multiples(parameter);
      const last = patterns.length - 1;
      const length = Math.max(1, Math.round(decayUntil * steps) - from) / patterns.length;
      parameter.changePattern(patterns[step === steps - 1 ? last : Math.min(last, Math.floor((step - from) / length))]);
      pruneEvery(refresh, parameter, clock);
    },
  }),
});

/** The patterns (M-1):M, M/2:M, M/4:M, ... N:M. */
function halves({ n, m, v }: Pattern): Pattern[] {
  const kept = m - 1 > n ? [m - 1] : [];
  for (let half = Math.floor(m / 2); half > n; half = Math.floor(half / 2)) if (half < m - 1) kept.push(half);
  return [...kept, n].map((count) => ({ n: count, m, v }));
}

/** The patterns 8N:8M, 4N:4M, 2N:2M, N:M, or those of them that a pack and the axis of the groups can take. */
function multiples({ asked: { n, m, v }, k, taps }: SparseParameter): Pattern[] {
  return [8, 4, 2, 1]
    .map((factor) => ({ n: factor * n, m: factor * m, v }))
    .filter((pattern) => pattern.m <= 16 && misfit(pattern, k / taps) === undefined);
}
