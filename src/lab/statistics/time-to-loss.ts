/** How long a run takes to reach a loss, which is what counts of a faster step. */

import { expected } from "../../core/errors.ts";

/** One evaluation of a run. */
export interface LossAt {
  /** Seconds of training before it. */
  readonly seconds: number;
  readonly loss: number;
}

/**
 * The curve up to its least loss, smoothed so that it never rises: what rises is replaced by the mean of its neighbors,
 * which is the fit of least squares among such curves. So a single lucky evaluation, below those after it, does not count
 * as having reached a loss. Source: Ayer et al. 1955 (pool adjacent violators).
 */
export function falling(curve: readonly LossAt[]): LossAt[] {
  if (curve.length === 0) throw expected("time to a loss", "at least one evaluation", "none", "Evaluate the run");
  const least = Math.min(...curve.map(({ loss }) => loss));
  const until = curve.map(({ loss }) => loss).lastIndexOf(least);
  const pools: { sum: number; count: number }[] = [];
  for (const { loss } of curve.slice(0, until + 1)) {
    let pool = { sum: loss, count: 1 };
    for (let last = pools.at(-1); last !== undefined; last = pools.at(-1)) {
      if (last.sum / last.count >= pool.sum / pool.count) break;
      pool = { sum: last.sum + pool.sum, count: last.count + pool.count };
      pools.pop();
    }
    pools.push(pool);
  }
  const losses = pools.flatMap(({ sum, count }) => new Array<number>(count).fill(sum / count));
  return losses.map((loss, i) => ({ seconds: curve[i].seconds, loss }));
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

/** The times of two runs to the least loss that both reach, on their smoothed curves. */
export interface EqualLoss {
  readonly loss: number;
  readonly denseSeconds: number;
  readonly seconds: number;
}

export function timeToEqualLoss(dense: readonly LossAt[], own: readonly LossAt[]): EqualLoss | null {
  const [smoothDense, smooth] = [falling(dense), falling(own)];
  const loss = Math.max(smoothDense.at(-1)!.loss, smooth.at(-1)!.loss);
  const [denseSeconds, seconds] = [secondsToLoss(smoothDense, loss), secondsToLoss(smooth, loss)];
  return denseSeconds === null || seconds === null ? null : { loss, denseSeconds, seconds };
}
