/** How a mask moves: SAD from the first to the last, flips from step to step. */
import { divergence } from "../sparse/mask.ts";

/** The numbers of one matrix. */
export interface MaskMovement {
  /** Sparse architecture divergence between the first and the latest mask; not normalised. */
  readonly sad: number;
  /** The same divided by the number of weights. */
  readonly sadShare: number;
  /** Mean over the steps of (entries that changed since the step before) / (number of weights). */
  readonly flipRate: number;
}

/** Watches one mask. Cost of a step: one pass over the mask's words. */
export class MaskHistory {
  /** What `observe` saw first and last; empty before. Written to when a run goes on. */
  first: Uint32Array = new Uint32Array(0);
  last: Uint32Array = new Uint32Array(0);
  /** Flips in all, and steps that could flip. */
  flips = 0;
  steps = 0;
  readonly #weights: number;

  constructor(weights: number) {
    this.#weights = weights;
  }

  /** Call once a step. Returns the entries that changed since the step before. */
  observe(mask: Uint32Array): number {
    if (this.first.length === 0) {
      this.first = mask.slice();
      this.last = mask.slice();
      return 0;
    }
    const flips = divergence(this.last, mask);
    if (flips > 0) this.last.set(mask);
    this.flips += flips;
    this.steps++;
    return flips;
  }

  movement(): MaskMovement {
    const sad = divergence(this.first, this.last);
    return {
      sad,
      sadShare: sad / this.#weights,
      flipRate: this.steps === 0 ? 0 : this.flips / this.steps / this.#weights,
    };
  }
}
