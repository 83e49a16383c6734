/** How early the final mask is there: masks kept at a few steps of a run, and what of the final one each already keeps. */
import { ones } from "../sparse/mask.ts";

/** Ten steps evenly over a run and ten at even ratios, for most masks move first; with the first and the last, in order. */
export function snapshotSteps(steps: number): number[] {
  const tenths = Array.from({ length: 11 }, (_, i) => i / 10);
  const found = tenths.flatMap((share) => [Math.round(share * (steps - 1)), Math.round(steps ** share) - 1]);
  return [...new Set(found)].sort((a, b) => a - b);
}

/** Entries that both masks keep. */
export function keptByBoth(a: Uint32Array, b: Uint32Array): number {
  let count = 0;
  for (let i = 0; i < a.length; i++) count += ones(a[i] & b[i]);
  return count;
}
