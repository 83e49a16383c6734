/** Measures how a mask moves: SAD from the first mask to the last, flips from step to step. */
import type { Kernels } from "../backend/kernels.ts";

/** The measurements of one matrix. */
export interface MaskMovement {
  /** Sparse architecture divergence between the first and the latest mask; not normalized. */
  readonly sad: number;
  /** SAD divided by the number of weights. */
  readonly sadShare: number;
  /** Mean over the steps of (entries that changed since the step before) / (number of weights). */
  readonly flipRate: number;
}

/**
 * Watches one mask. SAD is the number of entries kept in exactly one of two masks (Zhou et al. 2021, section 3; how the
 * paper normalizes is unconfirmed, so both forms are reported). Each step costs one pass over the mask's words, by a
 * kernel, because plain JavaScript took 2 % of a step for it.
 */
export class MaskHistory {
  /** The first and the latest mask that `observe` saw; empty before the first one. */
  first: Uint32Array = new Uint32Array(0);
  last: Uint32Array = new Uint32Array(0);
  /** Number of entries that changed in the last step. */
  latest = 0;
  /** Number of flips in all and of steps that could flip; then the same two at the last mark. */
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

  /**
   * Takes the mask of a step; call it once a step. Returns the number of entries that changed since the step before.
   */
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

  /** Sets the mask of the step before the next observed one, if not every step is observed. */
  rebase(mask: Uint32Array): void {
    if (this.first.length > 0) this.last.set(mask);
  }

  /** The mean flip rate over the steps since the last call. */
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

  /** The SAD from the first mask to the last. */
  sad(): number {
    this.#kernels.maskDivergence(this.#count, this.first, this.last, this.first.length);
    return this.#count[0];
  }

  /** The numbers that are saved beside the two masks. */
  counts(): Float64Array {
    return Float64Array.of(this.#flips, this.#steps, this.#markedFlips, this.#markedSteps);
  }

  restore(first: ArrayLike<number>, last: ArrayLike<number>, counts: ArrayLike<number>): void {
    this.first = this.#copy(first);
    this.last = this.#copy(last);
    [this.#flips = 0, this.#steps = 0, this.#markedFlips = 0, this.#markedSteps = 0] = Array.from(counts);
  }
}
