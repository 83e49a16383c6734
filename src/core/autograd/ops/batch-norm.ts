import type { RunningStatistics } from "../../backend/families/normalization.ts";
import { expected } from "../../errors.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { record } from "../tape.ts";
import { windowsOf } from "./max-pool.ts";
import { requireShape, type Window } from "./shapes.ts";

export type { RunningStatistics };

/** The default number that is added to variances. */
export const BATCH_NORM_EPSILON = 1e-5;

export interface BatchNormOptions {
  /** Number added to the variance. Default 1e-5. */
  readonly epsilon?: number | undefined;
  /** Share of the new statistics in the running ones. Default 0.1. */
  readonly momentum?: number | undefined;
  /** Whether to apply ReLU in the same pass. Default false. */
  readonly relu?: boolean | undefined;
}

/**
 * Computes (x - mean) / sqrt(variance + epsilon) * gamma + beta for the rows of x [..., C], with the batch's mean and
 * variance.
 */
export function batchNorm(
  x: Tensor,
  gamma: Tensor,
  beta: Tensor,
  running: RunningStatistics,
  { epsilon = BATCH_NORM_EPSILON, momentum = 0.1, relu = false }: BatchNormOptions = {},
): Tensor {
  const { device } = x;
  const { kernels } = device;
  const [rows, channels] = rowsAndChannels(x, gamma, beta);
  const y = device.buffer(x.size);
  const statistics = { mean: device.buffer(channels), invStd: device.buffer(channels) };
  const { data } = x;
  const affine = { gamma: gamma.data, beta: beta.data };
  kernels.batchNorm(y, statistics, running, data, affine, rows, channels, { epsilon, momentum, relu: Number(relu) });
  return record("batchNorm", [x, gamma, beta], x.shape, y, (dy, grads) => {
    const dx = grads.into(0) ?? device.buffer(x.size);
    const dgamma = grads.into(1) ?? device.buffer(channels);
    const dbeta = grads.into(2) ?? device.buffer(channels);
    const output = relu ? y : null;
    kernels.batchNormBackward({ dx, dgamma, dbeta }, dy, output, data, affine.gamma, statistics, rows, channels);
  });
}

/** The largest kernel of a maxPool that batchNormPool can include. */
export const BATCH_NORM_POOL_KERNEL = 15;

/**
 * Computes maxPool of relu of batchNorm in one pass forward and one backward: the tensors in between would be the
 * largest of the step.
 */
export function batchNormPool(
  x: Tensor,
  gamma: Tensor,
  beta: Tensor,
  running: RunningStatistics,
  kernel: number,
  { epsilon = BATCH_NORM_EPSILON, momentum = 0.1, ...window }: Omit<BatchNormOptions, "relu"> & Window = {},
): Tensor {
  const { device } = x;
  const { kernels } = device;
  const [, channels] = rowsAndChannels(x, gamma, beta);
  const { geometry, shape, size } = windowsOf("batchNormPool", x, kernel, window, BATCH_NORM_POOL_KERNEL);
  const [y, peak, winner] = [device.buffer(size), device.buffer(size), device.bytes(size)];
  const statistics = { mean: device.buffer(channels), invStd: device.buffer(channels) };
  const { data } = x;
  const affine = { gamma: gamma.data, beta: beta.data };
  kernels.batchNormPool(y, peak, winner, statistics, running, data, affine, geometry, { epsilon, momentum });
  return record("batchNormPool", [x, gamma, beta], shape, y, (dy, grads) => {
    const dx = grads.into(0) ?? device.buffer(x.size);
    const dgamma = grads.into(1) ?? device.buffer(channels);
    const dbeta = grads.into(2) ?? device.buffer(channels);
    kernels.batchNormPoolBackward({ dx, dgamma, dbeta }, dy, peak, winner, data, affine.gamma, statistics, geometry);
  });
}

/** Computes batchNorm with the running statistics in place of the batch's; not differentiable. */
export function batchNormInfer(
  x: Tensor,
  gamma: Tensor,
  beta: Tensor,
  running: RunningStatistics,
  { epsilon = BATCH_NORM_EPSILON, relu = false }: BatchNormOptions = {},
): Tensor {
  const [rows, channels] = rowsAndChannels(x, gamma, beta);
  const y = x.device.buffer(x.size);
  const affine = { gamma: gamma.data, beta: beta.data };
  x.device.kernels.batchNormInfer(y, x.data, affine, running, rows, channels, { epsilon, relu: Number(relu) });
  return record("batchNormInfer", [x, gamma, beta], x.shape, y, () => {
    throw expected(
      "batch norm",
      "training mode for a backward pass",
      "evaluation mode",
      "Call model.train() before the step",
    );
  });
}

function rowsAndChannels(x: Tensor, gamma: Tensor, beta: Tensor): [number, number] {
  const channels = x.shape[x.shape.length - 1];
  requireShape("batchNorm: gamma", gamma, [channels]);
  requireShape("batchNorm: beta", beta, [channels]);
  return [x.size / channels, channels];
}
