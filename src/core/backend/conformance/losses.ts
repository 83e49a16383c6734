/** Losses. */

import type { LossKernels } from "../families/losses.ts";
import { empty, normal, random, read, spoiled, type Trials, trial, written } from "./trials.ts";

export const lossesTrials: Trials<LossKernels> = {
  detectionLoss: ({ odd }) =>
    (odd
      ? ([
          [1, 1],
          [7, 3],
          [40, 10],
          // none has an object
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
};
