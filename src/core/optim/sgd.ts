import { checkFlags, checkNumbers, requireOptions } from "../options.ts";
import { checkRates, type LearningRate, learningRateAt } from "./schedule.ts";
import type { Transform } from "./transform.ts";

export interface SgdOptions {
  /** A number, or a schedule that gives it for each step. */
  readonly learningRate: LearningRate;
  /** Momentum, in [0, 1). Default 0. */
  readonly momentum?: number | undefined;
  /** Whether the momentum is Nesterov's. Default false. */
  readonly nesterov?: boolean | undefined;
  /** L2 weight decay, added to the gradient. Default 0. */
  readonly weightDecay?: number | undefined;
}

/**
 * Stochastic gradient descent; each step is that of PyTorch's SGD. Its state is one array a parameter with momentum,
 * none without.
 */
export function sgd(options: SgdOptions): Transform {
  requireOptions("sgd", options, { learningRate: true, momentum: true, nesterov: true, weightDecay: true });
  const { learningRate, momentum = 0, nesterov = false, weightDecay = 0 } = options;
  checkRates("sgd", { learningRate });
  checkNumbers("sgd", { momentum }, { min: 0, below: 1 });
  checkNumbers("sgd", { weightDecay }, { min: 0 });
  checkFlags("sgd", { nesterov });
  return {
    name: "sgd",
    applies: true,
    decaysPruned: true,
    learningRate: (step) => learningRateAt(learningRate, step),
    init: ({ device, size }) => (momentum === 0 ? {} : { velocity: device.kernels.float32(size) }),
    update: (slots, step) => {
      const numbers = {
        rate: learningRateAt(learningRate, step),
        momentum,
        decay: weightDecay,
        nesterov: Number(nesterov),
      };
      for (const { parameter, state, prunedDecay } of slots) {
        const { data, grad, size, device } = parameter;
        device.kernels.sgd(data, state.velocity ?? null, grad, size, numbers, prunedDecay ?? null);
      }
    },
  };
}
