import { number, word } from "../../../options.ts";
import { fisherBlocks } from "../fisher/blocks.ts";
import { fisherDiagonal } from "../fisher/diagonal.ts";
import type { Clock } from "../method.ts";
import { stepAt } from "../weights/refresh.ts";
import { BUDGETS, type Budget, keptOfLayers } from "./budgets.ts";
import { largest, largestWithin } from "./choose.ts";
import { cubic, denseSparseDense, iterative, oneShot, type SparsitySchedule } from "./schedules.ts";
import { SCORES, type ScoreSource, scoresOf, scoresOfUnits, UNITS, type Unit, unitsOf } from "./scores.ts";
import { defineUnstructuredMethod, type UnstructuredParameter } from "./unstructured-method.ts";

/**
 * Pruning without a pattern: the entries with the least scores become zero and stay zero, by a schedule.
 * Sources: see schedules.ts, scores.ts and budgets.ts.
 * Differences: (1) first-order scores are of the gradient of one batch; (2) a rewind brings back all parameters but not
 * the running means of batch norm, which follow by themselves; (3) see fisher/blocks.ts for obs.
 */
export const prune = defineUnstructuredMethod({
  name: "prune",
  title: "pruning",
  about: "entries with the least scores become zero, by a schedule; no pattern",
  source: "Zhu and Gupta 2017; Frankle and Carbin 2019; Han et al. 2017",
  section: "on its page",
  oracle: "src/core/sparsity/methods/unstructured/unstructured.test.ts",
  shows: "compare --methods dense,prune",
  options: {
    sparsity: number({ default: 0.9, min: 0, max: 0.9999, about: "share of zeros at the end" }),
    from: number({ default: 0.1, min: 0, max: 1, about: "share of all steps before the first pruning" }),
    until: number({
      ...{ default: 0.6, min: 0, max: 1 },
      about: "share of all steps by which cubic is done and dense-sparse-dense is dense",
    }),
    every: number({ default: 50, min: 1, max: 1e6, integer: true, about: "cubic: steps from one pruning to the next" }),
    rounds: number({ default: 4, min: 1, max: 100, integer: true, about: "iterative: prunings, evenly over the run" }),
    rewindTo: number({
      ...{ default: 0.1, min: 0, max: 1 },
      about: "iterative: share of the first round at which the weights are noted",
    }),
    schedule: word(["cubic", "one-shot", "iterative", "dense-sparse-dense"], "when how much is pruned"),
    score: word(
      SCORES,
      "|w|, |w dL/dw|, or the rise of the loss by the Fisher information: its diagonal, or its blocks",
    ),
    fisherSteps: number({
      ...{ default: 8, min: 1, max: 1e6, integer: true },
      about: "obd, obs: steps up to a pruning whose batches the Fisher information is of",
    }),
    fisherBlock: number({ default: 32, min: 1, max: 256, integer: true, about: "obs: weights of a block, in a row" }),
    damping: number({
      ...{ default: 1, min: 1e-6, max: 1e6 },
      about: "obs: what is added to the diagonal, as a share of its mean",
    }),
    compensation: word(["block", "none"], "obs: whether the weights of a block that stay make up for those that go"),
    budget: word(BUDGETS, "how layers share the zeros"),
    units: word(UNITS, "what is pruned as one, by its mean score; blocks of 4x4"),
    rewind: word(["weights", "none"], "iterative: whether each round begins with the weights of the first"),
  },
  make: ({ sparsity, from, until, every, rounds, rewindTo, schedule, score, budget, units, rewind, ...fisher }) => {
    const { fisherSteps, fisherBlock: size, damping, compensation } = fisher;
    const curvatures = {
      obd: fisherDiagonal,
      obs: fisherBlocks({ size, damping, compensates: compensation === "block" }),
    };
    const source = score === "obd" || score === "obs" ? curvatures[score] : score;
    const begins = (steps: number): number[] =>
      Array.from({ length: rounds }, (_, i) => Math.max(1, Math.round(((i + 1) * steps) / (rounds + 1))));
    const planOf = ({ steps }: Pick<Clock, "steps">): Plan => {
      const first = stepAt(from, steps);
      const options = { sparsity, from: first, until: Math.max(first + 1, stepAt(until, steps)) };
      switch (schedule) {
        case "one-shot":
          return { at: oneShot(options), isDue: (step) => step === options.from };
        case "iterative":
          return { at: iterative(sparsity, begins(steps)), isDue: (step) => begins(steps).includes(step) };
        case "dense-sparse-dense":
          return { at: denseSparseDense(options), isDue: (step) => step === options.from || step === options.until };
        default:
          return {
            at: cubic(options),
            isDue: (step) =>
              step >= first && step <= options.until && ((step - first) % every === 0 || step === options.until),
          };
      }
    };
    const readsIn = ({ step, steps }: Pick<Clock, "step" | "steps">): boolean => {
      const { at, isDue } = planOf({ steps });
      return Array.from({ length: fisherSteps }, (_, i) => step + i).some((due) => isDue(due) && at(due) > 0);
    };
    return {
      readsHost: "weights are pruned by the order of their scores",
      ...(schedule === "iterative" ? { restarts: begins } : {}),
      // entries that come back take part in the same step
      readsGradient: (clock) =>
        (score === "first-order" || schedule === "dense-sparse-dense") && planOf(clock).isDue(clock.step),
      ...(typeof source === "string" ? {} : { samples: { readsIn, add: source.add } }),
      update: (all, clock) => {
        const { step, steps } = clock;
        const rewinds = schedule === "iterative" && rewind === "weights";
        if (rewinds && step === Math.min(begins(steps)[0] - 1, Math.round(rewindTo * begins(steps)[0]))) all.remember();
        const { at, isDue } = planOf(clock);
        if (!isDue(step)) return "step";
        keepShare(all.parameters, at(step), { source, budget, units });
        if (!rewinds) return "step";
        all.rewind();
        return "rest";
      },
    };
  },
});

