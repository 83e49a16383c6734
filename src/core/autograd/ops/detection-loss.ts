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
  for (const label of labels) {
    if (label < 0 || label > classes) {
      throw expected("detectionLoss", `labels in 0..${classes}`, `${label}`, "Give the model as many classes");
    }
  }
  const [loss, gradient] = [device.buffer(1), device.buffer(outputs.size)];
  const numbers = { background, boxes, beta };
  device.kernels.detectionLoss(loss, gradient, outputs.data, labels, offsets, cells, classes, numbers);
  return recordLoss("detectionLoss", outputs, loss, gradient);
}
