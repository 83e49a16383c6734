/** Losses with their gradients. */
import type { F32 } from "../memory.ts";

export interface LossKernels {
  /** losses [rows]; dlogits = (softmax - one hot) / rows, the gradient of their mean. */
  softmaxCrossEntropy(losses: F32, dlogits: F32, logits: F32, labels: Int32Array, rows: number, classes: number): void;
}
