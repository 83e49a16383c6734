/** Which places of a kernel matter most, by magnitude (Zhang et al. 2023, SpRe). */
import type { F32 } from "../backend/memory.ts";
import type { Pattern } from "./pattern.ts";

/**
 * The taps of w [rows, taps, channels] of which more than n of m are kept when the largest n / m of all of w are, wherever
 * they lie: bit t for tap t. N:M keeps the same share of every tap. Of equals the lower index is kept.
 */
export function importantTaps(w: F32, taps: number, channels: number, { n, m }: Pattern): number {
  const { length } = w;
  // magnitudes of floats are ordered as their bits without the sign are: first by the upper 16 of the 31
  const bits = new Uint32Array(new Float32Array(w).buffer);
  const upper = (i: number): number => (bits[i] << 1) >>> 16;
  const counts = new Uint32Array(1 << 16);
  for (let i = 0; i < length; i++) counts[upper(i)]++;
  let digit = counts.length;
  let left = (length * n) / m;
  while (left >= counts[digit - 1]) left -= counts[--digit];

  const kept = new Uint32Array(taps);
  const close: number[] = [];
  for (let i = 0; i < length; ) {
    for (let tap = 0; tap < taps; tap++) {
      let count = 0;
      for (const end = i + channels; i < end; i++) {
        const found = upper(i);
        // found >= digit, without a branch that nothing could predict
        count += (digit - 1 - found) >>> 31;
        if (found === digit - 1) close.push(i);
      }
      kept[tap] += count;
    }
  }
  const lower = (i: number): number => bits[i] & 0x7fff;
  // stable: equals stay in order
  close.sort((a, b) => lower(b) - lower(a));
  for (const i of close.slice(0, left)) kept[Math.floor(i / channels) % taps]++;
  // whole numbers: shares in floating point would make equals unequal
  return kept.reduce((found, count, tap) => (count * taps * m > n * length ? found | (1 << tap) : found), 0);
}
