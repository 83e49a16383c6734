/** Trials of updates of weights. */

import type { OptimizerKernels } from "../families/optimizers.ts";
import { countTrials, maskTrials } from "./shapes.ts";
import { type ArgumentObject, normal, positive, read, type Trials, written } from "./trials.ts";

const ADAM_NUMBERS = {
  ...{ rate: 1e-2, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, decay: 0.01 },
  ...{ correction1: 0.271, correction2: 0.003 },
};

const moments = (count: number): ArgumentObject => ({
  ...{ moment1: written(normal(count)), moment2: written(positive(count)) },
});

export const optimizersTrials: Trials<OptimizerKernels> = {
  sgd: (shapes) => [
    ...[null, 0, 1].flatMap((nesterov) =>
      countTrials(shapes, (count, draw) => {
        const velocity = nesterov === null ? null : written(normal(count));
        const numbers = { rate: 0.1, momentum: 0.9, decay: 0.01, nesterov: nesterov ?? 0 };
        return [written(normal(count)), velocity, read(draw(count)), count, numbers, null];
      }),
    ),
    ...maskTrials(shapes, (rows, k, mask, draw) => {
      const count = rows * k;
      const arrays = [written(normal(count)), written(normal(count)), read(draw(count))] as const;
      const numbers = { rate: 0.1, momentum: 0.9, decay: 0.01, nesterov: 0 };
      return [...arrays, count, numbers, { mask: read(mask), k, lambda: 0.05 }];
    }),
  ],
  adam: (shapes) => [
    ...countTrials(shapes, (count, draw) => [
      ...[written(normal(count)), moments(count), read(draw(count)), count, ADAM_NUMBERS, null],
    ]),
    ...maskTrials(shapes, (rows, k, mask, draw) => {
      const count = rows * k;
      const pruned = { mask: read(mask), k, lambda: 0.05 };
      return [written(normal(count)), moments(count), read(draw(count)), count, ADAM_NUMBERS, pruned];
    }),
  ],
};
