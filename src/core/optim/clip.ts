import type { F32 } from "../backend/memory.ts";
import { checkNumbers } from "../options.ts";
import type { Transform } from "./transform.ts";

/** Scales all gradients by min(1, norm / (their global norm + 1e-6)), like PyTorch's clip_grad_norm_. */
export function clipByGlobalNorm(norm: number): Transform {
  checkNumbers("clipByGlobalNorm", { norm }, { above: 0 });
  let factor: F32 = new Float32Array(0);
  let squares: Float64Array = new Float64Array(0);
  let ofEach: readonly Float64Array[] = [];
  return {
    name: "clipByGlobalNorm",
    applies: false,
    init: () => ({}),
    update: (slots) => {
      if (slots.length === 0) return;
      const { kernels } = slots[0].parameter.device;
      if (squares.length !== slots.length) {
        factor = kernels.float32(1);
        squares = kernels.float64(slots.length);
        ofEach = slots.map((_, i) => squares.subarray(i, i + 1));
      }
      slots.forEach(({ parameter }, i) => {
        kernels.sumOfSquares(ofEach[i], parameter.grad, parameter.size);
      });
      kernels.clipFactor(factor, squares, slots.length, norm);
      for (const { parameter } of slots) kernels.scaleBy(parameter.grad, parameter.grad, factor, parameter.size);
    },
  };
}
