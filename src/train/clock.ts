import type { GradientProbe } from "./gradient-probe.ts";
import { type Phase, type Phases, phaseAt } from "./phases.ts";

/** Where a run is; one object for all of its layers. */
export class RunClock {
  readonly steps: number;
  readonly #phases: Phases;
  /** Steps taken. */
  step = 0;
  /** Set while gradients are looked at. */
  probe: GradientProbe | null = null;

  constructor(steps: number, phases: Phases) {
    this.steps = steps;
    this.#phases = phases;
  }

  /** Of the step that is being taken; in an evaluation of the one before. */
  phase(training: boolean): Phase {
    return phaseAt(this.#phases, training ? this.step : Math.max(0, this.step - 1), this.steps);
  }
}
