/** Whether a claim holds: tests means over seeds, or over repeats, against bounds. */
import { holm, type Interval, intervalOf } from "../statistics/interval.ts";
import { twoSidedP } from "../statistics/student-t.ts";

export type Verdict = "holds" | "does not hold" | "not decided at this scale";

/** At least one of the bounds is given. */
export interface Bounds {
  readonly atMost?: number | undefined;
  readonly atLeast?: number | undefined;
}

/** A condition of a claim: the mean of these values, one for each seed or each repeat, keeps to the bounds. */
export interface Condition extends Bounds {
  readonly values: readonly number[];
}

export interface Judgement {
  readonly value: Interval;
  /** The two-sided p value of the verdict, adjusted by Holm over all conditions of the claim. */
  readonly p: number;
  readonly verdict: Verdict;
}

/** The verdicts are wrong with at most this probability, over all conditions of a claim together. */
const SIGNIFICANCE = 0.05;

/**
 * Judges the conditions of one claim. A condition holds, or does not, where a t-test against its bound says so at a p
 * value below 0.05, adjusted for the number of conditions. Its interval is not adjusted: it is the plain 95 % one.
 */
export function judge(conditions: readonly Condition[]): Judgement[] {
  const sides = conditions.map(sideOf);
  const adjusted = holm(sides.map(({ p }) => p));
  return conditions.map(({ values }, i) => {
    const said = sides[i].isWithin ? "holds" : "does not hold";
    const verdict = adjusted[i] < SIGNIFICANCE ? said : "not decided at this scale";
    return { value: intervalOf(values), p: adjusted[i], verdict };
  });
}

/** The side of the bounds that the mean seems to be on, and the two-sided p value of that. */
function sideOf({ values, atMost, atLeast }: Condition): { p: number; isWithin: boolean } {
  const { mean, error } = intervalOf(values);
  const beyond = [...(atMost === undefined ? [] : [mean - atMost]), ...(atLeast === undefined ? [] : [atLeast - mean])];
  if (values.length < 2) return { p: 1, isWithin: beyond.every((by) => by <= 0) };
  // the one-sided p value of being within; where nothing varies, a mean at the bound itself keeps to it
  const within = beyond.map((by) => {
    if (error === 0) return by <= 0 ? 0 : 1;
    const half = twoSidedP(by / error, values.length - 1) / 2;
    return by < 0 ? half : 1 - half;
  });
  // within both bounds needs both tests; beyond either one is found by two tests
  const [isWithin, isBeyond] = [Math.max(...within), within.length * (1 - Math.max(...within))];
  return { p: Math.min(1, 2 * Math.min(isWithin, isBeyond)), isWithin: isWithin < isBeyond };
}

/** The verdict on a whole claim: it holds if all of it does. */
export function verdictOfAll(verdicts: readonly Verdict[]): Verdict {
  if (verdicts.includes("does not hold")) return "does not hold";
  if (verdicts.includes("not decided at this scale") || verdicts.length === 0) return "not decided at this scale";
  return "holds";
}
