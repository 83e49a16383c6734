/** Losses for regression: the mean over all values of a function of the error. */
import { expected } from "../../errors.ts";
import { requireOptions } from "../../options.ts";
import { Tensor } from "../../tensor/tensor.ts";
import { onDevice, recordLoss, requireTargets, type Targets } from "./loss.ts";

export interface HuberOptions {
  /** Magnitude of an error from which its magnitude counts, not its square. It is above 0. Default 1. */
  readonly delta?: number | undefined;
}

/**
 * The mean of (x - target)^2. `targets` are as many numbers as x has, or a tensor of its shape, which then has a
 * gradient too if it depends on parameters.
 */
export function mse(x: Tensor, targets: Targets): Tensor {
  return regression("mse", x, targets, Number.POSITIVE_INFINITY, 1, 1);
}

/** The mean of |x - target|; its gradient is 0 where both are equal. For `targets` see mse. */
export function mae(x: Tensor, targets: Targets): Tensor {
  return regression("mae", x, targets, 0, 1, 1);
}

/**
 * The mean of e^2 / 2 where e = x - target is at most delta in magnitude, and of delta (|e| - delta / 2) beyond (Huber
 * 1964), like PyTorch's HuberLoss. For `targets` see mse.
 */
export function huber(x: Tensor, targets: Targets, options: HuberOptions = {}): Tensor {
  requireOptions("huber", options, { delta: true });
  const { delta = 1 } = options;
  if (!(delta > 0)) throw expected("huber", "a delta above 0", `${delta}`, "Use mae for errors that all count by size");
  return regression("huber", x, targets, delta, 0.5, delta);
}

function regression(op: string, x: Tensor, targets: Targets, reach: number, quadratic: number, linear: number): Tensor {
  requireTargets(op, x, targets);
  const { device } = x;
  const [loss, gradient] = [device.buffer(1), device.buffer(x.size)];
  const wanted = onDevice(device, targets);
  device.kernels.regressionLoss(loss, gradient, x.data, wanted, x.size, reach, quadratic, linear);
  return recordLoss(op, x, loss, gradient, targets instanceof Tensor && targets.needsGrad ? targets : null);
}
