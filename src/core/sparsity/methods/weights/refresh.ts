import { type NumberOption, number } from "../../../options.ts";
import type { Clock, SparseParameter } from "../method.ts";

/** The option that says how long a mask stays, for methods that choose masks anew. */
export const refreshEvery = (
  steps: number,
  about = "steps from one choice of the mask to the next",
): NumberOption<never> => number({ default: steps, min: 1, max: 1e6, integer: true, about });

/** Chooses the mask when its time is over; else packs under the present one. */
export function pruneEvery(
  refresh: number,
  parameter: SparseParameter,
  { step }: Clock,
  prune = () => parameter.prune(),
): void {
  if (!parameter.pruned || step % refresh === 0) prune();
  else parameter.repack();
}

/** The present step; in an evaluation the step before, since an evaluation begins no phase. */
export function stepOf({ step, training }: Clock): number {
  return training ? step : Math.max(0, step - 1);
}

/** The step at which a share of the run is over; at most the last step. */
export function stepAt(share: number, steps: number): number {
  return Math.min(steps - 1, Math.round(share * steps));
}
