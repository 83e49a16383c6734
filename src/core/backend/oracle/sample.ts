/** Samples of a group that are right on average, in single precision throughout. */

const { fround } = Math;

export const sum = (list: readonly number[]): number => list.reduce((total, x) => fround(total + x), 0);

/** A number in (0, 1) from 23 bits of a word, of which the last is set, so that it is neither 0 nor 1. */
export const uniform = (word: number): number => ((word & 0x7fffff) | 1) / 2 ** 23;

/**
 * Minimum-variance unbiased sampling of n of the sizes, in single precision throughout. It returns the kept places in
 * order, and tau: a kept entry gets the size max(size, tau). An entry is kept if it contains a point (u + q) tau, u in
 * (0, 1).
 */
export function sample(sizes: readonly number[], n: number, u: number): { places: number[]; tau: number } {
  return n === 2 ? sampleTwo(sizes, u) : sampleMany(sizes, n, u);
}

function sampleMany(sizes: readonly number[], n: number, u: number): { places: number[]; tau: number } {
  const left = [...sizes];
  const kept = new Set<number>();
  let draws = n;
  for (let remaining = n; remaining > 1; remaining--) {
    const first = left.indexOf(Math.max(...left));
    if (first < 0) break;
    const rest = sum(left.map((x, j) => (j === first ? 0 : x)));
    if (!(fround(left[first] * (remaining - 1)) > rest)) break;
    kept.add(first);
    left[first] = 0;
    draws--;
  }
  const tau = fround(sum(left) / draws);
  let from = 0;
  left.forEach((size, j) => {
    const to = fround(from + size);
    for (let q = 0; q < draws; q++) {
      const point = fround(fround(u + q) * tau);
      if (point >= from && point < to) kept.add(j);
    }
    from = to;
  });
  // after rounding at the end of the sum, or with zeros only: exactly n are kept
  for (let j = sizes.length - 1; kept.size < n; j--) kept.add(j);
  return { places: [...kept].sort((a, b) => a - b), tau };
}

/**
 * Samples two entries: the first point counts from the front, the second from the end. Cases that rounding could break
 * are handled explicitly.
 */
function sampleTwo(sizes: readonly number[], u: number): { places: number[]; tau: number } {
  const m = sizes.length;
  // the sum without the largest is added up, never computed as a difference
  let [most, rest] = [sizes[0], 0];
  for (const size of sizes.slice(1)) [most, rest] = [Math.max(most, size), fround(rest + Math.min(most, size))];
  const tau = most > rest ? rest : fround(fround(most + rest) * 0.5);
  const lengths = sizes.map((size) => Math.min(size, tau));
  const point = fround(u * tau);
  let [first, second] = [0, 1];
  for (let before = lengths[0]; first < m - 2 && point > before; ) before = fround(before + lengths[++first]);
  // it lies beyond `second` if the first point does (none is longer than tau); if `second` exceeds the others, only
  // then
  const beyond = (): boolean => {
    const behind = sum(lengths.slice(second + 1).reverse());
    return first >= second || (sizes[second] <= rest && fround(point + behind) >= tau);
  };
  while (second < m - 1 && beyond()) second++;
  return { places: [first, second], tau };
}

/**
 * The two of four sizes that two draws keep, the second among the other three, and the size that each of the four has
 * if it is kept: divided by its chance to be drawn first or second.
 */
export function sampleApproximately(
  sizes: readonly number[],
  u: number,
  w: number,
): { places: number[]; as: number[] } {
  const drawn = (list: readonly number[], uniform: number): number => {
    const point = fround(uniform * sum(list));
    const place = list.findIndex((_, j) => point < sum(list.slice(0, j + 1)));
    return place < 0 ? list.length - 1 : place;
  };
  const without = <T>(list: readonly T[], j: number): T[] => list.filter((_, i) => i !== j);
  const others = sizes.map((_, j) => sum(without(sizes, j)));
  const total = sum(sizes);
  const shares = sizes.map((size) => (total > 0 ? fround(size / total) : total));
  const first = drawn(sizes, u);
  const second = without([0, 1, 2, 3], first)[drawn(without(sizes, first), w)];
  const as = sizes.map((size, i) => {
    const asSecond = shares.map((share, j) => fround(share * (others[j] > 0 ? fround(size / others[j]) : 0)));
    const chance = sum([shares[i], ...without(asSecond, i)]);
    return chance > 0 ? fround(size / chance) : fround(size * chance);
  });
  return { places: [first, second].sort((a, b) => a - b), as };
}
