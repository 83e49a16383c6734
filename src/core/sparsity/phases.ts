/** The phases of a run: when its products are sparse, and when masks may move. */

/** The phases of a run, as shares of its steps. */
export interface Phases {
  /** Before this share everything is dense. */
  readonly sparseFrom: number;
  /** From this share on masks stay as they are. */
  readonly frozenFrom: number;
  /** From this share on everything is dense again, and the result is a dense model. */
  readonly denseFrom: number;
}

export const ALWAYS_SPARSE: Phases = { sparseFrom: 0, frozenFrom: 1, denseFrom: 1 };

export type Phase = "dense" | "sparse" | "frozen";

/** The phase of a step (from 0) in a run of `steps` steps. A share of 1 is never reached. */
export function phaseAt({ sparseFrom, frozenFrom, denseFrom }: Phases, step: number, steps: number): Phase {
  const reached = (share: number): boolean => share < 1 && step >= Math.round(share * steps);
  if (sparseFrom > 0 && !reached(sparseFrom)) return "dense";
  if (reached(denseFrom)) return "dense";
  return reached(frozenFrom) ? "frozen" : "sparse";
}
