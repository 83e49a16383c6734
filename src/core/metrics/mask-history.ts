/** How a mask moves: SAD from the first to the last, flips from step to step. */
import type { Kernels } from "../backend/kernels.ts";

/** The numbers of one matrix. */
export interface MaskMovement {
  /** Sparse architecture divergence between the first and the latest mask; not normalized. */
  readonly sad: number;
  /** The same divided by the number of weights. */
  readonly sadShare: number;
  /** Mean over the steps of (entries that changed since the step before) / (number of weights). */
  readonly flipRate: number;
}

/**
 * Watches one mask. SAD is the number of entries kept in exactly one of two masks (Zhou et al. 2021, section 3; how the
 * paper normalizes is unconfirmed, so both forms are reported). Cost of a step: one pass over the mask's words, by a
 * kernel, for plain JavaScript took 2 % of a step.
 */
export class MaskHistory {
  /** What `observe` saw first and last; empty before. */
  first: Uint32Array = new Uint32Array(0);
  last: Uint32Array = new Uint32Array(0);
  /** Entries that changed in the last step. */
  latest = 0;
  /** Flips in all, and steps that could flip; the same at the last mark. */
  #flips = 0;
  #steps = 0;
  #markedFlips = 0;
  #markedSteps = 0;
  readonly #kernels: Kernels;
  readonly #weights: number;
  readonly #count: Float64Array;

  constructor(kernels: Kernels, weights: number) {
    this.#kernels = kernels;
    this.#weights = weights;
    this.#count = kernels.float64(1);
  }

  #copy(mask: ArrayLike<number>): Uint32Array {
    const copy = this.#kernels.uint32(mask.length);
    copy.set(mask);
    return copy;
  }

  /** Call once a step. Returns the entries that changed since the step before. */
  observe(mask: Uint32Array): number {
    this.latest = 0;
    if (this.first.length === 0) {
      this.first = this.#copy(mask);
      this.last = this.#copy(mask);
      return 0;
    }
    this.#kernels.maskDivergence(this.#count, this.last, mask, mask.length);
    [this.latest] = this.#count;
    if (this.latest > 0) this.last.set(mask);
    this.#flips += this.latest;
    this.#steps++;
    return this.latest;
  }

  /** Takes a mask as that of the step before the next one observed, where not every step is. */
  rebase(mask: Uint32Array): void {
    if (this.first.length > 0) this.last.set(mask);
  }

  /** Mean flip rate over the steps since the last call. */
  mark(): number {
    const [flips, steps] = [this.#flips - this.#markedFlips, this.#steps - this.#markedSteps];
    [this.#markedFlips, this.#markedSteps] = [this.#flips, this.#steps];
    return steps === 0 ? 0 : flips / steps / this.#weights;
  }

  movement(): MaskMovement {
    const sad = this.sad();
    return {
      sad,
      sadShare: sad / this.#weights,
      flipRate: this.#steps === 0 ? 0 : this.#flips / this.#steps / this.#weights,
    };
  }

  /** From the first mask to the last. */
  sad(): number {
    this.#kernels.maskDivergence(this.#count, this.first, this.last, this.first.length);
    return this.#count[0];
  }

  /** What is saved beside the two masks. */
  counts(): Float64Array {
    return Float64Array.of(this.#flips, this.#steps, this.#markedFlips, this.#markedSteps);
  }

  restore(first: ArrayLike<number>, last: ArrayLike<number>, counts: ArrayLike<number>): void {
    this.first = this.#copy(first);
    this.last = this.#copy(last);
    [this.#flips = 0, this.#steps = 0, this.#markedFlips = 0, this.#markedSteps = 0] = Array.from(counts);
  }
}
