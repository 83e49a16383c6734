/** The best 2:4 mask along rows and columns at once, one 4 x 4 block at a time. */

const { fround } = Math;

/** The pairs of columns that a row of a transposable block may keep; pair 5 - p is the complement of pair p. */
export const PAIRS = [
  [0, 1],
  [0, 2],
  [0, 3],
  [1, 2],
  [1, 3],
  [2, 3],
] as const;

/** Some rows of a transposable block: the pair that each keeps, and the sum of the kept entries. */
interface KeptPairs {
  readonly sum: number;
  readonly pairs: readonly number[];
}

/** The first of the largest sums; NaN is above infinity. */
const largestSum = (list: readonly KeptPairs[]): KeptPairs =>
  list.reduce((a, b) => (b.sum > a.sum || (Number.isNaN(b.sum) && !Number.isNaN(a.sum)) ? b : a));

/**
 * The pairs that the four rows of a 4 x 4 block keep. The number of times that rows 0 and 1 keep each column, of which
 * there are 19 cases, says what is left for rows 2 and 3. Within a case any upper half fits any lower one, so the
 * largest sums of both make the largest sum.
 */
export function transposable(size: (row: number, column: number) => number): readonly number[] {
  const pair = (row: number, p: number): number => fround(size(row, PAIRS[p][0]) + size(row, PAIRS[p][1]));
  const half = (row: number, p: number, q: number): KeptPairs => ({
    ...{ sum: fround(pair(row, p) + pair(row + 1, q)), pairs: [p, q] },
  });
  const whole = (upper: readonly KeptPairs[], lower: readonly KeptPairs[]): KeptPairs => {
    const [a, b] = [largestSum(upper), largestSum(lower)];
    return { sum: fround(a.sum + b.sum), pairs: [...a.pairs, ...b.pairs] };
  };
  const ways: KeptPairs[] = [];
  for (let p = 0; p < 6; p++) {
    for (let q = p; q < 6; q++) {
      if (p + q === 5) continue;
      ways.push(whole([half(0, p, q), half(0, q, p)], [half(2, 5 - q, 5 - p), half(2, 5 - p, 5 - q)]));
    }
  }
  const eachOnce = (row: number): KeptPairs[] => PAIRS.map((_, p) => half(row, p, 5 - p));
  return largestSum([...ways, whole(eachOnce(0), eachOnce(2))]).pairs;
}
