/** Updates of weights, in place. */
import type { F32 } from "../memory.ts";

export interface OptimizerKernels {
  /**
   * PyTorch's SGD: g = grad + decay w; velocity = momentum velocity + g; w -= rate (g + momentum velocity | velocity).
   * With a mask over rows of k entries, grad + lambda w where it is 0 takes the place of grad, here and in adam.
   */
  sgd(
    w: F32,
    velocity: F32 | null,
    grad: F32,
    count: number,
    rate: number,
    momentum: number,
    decay: number,
    nesterov: number,
    mask: Uint32Array | null,
    k: number,
    lambda: number,
  ): void;
  /** AdamW with decoupled decay; correction1 = 1 - beta1^t, correction2 = 1 - beta2^t. */
  adam(
    w: F32,
    m: F32,
    v: F32,
    grad: F32,
    count: number,
    rate: number,
    beta1: number,
    beta2: number,
    epsilon: number,
    decay: number,
    correction1: number,
    correction2: number,
    mask: Uint32Array | null,
    k: number,
    lambda: number,
  ): void;
}
