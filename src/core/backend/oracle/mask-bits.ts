/** Masks, bit by bit. */
import { maskWords } from "../families/masks.ts";
import type { F32 } from "../memory.ts";

const { fround } = Math;

export const isKept = (mask: Uint32Array, k: number, row: number, column: number): boolean =>
  ((mask[row * maskWords(k) + (column >>> 5)] >>> (column & 31)) & 1) === 1;

/** grad + lambda w where the mask is 0; grad itself without a mask. */
export function decayed(grad: F32, w: F32, mask: Uint32Array | null, k: number, lambda: number): F32 {
  if (mask === null) return grad;
  return grad.map((g, i) => (isKept(mask, k, Math.floor(i / k), i % k) ? g : g + fround(fround(lambda) * w[i])));
}
