/**
 * The three products of training for a weight, which linear layers and convolutions share. Each multiplies by the
 * operand that the weight's plan gives for it, or else by the weight.
 */
import type { Geometry } from "../../backend/geometry.ts";
import { expected } from "../../errors.ts";
import { DenseMatrix } from "../../sparse/formats/dense-matrix.ts";
import type { ForwardOperand } from "../../sparse/operand.ts";
import { Parameter, type Shape, type Tensor } from "../../tensor/tensor.ts";
import { record } from "../tape.ts";
import type { GroupedWeight } from "./grouped-weight.ts";

/**
 * Computes y = im2col(x) w^T + bias, then ReLU if asked. `shape` [T..., O] is that of the output; `grouped` is w for a
 * grouped convolution.
 */
export function product(
  op: string,
  x: Tensor,
  w: Tensor,
  bias: Tensor | null,
  geometry: Geometry,
  shape: Shape,
  relu: boolean,
  grouped: GroupedWeight | null = null,
): Tensor {
  const { device } = x;
  const { kernels } = device;
  const out = geometry[10];
  const positions = geometry[0] * geometry[8] * geometry[9];
  const plan = w instanceof Parameter ? w.plan : null;
  const dense = grouped ?? new DenseMatrix(kernels, w.data);
  // kernels of other operands would read a grouped weight as one of all channels, beyond its end
  const orDense = <T>(operand: T | null | undefined): T | typeof dense => {
    if (operand && grouped !== null)
      throw expected(op, "a weight that its plan leaves dense", "a sparse operand", "Name the layer in skip");
    return operand ?? dense;
  };
  const operand: ForwardOperand = orDense(plan?.forward(x, geometry));
  const y = device.buffer(positions * out);
  device.timed("forward", () => operand.forward(y, x.data, geometry, { bias: bias?.data ?? null, relu }));
  return record(op, bias === null ? [x, w] : [x, w, bias], shape, y, (dy, grads) => {
    if (relu) kernels.reluBackward(dy, dy, y, y.length);
    const dw = grads.into(1);
    if (dw !== null) {
      const input = operand.input ?? x.data;
      if (w instanceof Parameter) w.watch?.(dy, input, geometry);
      const gradient = orDense(plan?.weightGrad(dy, input, geometry));
      device.timed("weightGrad", () => gradient.weightGrad(dw, dy, input, geometry));
    }
    // the bias has the gradient of all entries, not only of the sampled ones
    const dbias = bias === null ? null : grads.into(2);
    if (dbias !== null) kernels.columnSums(dbias, dy, positions, out);
    const dx = grads.into(0);
    if (dx === null) return;
    const weight = orDense(plan?.inputGrad(dy));
    device.timed("inputGrad", () => {
      weight.inputGrad(dx, dy, geometry);
      operand.keepInputGrad?.(dx);
    });
  });
}
