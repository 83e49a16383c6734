import type { F32 } from "../../backend/memory.ts";
import { expected } from "../../errors.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { recordLoss } from "./loss.ts";

export interface DetectionLossOptions {
  /** Of a cell without an object beside one with: there are many more of the former. Default 0.25. */
  readonly background?: number | undefined;
  /** Of the boxes beside the classes. Default 1. */
  readonly boxes?: number | undefined;
  /** Where the square of a box's error becomes its size. Default 0.1. */
  readonly beta?: number | undefined;
}

/**
 * Of a detector that says for each cell a class and a box: outputs [..., classes + 1 + 4], logits and then offsets; labels
 * [cells], `classes` for the background; offsets [cells, 4], read where a cell has an object. The weighted mean of the
 * cross-entropy, and of the cells with an object the mean of the smooth L1 distance of their four offsets, summed.
 */
export function detectionLoss(
  outputs: Tensor,
  labels: Int32Array,
  offsets: F32,
  { background = 0.25, boxes = 1, beta = 0.1 }: DetectionLossOptions = {},
): Tensor {
  const { device } = outputs;
  const cells = labels.length;
  const width = outputs.shape[outputs.shape.length - 1];
  const classes = width - 5;
  if (outputs.size !== cells * width || offsets.length !== 4 * cells || classes < 1) {
    throw expected(
      "detectionLoss",
      `outputs of ${cells} cells, each at least 6 numbers, and ${4 * cells} offsets`,
      `shape [${outputs.shape.join(", ")}] and ${offsets.length}`,
      "Give the model the grid that the boxes were cut to",
    );
  }
  const { data } = outputs;
  const logits = device.buffer(cells * (classes + 1));
  let [weights, objects] = [0, 0];
  for (let cell = 0; cell < cells; cell++) {
    const label = labels[cell];
    if (label < 0 || label > classes) {
      throw expected("detectionLoss", `labels in 0..${classes}`, `${label}`, "Give the model as many classes");
    }
    weights += label === classes ? background : 1;
    objects += label === classes ? 0 : 1;
    for (let c = 0; c <= classes; c++) logits[cell * (classes + 1) + c] = data[cell * width + c];
  }
  const losses = device.buffer(cells);
  const dlogits = device.buffer(logits.length);
  device.kernels.softmaxCrossEntropy(losses, dlogits, logits, labels, cells, classes + 1);
  const gradient = device.buffer(outputs.size).fill(0);
  let [named, placed] = [0, 0];
  for (let cell = 0; cell < cells; cell++) {
    const isObject = labels[cell] < classes;
    const weight = (isObject ? 1 : background) / weights;
    named += weight * losses[cell];
    // the kernel's gradient is that of a plain mean
    for (let c = 0; c <= classes; c++) {
      gradient[cell * width + c] = weight * cells * dlogits[cell * (classes + 1) + c];
    }
    if (!isObject) continue;
    for (let i = 0; i < 4; i++) {
      const at = cell * width + classes + 1 + i;
      const error = data[at] - offsets[4 * cell + i];
      const far = Math.abs(error) >= beta;
      placed += far ? Math.abs(error) - beta / 2 : (error * error) / (2 * beta);
      gradient[at] = (boxes / objects) * (far ? Math.sign(error) : error / beta);
    }
  }
  const loss = device.buffer(1);
  loss[0] = named + (boxes * placed) / Math.max(1, objects);
  return recordLoss("detectionLoss", outputs, loss, gradient);
}
