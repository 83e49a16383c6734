/**
 * Code that losses share: targets in the memory of the device, and the rule of a loss whose gradient was computed with
 * it.
 */
import type { F32 } from "../../backend/memory.ts";
import { expected } from "../../errors.ts";
import { shown } from "../../options.ts";
import type { Device } from "../../tensor/device.ts";
import { requireTensor, Tensor } from "../../tensor/tensor.ts";
import { record } from "../tape.ts";

/** The targets of a loss: a list of numbers, or a tensor. */
export type Targets = ArrayLike<number> | Tensor;

export const countOf = (targets: Targets): number => (targets instanceof Tensor ? targets.size : targets.length);

/** The values in memory of the device; a tensor's values are not copied. */
export function onDevice(device: Device, values: Targets): F32 {
  if (values instanceof Tensor) return values.data;
  const copy = device.buffer(values.length);
  copy.set(values);
  return copy;
}

/** Throws unless these are targets at all. */
export function requireList(where: string, targets: unknown): void {
  const isList = targets instanceof Tensor || Array.isArray(targets) || ArrayBuffer.isView(targets);
  if (!isList) throw expected(where, "targets as a list of numbers or a tensor", shown(targets), "Give each row one");
}

/** Throws unless there is one target for each value of x and, if targets are a tensor, in the same shape. */
export function requireTargets(where: string, x: Tensor, targets: Targets): void {
  requireTensor(where, x);
  requireList(where, targets);
  const shape = targets instanceof Tensor ? targets.shape : null;
  if (shape === null ? countOf(targets) === x.size : shape.join() === x.shape.join()) return;
  throw expected(
    where,
    shape === null ? `${x.size} targets for shape [${x.shape.join(", ")}]` : `targets of shape [${x.shape.join(", ")}]`,
    shape === null ? `${countOf(targets)}` : `[${shape.join(", ")}]`,
    "Give each value one target",
  );
}

/** Throws if targets are a tensor with a gradient: this loss has none for them. */
export function requireConstant(where: string, targets: Targets): void {
  if (!(targets instanceof Tensor && targets.needsGrad)) return;
  const todo = "Make them inside of device.withoutGradients";
  throw expected(where, "targets without a gradient", "a tensor that depends on parameters", todo);
}

/** Records a loss [1] of x. `gradient` is that of x, which this loss keeps; targets given here have its negative. */
export function recordLoss(op: string, x: Tensor, loss: F32, gradient: F32, targets: Tensor | null = null): Tensor {
  const { kernels } = x.device;
  return record(op, targets === null ? [x] : [x, targets], [1], loss, (dloss, grads) => {
    const dx = grads.into(0);
    if (dx !== null) kernels.scaleBy(dx, gradient, dloss, dx.length);
    const dtargets = targets === null ? null : grads.into(1);
    if (dtargets === null) return;
    kernels.scaleBy(dtargets, gradient, dloss, dtargets.length);
    kernels.scale(dtargets, dtargets.length, -1);
  });
}
