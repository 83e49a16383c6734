/** Kernels of losses with their gradients. */
import type { F32 } from "../memory.ts";
import type { Positions } from "../positions.ts";

export interface DetectionNumbers {
  readonly background: number;
  readonly boxes: number;
  readonly beta: number;
}

export interface LossKernels {
  /**
   * The loss of a detector. outputs [cells, classes + 1 + 4] hold logits, then four offsets; labels [cells] are
   * classes, with `classes` for the background; offsets [cells, 4] are read for cells with an object. loss [1] = the
   * mean of the cross-entropies, in which those of the background have the weight `background`, + boxes times the mean,
   * over the cells with an object, of the sum over the offsets' errors e of e^2 / (2 beta) below beta, |e| - beta / 2
   * beyond. gradient = that of the loss by the outputs.
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
  /** losses [rows] = the cross-entropies; dlogits = (softmax - one hot) / rows, the gradient of their mean. */
  softmaxCrossEntropy(losses: F32, dlogits: F32, logits: F32, labels: Int32Array, rows: number, classes: number): void;
  /**
   * loss [1] = the mean over e = x - targets of quadratic e^2 where |e| <= reach, linear (|e| - reach / 2) beyond; dx
   * [count] = its gradient. For (reach, quadratic, linear), squared errors take (Infinity, 1, 1), absolute errors (0,
   * 1, 1), Huber's (delta, 0.5, delta).
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
   * loss [1] = the mean of (1 - y) x + (1 + (p - 1) y) log(1 + e^-x) over logits x and targets y [rows, classes], where
   * p is the positive weight of the class (null: 1); dlogits = its gradient.
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
   * Computes loss [1] and its gradient dlogits from -sum of w t log softmax(logits) of each row, where t is (1 -
   * smoothing) times the target + smoothing / classes. With labels, the target is a label, and the sum over rows is
   * divided by that of the weights w of the labels; rows with a label below 0 are ignored. With labels null, the
   * targets are [rows, classes], and the sum is divided by rows. With weights null, w is 1.
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
