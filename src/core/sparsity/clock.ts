import type { GradientProbe } from "./gradient-probe.ts";
import type { Clock } from "./methods/method.ts";
import { type Phase, type Phases, phaseAt } from "./phases.ts";

/** The progress of a run; all of its layers share one clock. */
export class RunClock {
  readonly steps: number;
  readonly #phases: Phases;
  /** Number of steps taken. */
  step = 0;
  /** Gives the learning rate of a step; code that knows the optimizer sets it. */
  learningRate: (step: number) => number = () => 0;
  /** The probe while gradients are compared, else null. */
  probe: GradientProbe | null = null;

  constructor(steps: number, phases: Phases) {
    this.steps = steps;
    this.#phases = phases;
  }

  /** The clock that methods see, at the present step. */
  at(training: boolean): Clock {
    const { step, steps } = this;
    return { step, steps, training, learningRate: this.learningRate(step) };
  }

  /** The phase of the present step; in an evaluation that of the step before. */
  phase(training: boolean): Phase {
    return phaseAt(this.#phases, training ? this.step : Math.max(0, this.step - 1), this.steps);
  }
}
