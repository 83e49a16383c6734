/**
 * The minimum-variance unbiased N:M sample of one group, in double precision; the kernels' samples are tested against
 * it. Entries are vectors of V numbers that are kept together; V is 1 for plain N:M. The proof is in
 * docs/methods/mvue.md.
 */

/** How a group is sampled. */
export interface Mvue {
  /** Probability of keeping each entry; they sum to n, or to the number of non-zero entries if that is less. */
  readonly probabilities: readonly number[];
  /** Value of each entry if it is kept: the entry divided by its probability; 0 for an entry that is never kept. */
  readonly values: readonly (readonly number[])[];
  /** Sum of the variances of all numbers: the least that an unbiased sample with at most n kept entries can have. */
  readonly variance: number;
  /** The entries that a number u, uniform in (0, 1), keeps: at most n, in rising order. */
  draw(u: number): number[];
}

/**
 * The sampling of a group; its numbers may have any finite size if their ratios within the group are finite doubles.
 */
export function mvue(group: readonly (readonly number[])[], n: number): Mvue {
  const norms = group.map((entry) => Math.hypot(...entry));
  const largest = Math.max(...norms);
  // sizes relative to the largest, because quotients of denormal numbers are coarse
  const sizes = norms.map((norm) => (largest > 0 ? norm / largest : 0));
  const tau = waterLevel(sizes, n);
  const probabilities = sizes.map((size) => (size === 0 ? 0 : Math.min(1, size / tau)));
  return {
    probabilities,
    values: group.map((entry, j) => entry.map((x) => (probabilities[j] > 0 ? x / probabilities[j] : 0))),
    variance: norms.reduce((sum, norm, j) => sum + (norm > 0 ? norm ** 2 * (1 / probabilities[j] - 1) : 0), 0),
    draw: (u) => {
      // entries that are certain take no part in the draw, so that rounding cannot lose them
      const ends = runningSums(probabilities.map((p) => (p < 1 ? p : 0)));
      return [...group.keys()].filter((j) => {
        const [from, to] = [ends[j - 1] ?? 0, ends[j]];
        return probabilities[j] === 1 || [...Array(n).keys()].some((q) => from <= u + q && u + q < to);
      });
    },
  };
}

/** The tau for which the sum of min(1, size / tau) is n; 0 if fewer than n entries are not zero. */
function waterLevel(sizes: readonly number[], n: number): number {
  const falling = [...sizes].sort((a, b) => b - a);
  for (let certain = 0; ; certain++) {
    // the others are summed from the smallest on, never as a difference, in which they would be lost beside a large one
    const tau = falling.slice(certain).reduceRight((sum, size) => sum + size, 0) / (n - certain);
    if (certain === n - 1 || falling[certain] <= tau) return tau;
  }
}

/** Running sums, of which the last is a whole number but for rounding, and is rounded to it. */
function runningSums(probabilities: readonly number[]): number[] {
  let sum = 0;
  const ends = probabilities.map((p) => (sum += p));
  return ends.map((end) => (end === sum ? Math.round(end) : end));
}
