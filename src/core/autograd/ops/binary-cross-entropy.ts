import { expected } from "../../errors.ts";
import { requireOptions } from "../../options.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { onDevice, recordLoss, requireConstant, requireTargets, type Targets } from "./loss.ts";

export interface BinaryCrossEntropyOptions {
  /** Weight of a target of 1 relative to a target of 0, for each class (the last axis). Default 1. */
  readonly positiveWeight?: ArrayLike<number> | undefined;
}

/**
 * The mean over all values of -w y log(sigmoid(x)) - (1 - y) log(1 - sigmoid(x)) for logits x [..., classes], like
 * PyTorch's BCEWithLogitsLoss. The targets y are in 0..1: a list of as many numbers, or a tensor of the same shape.
 * They have no gradient.
 */
export function binaryCrossEntropyWithLogits(
  logits: Tensor,
  targets: Targets,
  options: BinaryCrossEntropyOptions = {},
): Tensor {
  const op = "binaryCrossEntropyWithLogits";
  requireOptions(op, options, { positiveWeight: true });
  requireTargets(op, logits, targets);
  requireConstant(op, targets);
  const { positiveWeight } = options;
  const { device } = logits;
  const classes = logits.shape[logits.shape.length - 1];
  if (positiveWeight !== undefined && positiveWeight.length !== classes) {
    throw expected(op, `a positiveWeight of ${classes} classes`, `${positiveWeight.length}`, "Give each class one");
  }
  const [loss, gradient] = [device.buffer(1), device.buffer(logits.size)];
  const weights = positiveWeight === undefined ? null : onDevice(device, positiveWeight);
  const wanted = onDevice(device, targets);
  const rows = logits.size / classes;
  device.kernels.binaryCrossEntropy(loss, gradient, logits.data, wanted, weights, rows, classes);
  return recordLoss(op, logits, loss, gradient);
}
