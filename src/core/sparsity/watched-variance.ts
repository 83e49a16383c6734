import type { Transform } from "../optim/transform.ts";
import type { RunningVariance } from "./methods/method.ts";

/** An optimizer's running variance, as methods see it. Once a method asks for its drift, it is watched from then on. */
export class WatchedVariance implements RunningVariance {
  readonly #running: NonNullable<Transform["variance"]>;
  readonly #step: number;

  constructor(running: NonNullable<Transform["variance"]>, step: number) {
    this.#running = running;
    this.#step = step;
  }

  get drift(): number {
    this.#running.watched = true;
    return this.#running.drift;
  }

  get epsilon(): number {
    return this.#running.epsilon;
  }

  get window(): number {
    return this.#running.window;
  }

  get frozenAt(): number | null {
    return this.#running.frozenAt;
  }

  freeze(): void {
    this.#running.frozenAt = this.#step + 1;
  }
}
