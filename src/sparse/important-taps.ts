/** Which places of a kernel matter most, by magnitude (Zhang et al. 2023, SpRe). */
import type { F32 } from "../kernels/kernels.ts";
import type { Pattern } from "./pattern.ts";

/**
 * The taps of w [rows, taps, channels] of which more than n of m are kept, when the largest n / m of all of w are, wherever
 * they lie: bit t for tap t. N:M keeps the same share of every tap. Of equals the lower index is kept.
 */
export function importantTaps(w: F32, taps: number, channels: number, { n, m }: Pattern): number {
  const { length } = w;
  // magnitudes of floats are ordered as their bits are
  const bits = new Uint32Array(new Float32Array(w).buffer);
  for (let i = 0; i < length; i++) bits[i] &= 0x7fffffff;
  const pruned = Math.floor((length * (m - n)) / m);
  const { threshold, below } = select(bits, pruned);
  let equals = pruned - below;
  const kept = new Uint32Array(taps);
  let i = length;
  while (i > 0) {
    for (let tap = taps - 1; tap >= 0; tap--) {
      let count = 0;
      for (const begin = i - channels; i > begin; ) {
        const value = bits[--i];
        // from behind: the higher indices of equals go
        if (value > threshold || (value === threshold && equals-- <= 0)) count++;
      }
      kept[tap] += count;
    }
  }
  // whole numbers: shares in floating point would make equals unequal
  return kept.reduce((found, count, tap) => (count * taps * m > n * length ? found | (1 << tap) : found), 0);
}

/** The value at this rank, from 0, of values below 2^31, and how many are smaller: three digits, the highest first. */
function select(values: Uint32Array, rank: number): { threshold: number; below: number } {
  let threshold = 0;
  let below = 0;
  for (const [shift, width] of [
    [20, 11],
    [10, 10],
    [0, 10],
  ]) {
    const counts = new Uint32Array(1 << width);
    const [known, prefix] = [shift + width, threshold >>> (shift + width)];
    const digits = counts.length - 1;
    for (let i = 0; i < values.length; i++) {
      const value = values[i];
      if (value >>> known === prefix) counts[(value >>> shift) & digits]++;
    }
    let digit = 0;
    while (below + counts[digit] <= rank) below += counts[digit++];
    threshold |= digit << shift;
  }
  return { threshold, below };
}
