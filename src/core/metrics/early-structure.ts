/**
 * Measures how early the final mask emerges: masks are kept at a few steps of a run and compared with the final one.
 */
import { ones } from "../sparse/mask.ts";

/**
 * The steps at which masks are kept, in order: ten evenly over a run and ten at even ratios, because masks move most at
 * first, with the first and the last step.
 */
export function snapshotSteps(steps: number): number[] {
  const tenths = Array.from({ length: 11 }, (_, i) => i / 10);
  const found = tenths.flatMap((share) => [Math.round(share * (steps - 1)), Math.round(steps ** share) - 1]);
  return [...new Set(found)].sort((a, b) => a - b);
}

/** Number of entries that both masks keep. */
export function keptByBoth(a: Uint32Array, b: Uint32Array): number {
  let count = 0;
  for (let i = 0; i < a.length; i++) count += ones(a[i] & b[i]);
  return count;
}
