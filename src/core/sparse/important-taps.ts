/** Finds the places of a kernel that matter most, by magnitude (Zhang et al. 2023, SpRe). */
import type { F32 } from "../backend/memory.ts";
import type { Pattern } from "./pattern.ts";

/**
 * The important taps of w [rows, taps, channels], as bits: bit t is set if more than n of m entries of tap t are kept
 * when the largest n / m of all of w are kept, wherever they lie. N:M would keep the same share of every tap. Of equals
 * the lower index is kept.
 */
export function importantTaps(w: F32, taps: number, channels: number, { n, m }: Pattern): number {
  const { length } = w;
  // magnitudes of floats are ordered like their bits without the sign: first compare the upper 16 of the 31
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
        // count up if found >= digit, without a branch that no processor could predict
        count += (digit - 1 - found) >>> 31;
        if (found === digit - 1) close.push(i);
      }
      kept[tap] += count;
    }
  }
  const lower = (i: number): number => bits[i] & 0x7fff;
  // a stable sort: equals stay in order
  close.sort((a, b) => lower(b) - lower(a));
  for (const i of close.slice(0, left)) kept[Math.floor(i / channels) % taps]++;
  // compared in whole numbers: with shares in floating point, equals would differ
  return kept.reduce((found, count, tap) => (count * taps * m > n * length ? found | (1 << tap) : found), 0);
}
