/** Reads masks bit by bit. */
import { maskWords } from "../families/masks.ts";
import type { PrunedDecay } from "../families/optimizers.ts";
import type { F32 } from "../memory.ts";

const { fround } = Math;

export const isKept = (mask: Uint32Array, k: number, row: number, column: number): boolean =>
  ((mask[row * maskWords(k) + (column >>> 5)] >>> (column & 31)) & 1) === 1;

/** grad + lambda w where the mask is 0; grad itself if nothing decays. */
export function decayed(grad: F32, w: F32, pruned: PrunedDecay | null): F32 {
  if (pruned === null) return grad;
  const { mask, k, lambda } = pruned;
  return grad.map((g, i) => (isKept(mask, k, Math.floor(i / k), i % k) ? g : g + fround(fround(lambda) * w[i])));
}
