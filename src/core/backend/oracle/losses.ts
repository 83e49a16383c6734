/** Losses in double precision. */
import type { LossKernels } from "../families/losses.ts";

export const losses: LossKernels = {
  detectionLoss: (loss, gradient, outputs, labels, offsets, cells, classes, { background, boxes, beta }) => {
    const width = classes + 5;
    const isObject = (cell: number): boolean => labels[cell] !== classes;
    let [weights, objects] = [0, 0];
    for (let cell = 0; cell < cells; cell++) {
      weights += isObject(cell) ? 1 : background;
      objects += Number(isObject(cell));
    }
    let total = 0;
    for (let cell = 0; cell < cells; cell++) {
      const x = outputs.subarray(cell * width, (cell + 1) * width);
      const dx = gradient.subarray(cell * width, (cell + 1) * width).fill(0);
      const logits = x.subarray(0, classes + 1);
      const largest = logits.reduce((a, b) => Math.max(a, b));
      const sum = logits.reduce((total, value) => total + Math.exp(value - largest), 0);
      const weight = (isObject(cell) ? 1 : background) / weights;
      let share = weight * (Math.log(sum) + largest - x[labels[cell]]);
      for (let c = 0; c <= classes; c++) {
        dx[c] = weight * (Math.exp(x[c] - largest) / sum - (c === labels[cell] ? 1 : 0));
      }
      for (let i = 0; isObject(cell) && i < 4; i++) {
        const error = x[classes + 1 + i] - offsets[4 * cell + i];
        const size = Math.abs(error);
        share += (boxes / objects) * (size < beta ? (error * error) / (2 * beta) : size - beta / 2);
        dx[classes + 1 + i] = (boxes / objects) * (size < beta ? error / beta : Math.sign(error));
      }
      total += share;
    }
    loss[0] = total;
  },
  softmaxCrossEntropy: (losses, dlogits, logits, labels, rows, classes) => {
    for (let row = 0; row < rows; row++) {
      const x = logits.subarray(row * classes, (row + 1) * classes);
      const largest = x.reduce((a, b) => Math.max(a, b));
      const sum = x.reduce((total, value) => total + Math.exp(value - largest), 0);
      losses[row] = Math.log(sum) + largest - x[labels[row]];
      for (let c = 0; c < classes; c++) {
        dlogits[row * classes + c] = (Math.exp(x[c] - largest) / sum - (c === labels[row] ? 1 : 0)) / rows;
      }
    }
  },
};
