/**
 * The minimum-variance unbiased N:M sample of one group, in double precision: what the kernels' samples are held against.
 * Entries are vectors of V numbers that are kept together; V is 1 for plain N:M. The proof is in docs/methods/mvue.md.
 */

/** How a group is sampled. */
export interface Mvue {
  /** With what probability each entry is kept; they sum to n, or to the number of entries that are not zero. */
  readonly probabilities: readonly number[];
  /** Each entry as it is where it is kept: divided by its probability. 0 where it never is. */
  readonly values: readonly (readonly number[])[];
  /** Sum of the variances of all numbers: the least that an unbiased sample with at most n kept entries can have. */
  readonly variance: number;
  /** The entries that u, uniform in (0, 1), keeps: at most n, in rising order. */
  draw(u: number): number[];
}

/** Numbers of any finite size whose ratios within a group are finite doubles. */
export function mvue(group: readonly (readonly number[])[], n: number): Mvue {
  const norms = group.map((entry) => Math.hypot(...entry));
  const largest = Math.max(...norms);
  // relative to the largest, because quotients of denormal numbers are coarse
  const sizes = norms.map((norm) => (largest > 0 ? norm / largest : 0));
  const tau = waterLevel(sizes, n);
  const probabilities = sizes.map((size) => (size === 0 ? 0 : Math.min(1, size / tau)));
  return {
    probabilities,
    values: group.map((entry, j) => entry.map((x) => (probabilities[j] > 0 ? x / probabilities[j] : 0))),
    variance: norms.reduce((sum, norm, j) => sum + (norm > 0 ? norm ** 2 * (1 / probabilities[j] - 1) : 0), 0),
    draw: (u) => {
      // those that are certain are no part of the draw: rounding must not lose them
      const ends = runningSums(probabilities.map((p) => (p < 1 ? p : 0)));
      return [...group.keys()].filter((j) => {
        const [from, to] = [ends[j - 1] ?? 0, ends[j]];
        return probabilities[j] === 1 || [...Array(n).keys()].some((q) => from <= u + q && u + q < to);
      });
    },
  };
}

/** tau with sum of min(1, size / tau) = n; with fewer than n that are not zero, 0. */
function waterLevel(sizes: readonly number[], n: number): number {
  const falling = [...sizes].sort((a, b) => b - a);
  for (let certain = 0; ; certain++) {
    // the sum of the others, from the smallest on, and never a difference: beside a large one they would be lost
    const tau = falling.slice(certain).reduceRight((sum, size) => sum + size, 0) / (n - certain);
    if (certain === n - 1 || falling[certain] <= tau) return tau;
  }
}

/** The last of which is a whole number, but for rounding. */
function runningSums(probabilities: readonly number[]): number[] {
  let sum = 0;
  const ends = probabilities.map((p) => (sum += p));
  return ends.map((end) => (end === sum ? Math.round(end) : end));
}
