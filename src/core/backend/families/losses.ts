/** Losses with their gradients. */
import type { F32 } from "../memory.ts";
import type { Positions } from "../positions.ts";

export interface DetectionNumbers {
  readonly background: number;
  readonly boxes: number;
  readonly beta: number;
}

export interface LossKernels {
  /**
   * Of a detector: outputs [cells, classes + 1 + 4], logits and then four offsets; labels [cells], `classes` for the
   * background; offsets [cells, 4], read where a cell has an object. loss [1] = the mean of the cross-entropies, where one of
   * the background weighs `background`, + boxes times the mean, over the cells with an object, of the sum over the offsets'
   * errors e of e^2 / (2 beta) below beta, |e| - beta / 2 beyond. gradient: of it by the outputs.
   */
  detectionLoss(
    loss: F32,
    gradient: F32,
    outputs: F32,
    labels: Int32Array,
    offsets: F32,
    cells: number,
    classes: number,
    options: DetectionNumbers,
  ): void;
  /** losses [rows]; dlogits = (softmax - one hot) / rows, the gradient of their mean. */
  softmaxCrossEntropy(losses: F32, dlogits: F32, logits: F32, labels: Int32Array, rows: number, classes: number): void;
}

export const lossPositions: Positions<LossKernels> = {
  detectionLoss: (...args) => {
    const [loss, gradient, outputs, labels, offsets, cells, classes, { background, boxes, beta }] = args;
    return [loss, gradient, outputs, labels, offsets, cells, classes, background, boxes, beta];
  },
};
