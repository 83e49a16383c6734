/** Losses in double precision. */
import type { LossKernels } from "../families/losses.ts";

export const losses: LossKernels = {
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
