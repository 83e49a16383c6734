/** Learning rates that change with the step (counted from 0). */
import { expected } from "../errors.ts";
import { checkNumbers, requireOptions } from "../options.ts";

export type Schedule = (step: number) => number;

/** The learning rate that optimizers take: a constant, or a schedule. */
export type LearningRate = number | Schedule;

/** Throws unless each constant rate is a number of 0 or more; the values that a schedule gives are not checked. */
export function checkRates(where: string, rates: Readonly<Record<string, LearningRate>>): void {
  for (const [name, rate] of Object.entries(rates)) {
    if (typeof rate !== "function") checkNumbers(where, { [name]: rate }, { min: 0 });
  }
}

export function learningRateAt(learningRate: LearningRate, step: number): number {
  return typeof learningRate === "number" ? learningRate : learningRate(step);
}

export interface WarmupCosineOptions {
  /** The highest learning rate. */
  readonly learningRate: number;
  /** Number of steps in all; later steps get the final rate. */
  readonly steps: number;
  /** Number of steps of the linear rise to the highest rate. Default 0. */
  readonly warmup?: number | undefined;
  /** The learning rate at the end. Default 0. */
  readonly final?: number | undefined;
}

/** A linear warm-up, then half a cosine down to the final rate (Loshchilov and Hutter 2017, equation 5, one cycle). */
export function warmupCosine(options: WarmupCosineOptions): Schedule {
  requireOptions("warmupCosine", options, { learningRate: true, steps: true, warmup: true, final: true });
  const { learningRate, steps, warmup = 0, final = 0 } = options;
  checkNumbers("warmupCosine", { learningRate, final, warmup }, { min: 0 });
  checkNumbers("warmupCosine", { steps }, { min: 1 });
  if (warmup >= steps) {
    throw expected("warmupCosine", "0 <= warmup < steps", `warmup ${warmup}, steps ${steps}`, "Shorten the warm-up");
  }
  return (step) => {
    if (step < warmup) return (learningRate * (step + 1)) / warmup;
    const done = Math.min(1, (step - warmup) / (steps - warmup));
    return final + ((learningRate - final) * (1 + Math.cos(Math.PI * done))) / 2;
  };
}

/** Multiplies `learningRate` by `factor` at each milestone, given in steps. */
export function stepwise(learningRate: number, milestones: readonly number[], factor = 0.1): Schedule {
  checkNumbers("stepwise", { learningRate, factor }, { min: 0 });
  for (const milestone of milestones) checkNumbers("stepwise", { milestone }, {});
  return (step) => learningRate * factor ** milestones.filter((milestone) => step >= milestone).length;
}

/** Joins a new schedule, `build(length)`, for each phase of a run; `at` lists the steps at which a new phase begins. */
export function phased(steps: number, at: readonly number[], build: (length: number) => Schedule): Schedule {
  const begins = [0, ...at.filter((begin) => begin > 0 && begin < steps)];
  const phases = begins.map((begin, i) => ({ begin, schedule: build((begins[i + 1] ?? steps) - begin) }));
  return (step) => {
    const { begin, schedule } = phases.findLast((phase) => phase.begin <= step) ?? phases[0];
    return schedule(step - begin);
  };
}
