import { crossEntropy } from "../autograd/ops/cross-entropy.ts";
import type { Batches } from "../data/batches.ts";
import type { Split } from "../data/dataset.ts";
import { imageRange } from "../data/tensors.ts";
import type { Module } from "../nn/module.ts";
import type { Device } from "../tensor/device.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** Mean loss and share of right answers. */
export interface Evaluation {
  readonly loss: number;
  readonly accuracy: number;
}

const BATCH = 500;

/** Evaluates an image classifier on a split, in evaluation mode; the model is back in training mode after it. */
export function evaluate(model: Module, device: Device, batches: Batches, split: Split): Evaluation {
  model.eval();
  let loss = 0;
  let right = 0;
  for (let from = 0; from < split.count; from += BATCH) {
    device.step(() =>
      device.withoutGradients(() => {
        const { x, labels } = imageRange(device, batches, split, from, Math.min(split.count, from + BATCH));
        const logits = model.forward(x);
        loss += crossEntropy(logits, labels).item() * labels.length;
        right += countRight(logits, labels);
      }),
    );
  }
  model.train();
  return { loss: loss / split.count, accuracy: right / split.count };
}

function countRight(logits: Tensor, labels: Int32Array): number {
  const [rows, classes] = logits.shape;
  const { data } = logits;
  let right = 0;
  for (let row = 0; row < rows; row++) {
    let best = 0;
    for (let c = 1; c < classes; c++) if (data[row * classes + c] > data[row * classes + best]) best = c;
    if (best === labels[row]) right++;
  }
  return right;
}
