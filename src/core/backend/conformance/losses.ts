/** Losses. */

import type { LossKernels } from "../families/losses.ts";
import { empty, normal, random, read, spoiled, type Trials, trial, written } from "./trials.ts";

export const lossesTrials: Trials<LossKernels> = {
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
