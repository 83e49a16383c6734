/** Schedules: the sparsity at each step of a run. */

/** The numbers of a schedule; times are in steps. */
export interface ScheduleOptions {
  /** Sparsity at the end. */
  readonly sparsity: number;
  /** Step of the first pruning. */
  readonly from: number;
  /** Step from which the sparsity is the final one. */
  readonly until: number;
}

/** Gives the sparsity at a step. */
export type SparsitySchedule = (step: number) => number;

/** Prunes everything at once. */
export function oneShot({ sparsity, from }: ScheduleOptions): SparsitySchedule {
  return (step) => (step < from ? 0 : sparsity);
}

/** Prunes fast at first, while there is much to prune. Source: Zhu and Gupta 2017, section 3. */
export function cubic({ sparsity, from, until }: ScheduleOptions): SparsitySchedule {
  return (step) => {
    if (step < from) return 0;
    if (step >= until) return sparsity;
    return sparsity - sparsity * (1 - (step - from) / (until - from)) ** 3;
  };
}

/**
 * Prunes the same share of the remaining entries at the start of each round. Source: Frankle and Carbin 2019, section
 * 2.
 */
export function iterative(sparsity: number, begins: readonly number[]): SparsitySchedule {
  return (step) => {
    const done = begins.filter((begin) => step >= begin).length;
    return done === begins.length ? sparsity : 1 - (1 - sparsity) ** (done / begins.length);
  };
}

/** Is sparse in the middle of the run only. Source: Han et al. 2017 (DSD). */
export function denseSparseDense({ sparsity, from, until }: ScheduleOptions): SparsitySchedule {
  return (step) => (step < from || step >= until ? 0 : sparsity);
}
