/** The phases of a run: when its products are sparse, and when masks may move. */

/** Shares of the run's steps. */
export interface Phases {
  /** Before it everything is dense. */
  readonly sparseFrom: number;
  /** From then on masks stay as they are. */
  readonly frozenFrom: number;
  /** From then on everything is dense again, and the result is a dense model. */
  readonly denseFrom: number;
}

export const ALWAYS_SPARSE: Phases = { sparseFrom: 0, frozenFrom: 1, denseFrom: 1 };

export type Phase = "dense" | "sparse" | "frozen";

/** The phase of a step (from 0) of a run of so many. A share of 1 is never reached. */
export function phaseAt({ sparseFrom, frozenFrom, denseFrom }: Phases, step: number, steps: number): Phase {
  const reached = (share: number): boolean => share < 1 && step >= Math.round(share * steps);
  if (sparseFrom > 0 && !reached(sparseFrom)) return "dense";
  if (reached(denseFrom)) return "dense";
  return reached(frozenFrom) ? "frozen" : "sparse";
}
