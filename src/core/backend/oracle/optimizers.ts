/** The oracle of updates, as in PyTorch, in double precision. */

import type { OptimizerKernels } from "../families/optimizers.ts";
import { decayed } from "./mask-bits.ts";

export const optimizers: OptimizerKernels = {
  sgd: (w, velocity, grad, count, { rate, momentum, decay, nesterov }, pruned) => {
    const gradient = decayed(grad, w, pruned);
    for (let i = 0; i < count; i++) {
      let step = gradient[i] + decay * w[i];
      if (velocity !== null) {
        velocity[i] = momentum * velocity[i] + step;
        step = nesterov ? step + momentum * velocity[i] : velocity[i];
      }
      w[i] -= rate * step;
    }
  },
  adam: (w, { moment1: m, moment2: v }, grad, count, options, pruned) => {
    const { rate, beta1, beta2, epsilon, decay, correction1, correction2 } = options;
    const gradient = decayed(grad, w, pruned);
    for (let i = 0; i < count; i++) {
      m[i] = beta1 * m[i] + (1 - beta1) * gradient[i];
      v[i] = beta2 * v[i] + (1 - beta2) * gradient[i] * gradient[i];
      const step = m[i] / correction1 / (Math.sqrt(v[i] / correction2) + epsilon);
      w[i] = w[i] * (1 - rate * decay) - rate * step;
    }
  },
};
