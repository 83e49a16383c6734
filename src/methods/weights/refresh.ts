import type { Clock, HyperParameter, WeightSite } from "../method.ts";

/** How long a mask stays; the key of the methods that choose masks anew. */
export const refreshEvery = (steps: number): HyperParameter => ({
  default: steps,
  min: 1,
  max: 1e6,
  about: "steps from one choice of the mask to the next",
});

/** Chooses the mask when its time is over, else packs under the one there is. */
export function pruneEvery(refresh: number, site: WeightSite, { step }: Clock, prune = () => site.prune()): void {
  if (!site.pruned || step % refresh === 0) prune();
  else site.repack();
}
