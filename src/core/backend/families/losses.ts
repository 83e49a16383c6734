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
  /**
   * loss [1] = the mean over e = x - targets of quadratic e^2 where |e| <= reach, linear (|e| - reach / 2) beyond; dx [count]
   * its gradient. (reach, quadratic, linear): squares are (Infinity, 1, 1), sizes (0, 1, 1), Huber's (delta, 0.5, delta).
   */
  regressionLoss(
    loss: F32,
    dx: F32,
    x: F32,
    targets: F32,
    count: number,
    reach: number,
    quadratic: number,
    linear: number,
  ): void;
  /**
   * loss [1] = the mean of (1 - y) x + (1 + (p - 1) y) log(1 + e^-x) over logits x and targets y [rows, classes], p of their
   * class, null for 1; dlogits its gradient.
   */
  binaryCrossEntropy(
    loss: F32,
    dlogits: F32,
    logits: F32,
    targets: F32,
    positive: F32 | null,
    rows: number,
    classes: number,
  ): void;
  /**
   * loss [1] and its gradient dlogits, of rows -sum of w t log softmax(logits). t: (1 - smoothing) of the target and
   * smoothing / classes. The target is a label, and the sum is divided by that of the weights w of the labels; rows with a
   * label below 0 count nowhere. Or, with labels null, targets [rows, classes], and it is divided by rows. weights null: 1.
   */
  targetCrossEntropy(
    loss: F32,
    dlogits: F32,
    logits: F32,
    labels: Int32Array | null,
    targets: F32 | null,
    weights: F32 | null,
    rows: number,
    classes: number,
    smoothing: number,
  ): void;
}

export const lossPositions: Positions<LossKernels> = {
  detectionLoss: (loss, gradient, outputs, labels, offsets, cells, classes, { background, boxes, beta }) => [
    loss,
    gradient,
    outputs,
    labels,
    offsets,
    cells,
    classes,
    background,
    boxes,
    beta,
  ],
};
