import type { F32 } from "../../backend/memory.ts";
import { expected } from "../../errors.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { recordLoss } from "./loss.ts";

export interface DetectionLossOptions {
  /**
   * Weight of a cell without an object relative to one with an object; there are many more of the former. Default 0.25.
   */
  readonly background?: number | undefined;
  /** Weight of the boxes' loss relative to that of the classes. Default 1. */
  readonly boxes?: number | undefined;
  /** Error at which the smooth L1 distance changes from its square to its magnitude. Default 0.1. */
  readonly beta?: number | undefined;
}

/**
 * The loss of a detector that predicts a class and a box for each cell. `outputs` [..., classes + 1 + 4] hold logits,
 * then offsets; `labels` [cells] are classes, with `classes` for the background; `offsets` [cells, 4] are read for
 * cells with an object. The loss is the weighted mean of the cross-entropy plus, over the cells with an object, the
 * mean of the smooth L1 distance summed over their four offsets.
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
