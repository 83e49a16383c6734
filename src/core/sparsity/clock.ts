import type { GradientProbe } from "./gradient-probe.ts";
import type { Clock } from "./methods/method.ts";
import { type Phase, type Phases, phaseAt } from "./phases.ts";

/** Where a run is; one object for all of its layers. */
export class RunClock {
  readonly steps: number;
  readonly #phases: Phases;
  /** Steps taken. */
  step = 0;
  /** The learning rate of a step; set by who knows the optimizer. */
  learningRate: (step: number) => number = () => 0;
  /** Set while gradients are looked at. */
  probe: GradientProbe | null = null;

  constructor(steps: number, phases: Phases) {
    this.steps = steps;
    this.#phases = phases;
  }

  /** As methods see it, at the step that is being taken. */
  at(training: boolean): Clock {
    const { step, steps } = this;
    return { step, steps, training, learningRate: this.learningRate(step) };
  }

  /** Of the step that is being taken; in an evaluation of the one before. */
  phase(training: boolean): Phase {
    return phaseAt(this.#phases, training ? this.step : Math.max(0, this.step - 1), this.steps);
  }
}
