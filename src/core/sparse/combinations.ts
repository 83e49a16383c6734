/** The choices of n of m places. */

/** Number of choices of n of m places. */
export function combinationCount(n: number, m: number): number {
  let count = 1;
  for (let i = 0; i < n; i++) count = (count * (m - i)) / (i + 1);
  return Math.round(count);
}

/**
 * The choices as bits of the places, those of the lowest places first, so that the first of equals keeps the lower
 * index.
 */
export function combinations(n: number, m: number): number[] {
  const from = (least: number, left: number): number[] => {
    if (left === 0) return [0];
    return Array.from({ length: Math.max(0, m - left - least + 1) }, (_, i) => least + i).flatMap((place) =>
      from(place + 1, left - 1).map((rest) => rest | (1 << place)),
    );
  };
  return from(0, n);
}
