/** Trials of sums in the order of the contract, and of the kernels that use them, all bit for bit. */
import type { ReductionKernels } from "../families/reductions.ts";
import { countTrials } from "./shapes.ts";
import { empty, positive, read, spoiled, type Trials, trial, written } from "./trials.ts";

export const reductionsTrials: Trials<ReductionKernels> = {
  fill: (shapes) => countTrials(shapes, (count) => [written(empty(count), true), count, 0.3]),
  copy: (shapes) => countTrials(shapes, (count, draw) => [written(empty(count), true), read(draw(count)), count]),
  mean: (shapes) => countTrials(shapes, (count, draw) => [written(empty(1), true), read(draw(count)), count]),
  sumOfSquares: (shapes) =>
    countTrials(shapes, (count, draw) => [written(new Float64Array(1), true), read(draw(count)), count]),
  clipFactor: () =>
    [0.1, 1, 1e9].flatMap((norm) =>
      [positive, spoiled, () => Float32Array.of(0), () => Float32Array.of(1, Number.POSITIVE_INFINITY)].map((draw) => {
        const squares = Float64Array.from(draw(7), (x) => x * x);
        return trial(`${norm}`, [written(empty(1), true), read(squares), squares.length, norm]);
      }),
    ),
  scaleBy: (shapes) =>
    [1, 0.3].flatMap((factor) =>
      countTrials(shapes, (count, draw) => [
        ...[written(empty(count), true), read(draw(count)), read(Float32Array.of(factor)), count],
      ]),
    ),
};
