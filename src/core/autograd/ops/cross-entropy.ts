import { expected } from "../../errors.ts";
import { requireOptions } from "../../options.ts";
import { requireTensor, Tensor } from "../../tensor/tensor.ts";
import { countOf, onDevice, recordLoss, requireConstant, requireList, requireTargets, type Targets } from "./loss.ts";

export interface CrossEntropyOptions {
  /** Share of each target that is spread over all classes, in 0..1. Default 0. */
  readonly labelSmoothing?: number | undefined;
  /** Weight of each class. If targets are labels, the mean is weighted by them, as in PyTorch. Default 1. */
  readonly classWeights?: ArrayLike<number> | undefined;
  /**
   * Rows with this label count neither in the sum nor in the mean; if all rows have it, the loss is NaN. Default: no
   * label.
   */
  readonly ignoreIndex?: number | undefined;
}

/**
 * The mean of -log softmax(logits)[target] over the rows of logits [..., classes], like PyTorch's CrossEntropyLoss with
 * the classes in the last axis. `targets` are a label in 0..classes - 1 for each row, or a probability for each logit;
 * they have no gradient.
 */
export function crossEntropy(logits: Tensor, targets: Targets, options: CrossEntropyOptions = {}): Tensor {
  const op = "crossEntropy";
  requireOptions(op, options, { labelSmoothing: true, classWeights: true, ignoreIndex: true });
  const { labelSmoothing = 0, classWeights, ignoreIndex } = options;
  requireTensor(op, logits);
  requireList(op, targets);
  const { device, size } = logits;
  const classes = logits.shape[logits.shape.length - 1];
  const rows = size / classes;
  if (!(labelSmoothing >= 0 && labelSmoothing <= 1))
    throw expected(op, "a labelSmoothing in 0..1", `${labelSmoothing}`, "Give the share that all classes get");
  if (classWeights !== undefined && classWeights.length !== classes)
    throw expected(op, `classWeights of ${classes} classes`, `${classWeights.length}`, "Give each class one");
  const labels = countOf(targets) === rows ? labelsOf(logits, targets, ignoreIndex) : null;
  const dlogits = device.buffer(size);
  if (labels !== null && labelSmoothing === 0 && classWeights === undefined && ignoreIndex === undefined) {
    const losses = device.buffer(rows);
    device.kernels.softmaxCrossEntropy(losses, dlogits, logits.data, labels, rows, classes);
    const mean = device.buffer(1);
    device.kernels.mean(mean, losses, rows);
    return recordLoss(op, logits, mean, dlogits);
  }
  if (labels === null) requireProbabilities(logits, targets, ignoreIndex);
  const probabilities = labels === null ? onDevice(device, targets) : null;
  const weights = classWeights === undefined ? null : onDevice(device, classWeights);
  const mean = device.buffer(1);
  device.kernels.targetCrossEntropy(
    ...([mean, dlogits, logits.data, labels, probabilities, weights] as const),
    ...([rows, classes, labelSmoothing] as const),
  );
  return recordLoss(op, logits, mean, dlogits);
}

/** The labels, checked, in memory of the device; -1 for rows that are ignored. */
function labelsOf(logits: Tensor, targets: Targets, ignoreIndex: number | undefined): Int32Array {
  const given = targets instanceof Tensor ? targets.data : targets;
  const classes = logits.shape[logits.shape.length - 1];
  const labels = logits.device.integers(given.length);
  for (let row = 0; row < labels.length; row++) {
    const label = given[row];
    if (label === ignoreIndex) {
      labels[row] = -1;
      continue;
    }
    if (!(Number.isInteger(label) && label >= 0 && label < classes)) {
      throw expected(
        "crossEntropy",
        `labels in 0..${classes - 1}`,
        `${label} in row ${row}`,
        label < 0
          ? "Name the label of rows that do not count as ignoreIndex"
          : "Give the model as many outputs as there are classes",
      );
    }
    labels[row] = label;
  }
  return labels;
}

function requireProbabilities(logits: Tensor, targets: Targets, ignoreIndex: number | undefined): void {
  const rows = logits.size / logits.shape[logits.shape.length - 1];
  if (countOf(targets) !== logits.size) {
    throw expected(
      "crossEntropy",
      `${rows} labels or ${logits.size} probabilities for logits of shape [${logits.shape.join(", ")}]`,
      `${countOf(targets)}`,
      "Give each row of the logits one label",
    );
  }
  requireTargets("crossEntropy", logits, targets);
  requireConstant("crossEntropy", targets);
  if (ignoreIndex !== undefined)
    throw expected("crossEntropy", "labels where there is an ignoreIndex", "probabilities", "Leave it out");
}
