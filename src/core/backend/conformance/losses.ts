/** Trials of losses. */

import type { LossKernels } from "../families/losses.ts";
import { countTrials, tableTrials } from "./shapes.ts";
import {
  empty,
  normal,
  oneOf,
  positive as positiveNumbers,
  random,
  read,
  spoiled,
  type Trials,
  tied,
  trial,
  written,
} from "./trials.ts";

export const lossesTrials: Trials<LossKernels> = {
  detectionLoss: ({ odd }) =>
    (odd
      ? ([
          [1, 1],
          [7, 3],
          [40, 10],
          // no cell has an object
          [5, 0],
        ] as const)
      : ([[20000, 10]] as const)
    ).flatMap(([cells, classes]) =>
      (odd ? [normal, spoiled] : [normal]).map((draw) => {
        const labels = Int32Array.from({ length: cells }, () => (classes === 0 ? 0 : random.integer(classes + 1)));
        const outputs = draw(cells * (classes + 5)).map((x) => 3 * x);
        const numbers = { background: 0.25, boxes: 0.7, beta: 0.1 };
        const outs = [written(empty(1)), { ...written(empty(outputs.length)), scale: 1 }];
        const inputs = [read(outputs), read(labels), read(normal(4 * cells))];
        return trial(`[${cells}, ${classes}]`, [...outs, ...inputs, cells, classes, numbers], 2e-6);
      }),
    ),
  softmaxCrossEntropy: ({ odd }) =>
    (odd
      ? ([
          [1, 2],
          [5, 10],
          [33, 100],
          [7, 1],
        ] as const)
      : ([[5000, 10]] as const)
    ).flatMap(([rows, classes]) =>
      (odd ? [normal, spoiled] : [normal]).map((draw) => {
        const labels = Int32Array.from({ length: rows }, () => random.integer(classes));
        // the first row's exponentials would overflow
        const logits = draw(rows * classes).map((x, i) => 10 * x + (i < classes ? 300 : 0));
        // gradients are at most 1 / rows, whatever the logits
        const outputs = [written(empty(rows)), { ...written(empty(rows * classes)), scale: 1 / rows }];
        return trial(`[${rows}, ${classes}]`, [...outputs, read(logits), read(labels), rows, classes], 2e-6);
      }),
    ),
  regressionLoss: (shapes) =>
    (
      [
        [Number.POSITIVE_INFINITY, 1, 1],
        [0, 1, 1],
        [0.7, 0.5, 0.7],
      ] as const
    ).flatMap((kind) =>
      countTrials(shapes, (count, draw) => {
        const outputs = [written(empty(1)), { ...written(empty(count)), scale: 10 / count }];
        return [...outputs, read(draw(count)), read(tied(count)), count, ...kind];
      }),
    ),
  binaryCrossEntropy: (shapes) =>
    tableTrials(
      shapes,
      (rows, classes, draw) => {
        const count = rows * classes;
        const targets = Float32Array.from({ length: count }, () => oneOf([0, 1, random.uniform()]));
        const positive = random.integer(2) === 0 ? null : read(positiveNumbers(classes));
        // exponentials of the first logit would overflow
        const logits = draw(count).map((x, i) => (i === 0 ? -200 : 5 * x));
        const outputs = [written(empty(1)), { ...written(empty(count)), scale: 1 / Math.max(1, count) }];
        return [...outputs, read(logits), read(targets), positive, rows, classes];
      },
      2e-6,
    ),
  targetCrossEntropy: ({ odd }) =>
    (odd
      ? ([
          [1, 2],
          [5, 10],
          [33, 100],
          [7, 1],
        ] as const)
      : ([[5000, 10]] as const)
    ).flatMap(([rows, classes]) =>
      (odd ? [normal, spoiled] : [normal]).flatMap((draw) =>
        [0, 1, 2, 3, 4, 5, 6, 7].map((kind) => {
          const size = rows * classes;
          const [soft, weighted, smoothing] = [(kind & 1) === 1, (kind & 2) === 2, (kind & 4) === 4 ? 0.1 : 0];
          // the last row counts nowhere, unless it is the only one
          const labels = Int32Array.from({ length: rows }, (_, row) =>
            row > 0 && row === rows - 1 ? -1 : random.integer(classes),
          );
          const logits = draw(size).map((x, i) => 10 * x + (i < classes ? 300 : 0));
          const targets = [soft ? null : read(labels), soft ? read(positiveNumbers(size)) : null];
          const weights = weighted ? read(positiveNumbers(classes)) : null;
          const outputs = [written(empty(1)), { ...written(empty(size)), scale: (soft ? classes : 1) / rows }];
          return trial(
            `[${rows}, ${classes}] ${draw.name} ${kind}`,
            [...outputs, read(logits), ...targets, weights, rows, classes, smoothing],
            2e-6,
          );
        }),
      ),
    ),
};
