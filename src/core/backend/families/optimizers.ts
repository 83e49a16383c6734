/** Kernels that update weights in place. */
import type { F32 } from "../memory.ts";
import type { Positions } from "../positions.ts";

/**
 * A decay of the pruned entries of a weight [rows, k]: lambda * weight is added to the gradient where the mask is 0
 * (SR-STE).
 */
export interface PrunedDecay {
  readonly mask: Uint32Array;
  readonly k: number;
  readonly lambda: number;
}

export interface SgdNumbers {
  readonly rate: number;
  readonly momentum: number;
  readonly decay: number;
  readonly nesterov: number;
}

/** The running means of the gradient and of its square. */
export interface Moments {
  readonly moment1: F32;
  readonly moment2: F32;
}

export interface AdamNumbers {
  readonly rate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** Decoupled weight decay: w -= rate * decay * w. */
  readonly decay: number;
  /** 1 - beta1^t. */
  readonly correction1: number;
  /** 1 - beta2^t. */
  readonly correction2: number;
}

export interface OptimizerKernels {
  /**
   * PyTorch's SGD: g = grad + decay w; velocity = momentum velocity + g; w -= rate (g + momentum velocity | velocity).
   * With `pruned`, here and in adam, grad + lambda w takes the place of grad where its mask is 0.
   */
  sgd(w: F32, velocity: F32 | null, grad: F32, count: number, options: SgdNumbers, pruned: PrunedDecay | null): void;
  /** PyTorch's AdamW. */
  adam(w: F32, moments: Moments, grad: F32, count: number, options: AdamNumbers, pruned: PrunedDecay | null): void;
}

export const optimizerPositions: Positions<OptimizerKernels> = {
  sgd: (w, velocity, grad, count, { rate, momentum, decay, nesterov }, pruned) => [
    ...[w, velocity, grad, count, rate, momentum, decay, nesterov],
    ...[pruned?.mask ?? null, pruned?.k ?? 0, pruned?.lambda ?? 0],
  ],
  adam: (w, { moment1, moment2 }, grad, count, options, pruned) => [
    ...[w, moment1, moment2, grad, count, options.rate, options.beta1, options.beta2, options.epsilon, options.decay],
    ...[options.correction1, options.correction2, pruned?.mask ?? null, pruned?.k ?? 0, pruned?.lambda ?? 0],
  ],
};
