import { checkFlags, checkNumbers, requireOptions } from "../options.ts";
import { checkRates, type LearningRate, learningRateAt } from "./schedule.ts";
import type { Transform } from "./transform.ts";

export interface SgdOptions {
  /** A number, or what gives it step by step. */
  readonly learningRate: LearningRate;
  /** Default 0. */
  readonly momentum?: number | undefined;
  /** Default false. */
  readonly nesterov?: boolean | undefined;
  /** L2, added to the gradient. Default 0. */
  readonly weightDecay?: number | undefined;
}

/** Stochastic gradient descent, step for step PyTorch's. One array a parameter with momentum, none without. */
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
