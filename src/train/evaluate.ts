import { crossEntropy } from "../autograd/ops/cross-entropy.ts";
import type { Batches, SplitName } from "../data/batches.ts";
import type { Module } from "../nn/module.ts";
import type { Device } from "../tensor/device.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** What a model is worth on a split. */
export type Evaluation = ImageEvaluation | TextEvaluation;

export interface ImageEvaluation {
  /** Mean, in nats an image. */
  readonly loss: number;
  /** Share of right answers. */
  readonly accuracy: number;
}

export interface TextEvaluation {
  /** Mean, in nats a character. */
  readonly loss: number;
  readonly bitsPerChar: number;
}

/** Per cent of right answers, or bits per character. */
export function scoreOf(evaluation: Evaluation): number {
  return "accuracy" in evaluation ? 100 * evaluation.accuracy : evaluation.bitsPerChar;
}

/** Evaluates a model on a split, in evaluation mode; the model is back in training mode after it. */
export function evaluate(model: Module, device: Device, batches: Batches, split: SplitName = "test"): Evaluation {
  model.eval();
  let [count, total, right] = [0, 0, 0];
  for (let part = 0; part < batches.parts(split); part++) {
    device.step(() =>
      device.withoutGradients(() => {
        const { x, labels } = batches.part(device, split, part);
        const logits = model.forward(x);
        count += labels.length;
        total += crossEntropy(logits, labels).item() * labels.length;
        if (batches.kind === "images") right += countRight(logits, labels);
      }),
    );
  }
  model.train();
  const loss = total / count;
  return batches.kind === "images" ? { loss, accuracy: right / count } : { loss, bitsPerChar: loss / Math.LN2 };
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
