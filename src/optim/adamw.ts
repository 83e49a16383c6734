import type { Parameter } from "../tensor/tensor.ts";
import { type Rate, rateAt } from "./schedule.ts";
import type { Transform } from "./transform.ts";

export interface AdamWOptions {
  readonly rate: Rate;
  /** Defaults 0.9 and 0.999. */
  readonly betas?: readonly [number, number] | undefined;
  /** Default 1e-8. */
  readonly epsilon?: number | undefined;
  /** Decoupled: w -= rate * weightDecay * w. Default 0.01. */
  readonly weightDecay?: number | undefined;
  /** Which parameters decay. Default all. */
  readonly decays?: ((parameter: Parameter) => boolean) | undefined;
}

/** Adam with decoupled weight decay (Loshchilov and Hutter 2019, algorithm 2), step for step PyTorch's AdamW. */
export function adamW(options: AdamWOptions): Transform {
  const { rate, betas = [0.9, 0.999], epsilon = 1e-8, weightDecay = 0.01, decays } = options;
  const [beta1, beta2] = betas;
  return {
    name: "adamW",
    applies: true,
    decaysPruned: true,
    init: ({ device, size }) => ({ moment1: device.kernels.float32(size), moment2: device.kernels.float32(size) }),
    update: (slots, step) => {
      const now = rateAt(rate, step);
      const [correction1, correction2] = betas.map((beta) => 1 - beta ** (step + 1));
      for (const { parameter, memory, prunedDecay } of slots) {
        const { data, grad, size, device } = parameter;
        const { moment1, moment2 } = memory;
        const decay = decays === undefined || decays(parameter) ? weightDecay : 0;
        device.kernels.adam(
          ...([data, moment1, moment2, grad, size, now, beta1, beta2] as const),
          ...([epsilon, decay, correction1, correction2] as const),
          ...([prunedDecay?.mask ?? null, prunedDecay?.k ?? 0, prunedDecay?.lambda ?? 0] as const),
        );
      }
    },
  };
}
