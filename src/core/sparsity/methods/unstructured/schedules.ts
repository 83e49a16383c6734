/** The sparsity of each step of a run. */

/** What a schedule is made of; steps. */
export interface ScheduleOptions {
  /** At the end. */
  readonly sparsity: number;
  /** The step of the first pruning. */
  readonly from: number;
  /** The step from which it is the last one's. */
  readonly until: number;
}

/** What the sparsity is at a step. */
export type SparsitySchedule = (step: number) => number;

/** Everything at once. */
export function oneShot({ sparsity, from }: ScheduleOptions): SparsitySchedule {
  return (step) => (step < from ? 0 : sparsity);
}

/** Fast at first, while there is much to prune. Source: Zhu and Gupta 2017, section 3. */
export function cubic({ sparsity, from, until }: ScheduleOptions): SparsitySchedule {
  return (step) => {
    if (step < from) return 0;
    if (step >= until) return sparsity;
    return sparsity - sparsity * (1 - (step - from) / (until - from)) ** 3;
  };
}

/** Of what is left the same share at the begin of each round. Source: Frankle and Carbin 2019, section 2. */
export function iterative(sparsity: number, begins: readonly number[]): SparsitySchedule {
  return (step) => {
    const done = begins.filter((begin) => step >= begin).length;
    return done === begins.length ? sparsity : 1 - (1 - sparsity) ** (done / begins.length);
  };
}

/** Sparse in between. Source: Han et al. 2017 (DSD). */
export function denseSparseDense({ sparsity, from, until }: ScheduleOptions): SparsitySchedule {
  return (step) => (step < from || step >= until ? 0 : sparsity);
}
