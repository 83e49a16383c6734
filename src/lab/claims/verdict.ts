/** Whether a claim holds: compares intervals with bounds. */

export type Verdict = "holds" | "does not hold" | "not decided at this scale";

/** A mean with its 95 % interval. */
export interface Interval {
  readonly mean: number;
  /** Standard error of the mean; NaN if there is a single value. */
  readonly error: number;
  readonly low: number;
  readonly high: number;
}

/**
 * Student's t for two-sided 95 %, by degrees of freedom, from the usual table; beyond 30 the normal's 1.96 with the
 * first term of its expansion (within 0.001).
 */
const T95 = [
  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131, 2.12, 2.11,
  2.101, 2.093, 2.086, 2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048, 2.045, 2.042,
];

export function studentT(freedom: number): number {
  if (freedom < 1) return Number.POSITIVE_INFINITY;
  return T95[Math.floor(freedom) - 1] ?? 1.96 + 2.37 / freedom;
}

/**
 * The intervals of several differences that were measured over few seeds each. A standard deviation of three values
 * says little, so all share one: the root of the pooled variance, which is the sum of squares about the means over the
 * sum of (n - 1).
 */
export function intervals(differences: readonly (readonly number[])[]): Interval[] {
  const means = differences.map(mean);
  const squares = differences.flatMap((list, i) => list.map((x) => (x - means[i]) ** 2));
  const freedom = differences.reduce((sum, list) => sum + Math.max(0, list.length - 1), 0);
  const deviation = Math.sqrt(squares.reduce((a, b) => a + b, 0) / freedom);
  return differences.map((list, i) => {
    const error = freedom === 0 ? Number.NaN : deviation / Math.sqrt(list.length);
    const half = freedom === 0 ? Number.POSITIVE_INFINITY : studentT(freedom) * error;
    return { mean: means[i], error, low: means[i] - half, high: means[i] + half };
  });
}

/** The verdict on one interval with one bound or two. */
export function verdictOf(
  { low, high }: Pick<Interval, "low" | "high">,
  { atMost = Number.POSITIVE_INFINITY, atLeast = Number.NEGATIVE_INFINITY },
): Verdict {
  if (high <= atMost && low >= atLeast) return "holds";
  if (low > atMost || high < atLeast) return "does not hold";
  return "not decided at this scale";
}

/** The verdict on a whole claim: it holds if all of it does. */
export function verdictOfAll(verdicts: readonly Verdict[]): Verdict {
  if (verdicts.includes("does not hold")) return "does not hold";
  if (verdicts.includes("not decided at this scale") || verdicts.length === 0) return "not decided at this scale";
  return "holds";
}

function mean(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / values.length;
}
