import type { GradientProbe } from "./gradient-probe.ts";
import type { Clock } from "./methods/method.ts";
import { type Phase, type Phases, phaseAt } from "./phases.ts";

/** The progress of a run; all of its layers share one clock. */
export class RunClock {
  readonly steps: number;
  readonly #phases: Phases;
  /** Number of steps taken. */
  step = 0;
  #learningRate: (step: number) => number = () => 0;
  /** Sum over all steps; null until it is asked for. */
  #learningRates: number | null = null;
  /** The probe while gradients are compared, else null. */
  probe: GradientProbe | null = null;

  constructor(steps: number, phases: Phases) {
    this.steps = steps;
    this.#phases = phases;
  }

  /** Gives the learning rate of a step; code that knows the optimizer sets it. */
  set learningRate(rate: (step: number) => number) {
    this.#learningRate = rate;
    this.#learningRates = null;
  }

  get learningRates(): number {
    if (this.#learningRates === null) {
      this.#learningRates = 0;
      for (let step = 0; step < this.steps; step++) this.#learningRates += this.#learningRate(step);
    }
    return this.#learningRates;
  }

  /** The clock that methods see, at the present step. */
  at(training: boolean): Clock {
    const { step, steps } = this;
    const sum = (): number => this.learningRates;
    return {
      ...{ step, steps, training, learningRate: this.#learningRate(step) },
      // asked for by few; a bench counts a run of a thousand million steps
      get learningRates() {
        return sum();
      },
    };
  }

  /** The phase of the present step; in an evaluation that of the step before. */
  phase(training: boolean): Phase {
    return phaseAt(this.#phases, training ? this.step : Math.max(0, this.step - 1), this.steps);
  }
}