interface Plan {
  readonly at: SparsitySchedule;
  readonly isDue: (step: number) => boolean;
}

interface Choice {
  readonly source: ScoreSource;
  readonly budget: Budget;
  readonly units: Unit;
}

/** Prunes to this sparsity. At 0 nothing is pruned, and pruned entries come back as zeros. */
function keepShare(
  parameters: readonly UnstructuredParameter[],
  sparsity: number,
  { source, budget, units }: Choice,
): void {
  if (sparsity === 0) {
    for (const parameter of parameters) parameter.keep(new Uint8Array(parameter.weight.length).fill(1));
    return;
  }
  const scored = parameters.map((parameter) => {
    const scores = scoresOf(parameter, source);
    if (units === "weights") return { parameter, scores, of: null, sizes: null };
    const { of, sizes } = unitsOf(parameter, units);
    return { parameter, scores: scoresOfUnits(scores, of, sizes), of, sizes };
  });
  const keep = (parameter: UnstructuredParameter, chosen: Uint8Array, of: Uint32Array | null): void => {
    const kept = of === null ? chosen : Uint8Array.from(of, (unit) => chosen[unit]);
    if (typeof source === "object") {
      source.compensate?.(parameter, kept);
      source.forget(parameter);
    }
    parameter.keep(kept);
  };
  if (budget !== "global") {
    const counts = keptOfLayers(parameters, budget, sparsity);
    scored.forEach(({ parameter, scores, of }, i) => {
      const share = counts[i] / parameter.weight.length;
      keep(parameter, largest(scores, Math.round(share * scores.length)), of);
    });
    return;
  }
  const all = new Float32Array(scored.reduce((sum, { scores }) => sum + scores.length, 0));
  const sizes = new Uint32Array(all.length);
  let end = 0;
  for (const { scores, sizes: own } of scored) {
    all.set(scores, end);
    if (own !== null) sizes.set(own, end);
    end += scores.length;
  }
  const entries = parameters.reduce((sum, { weight }) => sum + weight.length, 0);
  const count = Math.round((1 - sparsity) * entries);
  const chosen = units === "weights" ? largest(all, count) : largestWithin(all, sizes, count);
  end = 0;
  for (const { parameter, scores, of } of scored) {
    keep(parameter, chosen.subarray(end, end + scores.length), of);
    end += scores.length;
  }
}
