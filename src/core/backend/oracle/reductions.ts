/** The oracle of sums whose order is a part of the contract, and of the kernels that use them. */
import { type ReductionKernels, SUM_CHUNK, SUM_LANES } from "../families/reductions.ts";

export const reductions: ReductionKernels = {
  fill: (x, count, value) => {
    x.fill(value, 0, count);
  },
  copy: (y, x, count) => {
    for (let i = 0; i < count; i++) y[i] = x[i];
  },
  mean: (out, x, count) => {
    let sum = 0;
    for (let i = 0; i < count; i++) sum += x[i];
    out[0] = sum / count;
  },
  sumOfSquares: (out, x, count) => {
    out[0] = 0;
    for (let from = 0; from < count; from += SUM_CHUNK) {
      const lanes = new Float64Array(SUM_LANES);
      for (let i = from; i < Math.min(count, from + SUM_CHUNK); i++) lanes[(i - from) % SUM_LANES] += x[i] * x[i];
      out[0] += lanes.reduce((sum, lane) => sum + lane, 0);
    }
  },
  clipFactor: (factor, squares, count, norm) => {
    let total = 0;
    for (let i = 0; i < count; i++) total += squares[i];
    // Math.min lets NaN through
    factor[0] = Math.min(1, Math.fround(norm) / (Math.sqrt(total) + 1e-6));
  },
  scaleBy: (y, x, factor, count) => {
    for (let i = 0; i < count; i++) y[i] = factor[0] * x[i];
  },
};
