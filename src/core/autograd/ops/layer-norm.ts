import type { Tensor } from "../../tensor/tensor.ts";
import { record } from "../tape.ts";
import { requireShape } from "./shapes.ts";

/**
 * Computes (x - mean) / sqrt(variance + epsilon) * gamma + beta with the mean and variance of each row of x [..., D];
 * gamma and beta are [D].
 */
export function layerNorm(x: Tensor, gamma: Tensor, beta: Tensor, epsilon = 1e-5): Tensor {
  const { device } = x;
  const { kernels } = device;
  const columns = x.shape[x.shape.length - 1];
  requireShape("layerNorm: gamma", gamma, [columns]);
  requireShape("layerNorm: beta", beta, [columns]);
  const rows = x.size / columns;
  const y = device.buffer(x.size);
  const statistics = { mean: device.buffer(rows), invStd: device.buffer(rows) };
  const { data } = x;
  const affine = { gamma: gamma.data, beta: beta.data };
  kernels.layerNorm(y, statistics, data, affine, rows, columns, epsilon);
  return record("layerNorm", [x, gamma, beta], x.shape, y, (dy, grads) => {
    const dx = grads.into(0) ?? device.buffer(x.size);
    const dgamma = grads.into(1) ?? device.buffer(columns);
    const dbeta = grads.into(2) ?? device.buffer(columns);
    kernels.layerNormBackward({ dx, dgamma, dbeta }, dy, data, affine.gamma, statistics, rows, columns);
  });
}
