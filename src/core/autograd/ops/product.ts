/**
 * The three products of training for a weight, what linear layers and convolutions share. Each is sparse where the
 * weight's plan has a packed operand for it: the weight, its transpose, the input, or the output's gradient.
 */

import { type Geometry, matrixGeometry } from "../../backend/geometry.ts";
import type { Kernels } from "../../backend/kernels.ts";
import type { F32 } from "../../backend/memory.ts";
import {
  type ForwardOperand,
  type InputGradOperand,
  Parameter,
  type Shape,
  type Tensor,
  type WeightGradOperand,
} from "../../tensor/tensor.ts";
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
  const operand = plan?.forward(x, geometry) ?? null;
  const y = device.buffer(positions * out);
  const weight = operand?.operand === "weight" ? null : (plan?.denseWeight() ?? w.data);
  device.timed("forward", () =>
    forward(kernels, y, x.data, weight, bias?.data ?? null, operand, geometry, Number(relu)),
  );
  const kept = operand?.operand === "activations" ? operand.packed : null;
  return record(op, bias === null ? [x, w] : [x, w, bias], shape, y, (dy, grads) => {
    if (relu) kernels.reluBackward(dy, dy, y, y.length);
    const dw = grads.into(1);
    if (dw !== null) {
      const input = kept?.masked ?? x.data;
      const operand = plan?.weightGrad(dy, input, geometry) ?? null;
      device.timed("weightGrad", () => weightGrad(kernels, dw, dy, input, operand, geometry));
      plan?.afterWeightGrad?.(dw);
    }
    // the bias has the gradient of all entries, not of the sample
    const dbias = bias === null ? null : grads.into(2);
    if (dbias !== null) kernels.columnSums(dbias, dy, positions, out);
    const dx = grads.into(0);
    if (dx === null) return;
    const operand = plan?.inputGrad(dy) ?? null;
    const weight = operand?.operand === "weight" ? null : (plan?.denseWeight() ?? w.data);
    device.timed("inputGrad", () => {
      inputGrad(kernels, dx, dy, weight, operand, geometry);
      // y does not depend on what was pruned
      if (kept !== null) kernels.applyMask(dx, kept.mask, kept.rows, kept.k);
    });
  });
}

/** weight: null where the operand is the weight. */
function forward(
  kernels: Kernels,
  y: F32,
  x: F32,
  weight: F32 | null,
  bias: F32 | null,
  operand: ForwardOperand | null,
  geometry: Geometry,
  relu: number,
): void {
  if (operand === null) {
    kernels.forward(y, x, weight!, bias, geometry, relu);
    return;
  }
  if (operand.operand === "compressed weight") {
    operand.compressed.multiply(y, x, geometry, bias, relu === 1);
    return;
  }
  if (operand.operand === "weight") kernels.forwardSparse(y, x, operand.packed, bias, geometry, relu);
  else kernels.forwardSparseActivations(y, operand.packed, weight!, bias, geometry, relu);
}

function weightGrad(
  kernels: Kernels,
  dw: F32,
  dy: F32,
  x: F32,
  operand: WeightGradOperand | null,
  geometry: Geometry,
): void {
  switch (operand?.operand) {
    case undefined:
      kernels.weightGrad(dw, dy, x, geometry);
      break;
    case "compressed weight":
      operand.compressed.gradient(dw, dy, x, geometry);
      break;
    case "activations":
      kernels.weightGradAlternate(dw, dy, x, geometry, operand.mask, operand.restore, operand.scale);
      break;
    case "gradient":
      kernels.weightGradSparse(dw, operand.packed, x, geometry);
      break;
  }
}

/** weight: null where the operand is the weight. */
function inputGrad(
  kernels: Kernels,
  dx: F32,
  dy: F32,
  weight: F32 | null,
  operand: InputGradOperand | null,
  geometry: Geometry,
): void {
  switch (operand?.operand) {
    case undefined:
      kernels.inputGrad(dx, dy, weight!, geometry);
      break;
    case "masked gradient":
      kernels.inputGrad(dx, operand.gradient, weight!, geometry);
      break;
    case "weight":
      kernels.inputGradSparse(dx, dy, operand.packed, geometry);
      break;
    case "compressed weight":
      operand.compressed.multiply(dx, dy, operand.geometry);
      break;
    case "gradient": {
      // dx = dy w has the form of dw = dy^T x with the outputs in the place of the positions
      const { packed } = operand;
      kernels.weightGradSparse(dx, packed, weight!, matrixGeometry(packed.k, geometry[3], packed.rows));
      break;
    }
  }
}
