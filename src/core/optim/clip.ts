import { checkNumbers } from "../options.ts";
import type { Transform } from "./transform.ts";

/** Scales all gradients by min(1, norm / (their global norm + 1e-6)), as PyTorch's clip_grad_norm_. */
export function clipByGlobalNorm(norm: number): Transform {
  checkNumbers("clipByGlobalNorm", { norm }, { above: 0 });
  let square: Float64Array | undefined;
  return {
    name: "clipByGlobalNorm",
    applies: false,
    init: () => ({}),
    update: (slots) => {
      let total = 0;
      for (const { parameter } of slots) {
        square ??= parameter.device.kernels.float64(1);
        parameter.device.kernels.sumOfSquares(square, parameter.grad, parameter.size);
        total += square[0];
      }
      const factor = norm / (Math.sqrt(total) + 1e-6);
      if (factor >= 1) return;
      for (const { parameter } of slots) parameter.device.kernels.scale(parameter.grad, parameter.size, factor);
    },
  };
}
