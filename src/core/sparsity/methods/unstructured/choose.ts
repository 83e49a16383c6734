/** Chooses the entries to keep: exactly so many with the largest scores; of equal scores the lower index. */

/** Flags that are 1 for the `count` largest scores. NaN counts as the least. */
export function largest(scores: Float32Array, count: number): Uint8Array {
  const mask = new Uint8Array(scores.length);
  if (count <= 0) return mask;
  if (count >= scores.length) return mask.fill(1);
  // NaN sorts as the largest
  const sorted = scores.slice();
  for (let i = 0; i < sorted.length; i++) if (Number.isNaN(sorted[i])) sorted[i] = Number.NEGATIVE_INFINITY;
  const threshold = sorted.sort()[scores.length - count];
  let left = count;
  for (let i = 0; i < scores.length; i++) {
    if (!(scores[i] > threshold)) continue;
    mask[i] = 1;
    left--;
  }
  for (let i = 0; left > 0 && i < scores.length; i++) {
    if (mask[i] === 1 || scores[i] > threshold || scores[i] < threshold) continue;
    mask[i] = 1;
    left--;
  }
  return mask;
}

/** Flags of the items with the largest scores, if items have different sizes: those that fit within `size` together. */
export function largestWithin(scores: Float32Array, sizes: ArrayLike<number>, size: number): Uint8Array {
  const order = Uint32Array.from(scores, (_, i) => i).sort((a, b) => scores[b] - scores[a] || a - b);
  const mask = new Uint8Array(scores.length);
  let left = size;
  for (const i of order) {
    left -= sizes[i];
    if (left < 0) break;
    mask[i] = 1;
  }
  return mask;
}

export function countOnes(flags: Uint8Array): number {
  let count = 0;
  for (let i = 0; i < flags.length; i++) count += flags[i];
  return count;
}
