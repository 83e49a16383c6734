/** How long a run takes to reach a loss, which is what counts of a faster step. */

/** One evaluation of a run. */
export interface LossAt {
  /** Seconds of training before it. */
  readonly seconds: number;
  readonly loss: number;
}

/**
 * Seconds until the loss is first at or below `target`, linear between two evaluations; the time of the first
 * evaluation counts whole. Null if the loss is never reached. `curve` is in the order of time.
 */
export function secondsToLoss(curve: readonly LossAt[], target: number): number | null {
  const at = curve.findIndex(({ loss }) => loss <= target);
  if (at < 0) return null;
  const here = curve[at];
  if (at === 0) return here.seconds;
  const before = curve[at - 1];
  const share = (before.loss - target) / (before.loss - here.loss);
  return before.seconds + share * (here.seconds - before.seconds);
}

/** The times of two runs to the least loss that both reach. */
export interface EqualLoss {
  readonly loss: number;
  readonly denseSeconds: number;
  readonly seconds: number;
}

export function timeToEqualLoss(dense: readonly LossAt[], own: readonly LossAt[]): EqualLoss | null {
  const least = (curve: readonly LossAt[]): number => Math.min(...curve.map(({ loss }) => loss));
  const loss = Math.max(least(dense), least(own));
  const [denseSeconds, seconds] = [secondsToLoss(dense, loss), secondsToLoss(own, loss)];
  return denseSeconds === null || seconds === null ? null : { loss, denseSeconds, seconds };
}
