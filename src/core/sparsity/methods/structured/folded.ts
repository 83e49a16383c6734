/**
 * Group lasso of a weight folded with the batch norm behind it: v = s w, where s = gain / sqrt(variance + epsilon) of
 * each output. The weight alone could be made smaller, and a penalty of it too, without a change of what the network
 * computes.
 */

import type { Kernels } from "../../../backend/kernels.ts";
import type { F32 } from "../../../backend/memory.ts";
import { type GroupStructure, groupCount, groupSizes, type WeightShape } from "./groups.ts";
import { checkLasso, choiceOf, type GroupLassoOptions, type Lambda, type Penalty } from "./penalties.ts";

/** The arrays of the batch norm behind a weight, with one entry for each output. */
export interface Folding {
  readonly gain: F32;
  readonly gainGradient: F32;
  readonly shift: F32;
  /** The running variance: evaluation divides by it, and it stays in the compact model. */
  readonly variance: F32;
  readonly epsilon: number;
}

/**
 * The penalty lambda * the sum over groups of ||v_g||. Gradient: the variance of an output is that of its inputs
 * through w, so it grows with the square of w's scale. If it were held constant, most of the gradient would shrink rows
 * of w, which the batch norm undoes. With variance = c ||w_row||^2 and c constant, the gradient is orthogonal to each
 * row of w, and the gain is what shrinks.
 *
 * Proximal step: groups of whole rows scale their gains, others their weights, by max(0, 1 - rate lambda m / ||v_g||),
 * where m is the mean square of the factors by which these are multiplied in v. The step is exact if that is one number
 * in a group.
 */
export function foldedGroupLasso(
  kernels: Kernels,
  lambda: Lambda,
  structure: GroupStructure,
  shape: WeightShape,
  { gain, gainGradient, shift, variance, epsilon }: Folding,
  options: GroupLassoOptions = {},
): Penalty {
  checkLasso("foldedGroupLasso", lambda, options);
  const { bySize = false, smallest, among } = options;
  const { rows, columns, tall, wide } = structure.tiles(shape);
  const [outputs, k] = [shape.rows, shape.taps * shape.channels];
  const across = Math.ceil(columns / wide);
  const count = groupCount(structure, shape);
  const lambdas = new Float64Array(count).fill(typeof lambda === "number" ? lambda : 0);
  for (const [g, size] of bySize ? groupSizes(structure, shape).entries() : []) lambdas[g] *= Math.sqrt(size);
  const [norms, factors] = [kernels.float64(count), kernels.float32(count)];
  const [v, slopes] = [kernels.float32(outputs * k), kernels.float32(outputs * k)];
  const [scales, radial] = [kernels.float32(outputs), kernels.float32(outputs)];
  const [along, squares] = [kernels.float64(outputs), kernels.float64(outputs)];
  /** Whether each tile holds whole outputs, so that the scale of a group is that of its gains. */
  const ofGains = rows === outputs && across === 1;

  const fold = (w: F32): Float64Array => {
    v.set(w);
    for (let o = 0; o < outputs; o++) scales[o] = gain[o] / Math.sqrt(variance[o] + epsilon);
    kernels.scaleTiles(v, scales, outputs, k, 1, k);
    kernels.tileNorms(norms, v, rows, columns, tall, wide);
    return norms;
  };
  const groups = { structure, shape, lambdas };
  const choices = choiceOf(kernels, groups, lambda, { smallest, among }, fold, (w) => meanSquares(w));
  const before = (w: F32, rate?: number): void => {
    for (const one of choices) one.before(w, rate);
    fold(w);
  };
  const scaleGains = (factors: F32): void => {
    for (let o = 0; o < outputs; o++) {
      gain[o] *= factors[Math.floor(o / tall)];
      // only the shift would be left of the output, at every place: a convolution with padding could not do without it
      if (gain[o] === 0) shift[o] = 0;
    }
  };
  /** The mean square, in each group, of the factors by which its gains or its weights are multiplied in v. */
  const meanSquares = (w: F32): Float64Array => {
    if (ofGains) kernels.rowProducts(squares, w, w, outputs, k);
    const [sums, sizes] = [new Float64Array(count), new Float64Array(count)];
    const perOutput = rows / outputs;
    for (let row = 0; row < rows; row++) {
      const o = Math.floor(row / perOutput);
      const first = Math.floor(row / tall) * across;
      const of = ofGains ? squares[o] / (variance[o] + epsilon) : scales[o] ** 2;
      for (let g = first; g < first + across; g++) {
        sums[g] += of;
        sizes[g]++;
      }
    }
    return sums.map((sum, g) => sum / sizes[g]);
  };

  return {
    name: `group lasso of folded ${structure.name}`,
    state: choices[0]?.state ?? {},
    value: (w) => {
      before(w);
      return norms.reduce((sum, norm, g) => sum + lambdas[g] * norm, 0);
    },
    addGradient: (gradient, w) => {
      before(w);
      for (let g = 0; g < count; g++) factors[g] = norms[g] === 0 ? 0 : lambdas[g] / norms[g];
      slopes.fill(0);
      kernels.addTiles(slopes, v, factors, rows, columns, tall, wide);
      kernels.rowProducts(along, slopes, w, outputs, k);
      kernels.rowProducts(squares, w, w, outputs, k);
      for (let o = 0; o < outputs; o++) {
        gainGradient[o] += along[o] / Math.sqrt(variance[o] + epsilon);
        radial[o] = squares[o] === 0 ? 0 : (-scales[o] * along[o]) / squares[o];
      }
      kernels.addTiles(gradient, slopes, scales, outputs, k, 1, k);
      kernels.addTiles(gradient, w, radial, outputs, k, 1, k);
    },
    proximal: (w, rate) => {
      before(w, rate);
      const means = meanSquares(w);
      for (let g = 0; g < count; g++)
        // a group of weights in outputs without gain is 0 in v, and may come back with these outputs
        factors[g] = norms[g] === 0 ? Number(!ofGains) : Math.max(0, 1 - (rate * lambdas[g] * means[g]) / norms[g]);
      if (ofGains) scaleGains(factors);
      else kernels.scaleTiles(w, factors, rows, columns, tall, wide);
    },
    threshold: (w, least) => {
      fold(w);
      for (let o = 0; o < outputs; o++) {
        let most = 0;
        for (let i = o * k; i < (o + 1) * k; i++) most = Math.max(most, Math.abs(v[i]));
        if (most < least) gain[o] = shift[o] = 0;
        // the weights of an output without gain may come back with it
        else for (let i = o * k; i < (o + 1) * k; i++) if (Math.abs(v[i]) < least) w[i] = 0;
      }
    },
  };
}
