import { checkNumbers, requireOptions } from "../options.ts";
import type { Parameter } from "../tensor/tensor.ts";
import { checkRates, type LearningRate, learningRateAt } from "./schedule.ts";
import type { RunningVariance, Slot, Transform } from "./transform.ts";

export interface AdamWOptions {
  /** A number, or a schedule that gives it for each step. */
  readonly learningRate: LearningRate;
  /** Decay rates of the first and second moment. Defaults 0.9 and 0.999. */
  readonly betas?: readonly [number, number] | undefined;
  /** Number added to the root of the second moment. Default 1e-8. */
  readonly epsilon?: number | undefined;
  /** Decoupled weight decay: w -= learningRate * weightDecay * w. Default 0.01. */
  readonly weightDecay?: number | undefined;
  /** Says which parameters decay. Default: all. */
  readonly decays?: ((parameter: Parameter) => boolean) | undefined;
}

/** Adam with decoupled weight decay (Loshchilov and Hutter 2019, algorithm 2); each step is that of PyTorch's AdamW. */
export function adamW(options: AdamWOptions): Transform {
  requireOptions("adamW", options, { learningRate: true, betas: true, epsilon: true, weightDecay: true, decays: true });
  const { learningRate, betas = [0.9, 0.999], epsilon = 1e-8, weightDecay = 0.01, decays } = options;
  const [beta1, beta2] = betas;
  checkRates("adamW", { learningRate });
  checkNumbers("adamW", { "betas[0]": beta1, "betas[1]": beta2 }, { min: 0, below: 1 });
  checkNumbers("adamW", { epsilon, weightDecay }, { min: 0 });
  const variance = new Variance(epsilon, Math.round(1 / (1 - beta2)));
  return {
    name: "adamW",
    applies: true,
    decaysPruned: true,
    learningRate: (step) => learningRateAt(learningRate, step),
    variance,
    init: ({ device, size }) => ({ moment1: device.kernels.float32(size), moment2: device.kernels.float32(size) }),
    update: (slots, step) => {
      const now = learningRateAt(learningRate, step);
      const { frozenAt, of } = variance;
      const correction1 = 1 - beta1 ** (step + 1);
      const moving = { beta2, epsilon, correction2: 1 - beta2 ** (step + 1) };
      // with a beta2 of 1 the kernel leaves the variance as it is; STEP's code then takes this power of epsilon
      const kept = { beta2: 1, epsilon: epsilon ** 0.75, correction2: 1 - beta2 ** (frozenAt ?? step + 1) };
      if (variance.watched && frozenAt === null) variance.observe(slots, beta2);
      for (const { parameter, state, prunedDecay } of slots) {
        const { data, grad, size, device } = parameter;
        const { moment1, moment2 } = state;
        const decay = decays === undefined || decays(parameter) ? weightDecay : 0;
        const frozen = frozenAt !== null && of.has(parameter);
        const numbers = { rate: now, beta1, decay, correction1, ...(frozen ? kept : moving) };
        device.kernels.adam(data, { moment1, moment2 }, grad, size, numbers, prunedDecay ?? null);
      }
    },
  };
}

/** One entry of this many is sampled. It is a prime, so that the sample is not a single column of a matrix. */
const STRIDE = 61;

class Variance implements RunningVariance {
  drift = Number.NaN;
  watched = false;
  frozenAt: number | null = null;
  readonly epsilon: number;
  readonly window: number;
  /** Parameters whose variance is looked at and frozen. */
  of: ReadonlySet<Parameter> = new Set();

  constructor(epsilon: number, window: number) {
    this.epsilon = epsilon;
    this.window = window;
  }

  begin(parameters: ReadonlySet<Parameter>): void {
    this.of = parameters;
    [this.drift, this.watched, this.frozenAt] = [Number.NaN, false, null];
  }

  /** Called before the update, which changes v to beta2 v + (1 - beta2) g^2. */
  observe(slots: readonly Slot[], beta2: number): void {
    let [sum, count] = [0, 0];
    for (const { parameter, state } of slots) {
      if (!this.of.has(parameter)) continue;
      const { grad, size } = parameter;
      const { moment2 } = state;
      for (let i = 0; i < size; i += STRIDE) sum += Math.abs(grad[i] * grad[i] - moment2[i]);
      count += Math.ceil(size / STRIDE);
    }
    this.drift = ((1 - beta2) * sum) / count;
  }
}
