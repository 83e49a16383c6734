/**
 * The three products of training for a weight, dense or packed N:M: what linear layers and convolutions share.
 * A packed weight is used by the forward product; the input gradient multiplies by its masked dense copy, because its
 * groups run along the inputs and inputGrad contracts over the outputs.
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
  const packing = w instanceof Parameter ? w.packing : null;
  const packed = packing?.current() ?? null;
  const biasData = bias?.data ?? null;
  const y = device.buffer(positions * out);
  device.timed("forward", () => {
    if (packed === null) {
      kernels.forward(y, x.data, w.data, biasData, geometry, Number(relu));
    } else {
      const { n, m, v } = packed.pattern;
      kernels.forwardSparse(y, x.data, packed.values, packed.index, biasData, geometry, Number(relu), n, m, v);
    }
  });
  return record(op, bias === null ? [x, w] : [x, w, bias], shape, y, (dy, grads) => {
    if (relu) kernels.reluBackward(dy, dy, y, y.length);
    const dw = grads.into(1);
    if (dw !== null) device.timed("weightGrad", () => kernels.weightGrad(dw, dy, x.data, geometry));
    const dbias = bias === null ? null : grads.into(2);
    if (dbias !== null) kernels.columnSums(dbias, dy, positions, out);
    const dx = grads.into(0);
    if (dx === null) return;
    const weights = packed === null || packing?.weightIsMasked ? w.data : packed.masked;
    device.timed("inputGrad", () => kernels.inputGrad(dx, dy, weights, geometry));
  });
}
