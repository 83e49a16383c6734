/** Trials of batch normalization and pooling. */

import type { NormalizationKernels } from "../families/normalization.ts";
import type { Geometry } from "../geometry.ts";
import { normalization } from "../oracle/normalization.ts";
import { type Shapes, sizes, tableTrials } from "./shapes.ts";
import {
  type Argument,
  type ArgumentObject,
  type Draw,
  empty,
  normal,
  positive,
  read,
  spoiled,
  type Trial,
  type Trials,
  tied,
  trial,
  written,
} from "./trials.ts";

/** Trials for windows of images. */
function poolTrials(
  shapes: Shapes,
  build: (g: Geometry, draw: Draw) => readonly Argument[],
  tolerance?: number,
): Trial[] {
  return shapes.pools.flatMap((g) =>
    (shapes.odd ? [normal, tied, spoiled] : [normal]).map((draw) =>
      trial(`${[...g]} ${draw.name}`, build(g, draw), tolerance),
    ),
  );
}

/** Arrays for the gradients of `size` entries in `channels` channels, or columns. */
export const gradients = (size: number, channels: number): ArgumentObject => ({
  ...{ dx: written(empty(size)), dgamma: written(empty(channels)), dbeta: written(empty(channels)) },
});

export const normalizationTrials: Trials<NormalizationKernels> = {
  // one value a channel has no variance: that case is left out, as in PyTorch
  batchNorm: (shapes) =>
    [0, 1].flatMap((relu) =>
      tableTrials(
        { ...shapes, tables: shapes.tables.filter(([rows]) => rows > 1) },
        (rows, channels, draw) => {
          const x = draw(rows * channels).map((value, i) => 3 * value + 10 * ((i % channels) % 4));
          return [
            written(empty(rows * channels)),
            { mean: written(empty(channels)), invStd: written(empty(channels)) },
            { mean: written(normal(channels)), variance: written(positive(channels)) },
            read(x),
            { gamma: read(normal(channels)), beta: read(normal(channels)) },
            ...[rows, channels, { epsilon: 1e-5, momentum: 0.1, relu }],
          ];
        },
        // the squares are about a chunk's first row, which may be far out, so they cancel: the variance is good to
        // about 1e-5
        5e-6,
      ),
    ),
  batchNormInfer: (shapes) =>
    [0, 1].flatMap((relu) =>
      tableTrials(
        shapes,
        (rows, channels, draw) => [
          ...[written(empty(rows * channels)), read(draw(rows * channels))],
          { gamma: read(normal(channels)), beta: read(normal(channels)) },
          { mean: read(normal(channels)), variance: read(positive(channels)) },
          ...[rows, channels, { epsilon: 1e-5, relu }],
        ],
        2e-6,
      ),
    ),
  batchNormBackward: (shapes) =>
    [0, 1].flatMap((relu) =>
      tableTrials(
        shapes,
        (rows, channels, draw) => {
          // NaN in y closes its gate and hides the gradient there: NaN in dy and x are tried without relu
          const [dy, x] = relu ? [normal, normal] : [draw, draw];
          return [
            gradients(rows * channels, channels),
            ...[read(dy(rows * channels)), relu ? read(draw(rows * channels)) : null, read(x(rows * channels))],
            read(normal(channels)),
            { mean: read(normal(channels)), invStd: read(positive(channels)) },
            ...[rows, channels],
          ];
        },
        5e-6,
      ),
    ),
  batchNormPool: (shapes) =>
    poolTrials(
      shapes,
      (g, draw) => {
        const { t, o, x } = sizes(g);
        // drawn without ties: if oracle and kernel round equal values to different sides, they have different winners
        const image = draw === tied ? normal(x) : draw(x);
        return [
          ...[written(empty(t * o)), written(empty(t * o)), written(new Uint8Array(t * o).fill(9), true)],
          { mean: written(empty(o)), invStd: written(empty(o)) },
          { mean: written(normal(o)), variance: written(positive(o)) },
          read(image),
          { gamma: read(normal(o)), beta: read(normal(o)) },
          ...[g, { epsilon: 1e-5, momentum: 0.1 }],
        ];
      },
      5e-6,
    ),
  batchNormPoolBackward: (shapes) =>
    poolTrials(
      shapes,
      (g, draw) => {
        const { t, o, x } = sizes(g);
        const [y, peak, winner, image] = [empty(t * o), empty(t * o), new Uint8Array(t * o), normal(x)];
        const [mean, invStd, gamma, beta] = [empty(o), empty(o), normal(o), normal(o)];
        const running = { mean: normal(o), variance: positive(o) };
        const [statistics, affine] = [
          { mean, invStd },
          { gamma, beta },
        ];
        const numbers = { epsilon: 1e-5, momentum: 0.1 };
        normalization.batchNormPool(y, peak, winner, statistics, running, image, affine, g, numbers);
        return [
          ...[gradients(x, o), read(draw(t * o)), read(peak), read(winner), read(image), read(gamma)],
          ...[{ mean: read(mean), invStd: read(invStd) }, g],
        ];
      },
      5e-6,
    ),
  maxPool: (shapes) =>
    poolTrials(shapes, (g, draw) => {
      const { t, o, x } = sizes(g);
      return [written(empty(t * o), true), written(new Uint8Array(t * o).fill(9), true), read(draw(x)), g];
    }),
  maxPoolBackward: (shapes) =>
    poolTrials(shapes, (g, draw) => {
      const { t, o, x } = sizes(g);
      const winner = new Uint8Array(t * o);
      normalization.maxPool(empty(t * o), winner, draw(x), g);
      return [written(empty(x)), read(draw(t * o)), read(winner), g];
    }),
  averagePool: (shapes) =>
    poolTrials(shapes, (g, draw) => [written(empty(sizes(g).t * g[10])), read(draw(sizes(g).x)), g]),
  averagePoolBackward: (shapes) =>
    poolTrials(shapes, (g, draw) => [written(empty(sizes(g).x)), read(draw(sizes(g).t * g[10])), g]),
};
