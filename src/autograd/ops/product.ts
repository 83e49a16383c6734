/**
 * The three products of training for a weight, what linear layers and convolutions share. Each is sparse where the
 * weight's plan has a packed operand for it: the weight, its transpose, or the transpose of the output's gradient.
 */
import type { Geometry } from "../../kernels/kernels.ts";
import { Parameter, type Shape, type Tensor } from "../../tensor/tensor.ts";
import { record } from "../tape.ts";

/** y = im2col(x) w^T + bias, then ReLU if asked; shape [T..., O] is the output's. */
export function product(
  op: string,
  x: Tensor,
  w: Tensor,
  bias: Tensor | null,
  geometry: Geometry,
  shape: Shape,
  relu: boolean,
): Tensor {
  const { device } = x;
  const { kernels } = device;
  const out = geometry[10];
  const positions = geometry[0] * geometry[8] * geometry[9];
  const plan = w instanceof Parameter ? w.plan : null;
  const packed = plan?.forward(geometry, x.needsGrad) ?? null;
  const biasData = bias?.data ?? null;
  const y = device.buffer(positions * out);
  if (packed === null) {
    const weight = plan?.denseWeight() ?? w.data;
    device.timed("forward", () => kernels.forward(y, x.data, weight, biasData, geometry, Number(relu)));
  } else {
    const { values, index, pattern } = packed;
    const { n, m, v } = pattern;
    device.timed("forward", () =>
      kernels.forwardSparse(y, x.data, values, index, biasData, geometry, Number(relu), n, m, v),
    );
  }
  return record(op, bias === null ? [x, w] : [x, w, bias], shape, y, (dy, grads) => {
    if (relu) kernels.reluBackward(dy, dy, y, y.length);
    const dw = grads.into(1);
    const sampled = dw === null ? null : (plan?.weightGrad(dy) ?? null);
    if (sampled !== null) {
      const { values, index, pattern } = sampled;
      const { n, m, v } = pattern;
      device.timed("weightGrad", () => kernels.weightGradSparse(dw!, values, index, x.data, geometry, n, m, v));
    } else if (dw !== null) {
      device.timed("weightGrad", () => kernels.weightGrad(dw, dy, x.data, geometry));
    }
    // the bias has the gradient of all entries, not of the sample
    const dbias = bias === null ? null : grads.into(2);
    if (dbias !== null) kernels.columnSums(dbias, dy, positions, out);
    const dx = grads.into(0);
    if (dx === null) return;
    const transposed = plan?.inputGrad() ?? null;
    if (transposed !== null) {
      const { values, index, pattern } = transposed;
      const { n, m, v } = pattern;
      device.timed("inputGrad", () => kernels.inputGradSparse(dx, dy, values, index, geometry, n, m, v));
    } else {
      const weight = plan?.denseWeight() ?? w.data;
      device.timed("inputGrad", () => kernels.inputGrad(dx, dy, weight, geometry));
    }
  });
}
