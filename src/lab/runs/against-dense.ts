/** The methods of a comparison over its seeds, each beside dense at equal seeds. */
import { scoreOf } from "../../core/task/evaluate.ts";
import { holm, type Interval, intervalOf, pValue } from "../statistics/interval.ts";
import type { RunResult } from "./together.ts";

/** What runs of one recipe are held to be equal in, beside dense. */
export const EQUALS = ["time", "steps"] as const;
export type Equal = (typeof EQUALS)[number];

/** One method over all seeds. Lists are in the order of `seeds`. */
export interface MethodSummary extends Pick<RunResult, "strategy" | "method" | "pattern" | "plan"> {
  readonly isDense: boolean;
  readonly seeds: readonly number[];
  /** Test losses, and scores in percentage points or bits per character. */
  readonly losses: readonly number[];
  readonly scores: readonly number[];
  /** Seconds of training. */
  readonly seconds: readonly number[];
  readonly loss: Interval;
  readonly score: Interval;
  /** Beside dense; null for dense itself, and where there is no dense run. */
  readonly beside: BesideDense | null;
}

/** Intervals over the seeds, of values paired with those of the dense run of each seed. */
export interface BesideDense {
  /** Differences of test losses and scores: this method's - dense's. */
  readonly loss: Interval;
  readonly score: Interval;
  /** P value of the difference of test losses, adjusted by Holm for the number of methods. */
  readonly p: number;
  /** Step time of dense / of this method, medians of a run's rounds; seconds of this method / of dense. */
  readonly speedUp: Interval;
  readonly time: Interval;
  /** Seconds of dense / of this method to the least loss that both reach. Null where it is never known. */
  readonly equalLoss: Interval | null;
}

/** Whether nothing in a run is sparse: the others are compared with it. */
export function isDenseRun({ strategy, method, plan }: Pick<RunResult, "strategy" | "method" | "plan">): boolean {
  return strategy === null && method === "dense" && Object.values(plan).every((computed) => computed === "dense");
}

/** Summarizes comparisons, one for each seed, of the same methods in the same order. */
export function summarizeMethods(comparisons: readonly (readonly RunResult[])[]): MethodSummary[] {
  const dense = comparisons[0].findIndex(isDenseRun);
  const methods = comparisons[0].map((_, i) => {
    const runs = comparisons.map((all) => all[i]);
    const { strategy, method, pattern, plan } = runs[0];
    const [losses, scores] = [runs.map(({ loss }) => loss), runs.map(scoreOf)];
    return {
      ...{ strategy, method, pattern, plan, isDense: i === dense },
      ...{ seeds: runs.map(({ seed }) => seed), losses, scores, seconds: runs.map(({ seconds }) => seconds) },
      ...{ loss: intervalOf(losses), score: intervalOf(scores) },
    };
  });
  if (dense < 0) return methods.map((one) => ({ ...one, beside: null }));
  const base = methods[dense];
  const minus = (a: readonly number[], b: readonly number[]): number[] => a.map((x, i) => x - b[i]);
  const sparse = methods.filter(({ isDense }) => !isDense);
  const p = holm(sparse.map(({ losses }) => pValue(minus(losses, base.losses), 0)));
  return methods.map((one, i): MethodSummary => {
    if (one.isDense) return { ...one, beside: null };
    const runs = comparisons.map((all) => all[i]);
    const races = runs.flatMap(({ equalLoss }) =>
      equalLoss === null ? [] : equalLoss.denseSeconds / equalLoss.seconds,
    );
    const beside = {
      ...{ loss: intervalOf(minus(one.losses, base.losses)), score: intervalOf(minus(one.scores, base.scores)) },
      p: p[sparse.indexOf(one)],
      speedUp: intervalOf(runs.map(({ speedUp }) => speedUp?.median ?? Number.NaN)),
      time: intervalOf(one.seconds.map((seconds, seed) => seconds / base.seconds[seed])),
      equalLoss: races.length < runs.length ? null : intervalOf(races),
    };
    return { ...one, beside };
  });
}

/** Whether the sparse method with the least test loss is better than dense. */
export interface Verdict {
  readonly verdict: "better" | "worse" | "undecided";
  /** Place of that method in the list of summaries. */
  readonly best: number;
}

/** The verdict at a p value below 0.05; null where there is nothing to compare. */
export function verdictOn(methods: readonly MethodSummary[]): Verdict | null {
  const sparse = methods.flatMap(({ beside }, i) => (beside === null ? [] : [{ i, beside }]));
  if (sparse.length === 0) return null;
  const { i: best, beside } = sparse.reduce((a, b) => (b.beside.loss.mean < a.beside.loss.mean ? b : a));
  const decided = beside.loss.mean < 0 ? "better" : "worse";
  return { verdict: beside.p < 0.05 ? decided : "undecided", best };
}
