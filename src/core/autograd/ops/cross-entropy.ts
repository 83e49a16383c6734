import { expected } from "../../errors.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { record } from "../tape.ts";
import { requireShape } from "./shapes.ts";

/** Mean of -log softmax(logits)[label] over the rows of logits [T, classes]; labels [T] in 0..classes - 1. */
export function crossEntropy(logits: Tensor, labels: Int32Array): Tensor {
  requireShape("crossEntropy: logits", logits, [labels.length, null]);
  const { device } = logits;
  const [rows, classes] = logits.shape;
  for (const label of labels) {
    if (label < 0 || label >= classes) {
      throw expected(
        "crossEntropy",
        `labels in 0..${classes - 1}`,
        `${label}`,
        "Give the model as many outputs as there are classes",
      );
    }
  }
  const losses = device.buffer(rows);
  const dlogits = device.buffer(logits.size);
  device.kernels.softmaxCrossEntropy(losses, dlogits, logits.data, labels, rows, classes);
  const mean = device.buffer(1);
  device.kernels.mean(mean, losses, rows);
  return record("crossEntropy", [logits], [1], mean, (dmean, grads) => {
    const dx = grads.into(0);
    if (dx !== null) device.kernels.scaleBy(dx, dlogits, dmean, dx.length);
  });
}
