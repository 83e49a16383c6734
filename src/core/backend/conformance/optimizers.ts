/** Updates of weights. */

import type { OptimizerKernels } from "../families/optimizers.ts";
import { countTrials, maskTrials } from "./shapes.ts";
import { normal, positive, read, type Trials, written } from "./trials.ts";

export const optimizersTrials: Trials<OptimizerKernels> = {
  sgd: (shapes) => [
    ...[null, 0, 1].flatMap((nesterov) =>
      countTrials(shapes, (count, draw) => {
        const velocity = nesterov === null ? null : written(normal(count));
        const numbers = [count, 0.1, 0.9, 0.01, nesterov ?? 0] as const;
        return [written(normal(count)), velocity, read(draw(count)), ...numbers, null, 0, 0];
      }),
    ),
    ...maskTrials(shapes, (rows, k, mask, draw) => {
      const count = rows * k;
      const arrays = [written(normal(count)), written(normal(count)), read(draw(count))] as const;
      return [...arrays, count, 0.1, 0.9, 0.01, 0, read(mask), k, 0.05];
    }),
  ],
  adam: (shapes) => [
    ...countTrials(shapes, (count, draw) => [
      ...[written(normal(count)), written(normal(count)), written(positive(count)), read(draw(count)), count],
      ...[1e-2, 0.9, 0.999, 1e-8, 0.01, 0.271, 0.003, null, 0, 0],
    ]),
    ...maskTrials(shapes, (rows, k, mask, draw) => {
      const count = rows * k;
      const moments = [written(normal(count)), written(positive(count))] as const;
      const numbers = [1e-2, 0.9, 0.999, 1e-8, 0.01, 0.271, 0.003] as const;
      return [written(normal(count)), ...moments, read(draw(count)), count, ...numbers, read(mask), k, 0.05];
    }),
  ],
};
