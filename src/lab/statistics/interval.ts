/** A mean with its 95 % interval, from the spread of its own values. */
import { twoSidedP, twoSidedQuantile } from "./student-t.ts";

export interface Interval {
  readonly mean: number;
  /** Standard deviation of the values, with n - 1; NaN if there is a single one. */
  readonly deviation: number;
  /** Standard error of the mean: deviation / sqrt(n); NaN if there is a single value. */
  readonly error: number;
  readonly low: number;
  readonly high: number;
}

/** Share of such intervals that hold the true mean, if values are normal and independent. */
export const LEVEL = 0.95;

/**
 * The mean of values, one for each seed or each process, and Student's interval for it. For a difference of two
 * variants, `values` are the differences at equal seeds: what both share, such as the order of the data, then cancels,
 * and neither the spreads of other differences nor runs that these share with it matter. A single value has an interval
 * without ends. Values that are all equal have one of no width.
 */
export function intervalOf(values: readonly number[]): Interval {
  const count = values.length;
  const mean = values.reduce((a, b) => a + b, 0) / count;
  if (count < 2) return { mean, deviation: Number.NaN, error: Number.NaN, low: -Infinity, high: Infinity };
  const deviation = Math.sqrt(values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (count - 1));
  const error = deviation / Math.sqrt(count);
  const half = twoSidedQuantile(LEVEL, count - 1) * error;
  return { mean, deviation, error, low: mean - half, high: mean + half };
}

/**
 * The two-sided p value of a t-test of the mean against `bound`: below 0.05 just where the interval does not hold the
 * bound. It is 1 for a single value.
 */
export function pValue(values: readonly number[], bound: number): number {
  const { mean, error } = intervalOf(values);
  if (values.length < 2 || mean === bound) return 1;
  return twoSidedP((mean - bound) / error, values.length - 1);
}

/**
 * P values for several tests of one question, adjusted so that the chance of any false finding among them stays below
 * the level: the least is multiplied by their number, the next by one less, and none comes before a lesser one.
 * Source: Holm 1979, "A simple sequentially rejective multiple test procedure".
 */
export function holm(values: readonly number[]): number[] {
  const order = values.map((_, i) => i).sort((a, b) => values[a] - values[b]);
  const adjusted = new Array<number>(values.length);
  let least = 0;
  order.forEach((at, rank) => {
    least = Math.max(least, Math.min(1, values[at] * (values.length - rank)));
    adjusted[at] = least;
  });
  return adjusted;
}

/** "-0.12 ± 0.08": a mean with half the width of its 95 % interval; "-0.12" if there is a single value. */
export function intervalText({ mean, high }: Pick<Interval, "mean" | "high">, digits: number, sign = true): string {
  const text = `${sign && mean >= 0 ? "+" : ""}${mean.toFixed(digits)}`;
  return Number.isFinite(high) ? `${text} ± ${(high - mean).toFixed(digits)}` : text;
}
