/** The oracle of losses, in double precision. */
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
  regressionLoss: (loss, dx, x, targets, count, reach, quadratic, linear) => {
    let sum = 0;
    for (let i = 0; i < count; i++) {
      const error = x[i] - targets[i];
      const near = Math.abs(error) <= reach;
      sum += near ? quadratic * error ** 2 : linear * (Math.abs(error) - reach / 2);
      dx[i] = (near ? 2 * quadratic * error : linear * Math.sign(error)) / count;
    }
    loss[0] = sum / count;
  },
  binaryCrossEntropy: (loss, dlogits, logits, targets, positive, rows, classes) => {
    const count = rows * classes;
    let sum = 0;
    for (let i = 0; i < count; i++) {
      const [x, y] = [logits[i], targets[i]];
      const weight = 1 + ((positive?.[i % classes] ?? 1) - 1) * y;
      sum += (1 - y) * x + weight * (Math.log1p(Math.exp(-Math.abs(x))) + Math.max(-x, 0));
      dlogits[i] = (1 - y - weight / (1 + Math.exp(x))) / count;
    }
    loss[0] = sum / count;
  },
  targetCrossEntropy: (loss, dlogits, logits, labels, targets, weights, rows, classes, smoothing) => {
    const weightOf = (c: number): number => weights?.[c] ?? 1;
    const isCounted = (row: number): boolean => labels === null || labels[row] >= 0;
    let total = 0;
    for (let row = 0; row < rows; row++) {
      if (isCounted(row)) total += labels === null ? 1 : weightOf(labels[row]);
    }
    let losses = 0;
    for (let row = 0; row < rows; row++) {
      const x = Array.from(logits.subarray(row * classes, (row + 1) * classes));
      const largest = Math.max(...x.filter((value) => !Number.isNaN(value)));
      const logSum = Math.log(x.reduce((sum, value) => sum + Math.exp(value - largest), 0)) + largest;
      const wanted = x.map((_, c) => {
        const target = labels === null ? targets![row * classes + c] : Number(c === labels[row]);
        return isCounted(row) ? ((1 - smoothing) * target + smoothing / classes) * weightOf(c) : 0;
      });
      const mass = wanted.reduce((sum, q) => sum + q, 0);
      x.forEach((value, c) => {
        if (wanted[c] !== 0) losses += wanted[c] * (logSum - value);
        const grad = Math.exp(value - logSum) * mass - wanted[c];
        dlogits[row * classes + c] = isCounted(row) && total !== 0 ? grad / total : 0;
      });
    }
    loss[0] = losses / total;
  },
};
