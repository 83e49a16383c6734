/** The oracle of normalization and pooling: statistics are in double precision, in two passes. */

import type { NormalizationKernels } from "../families/normalization.ts";
import { rectified } from "./rectified.ts";
import { shapeOf, windows } from "./windows.ts";

export const normalization: NormalizationKernels = {
  batchNorm: (y, { mean, invStd }, running, x, { gamma, beta }, rows, channels, { epsilon, momentum, relu }) => {
    for (let c = 0; c < channels; c++) {
      let sum = 0;
      for (let row = 0; row < rows; row++) sum += x[row * channels + c];
      const average = sum / rows;
      let squares = 0;
      for (let row = 0; row < rows; row++) squares += (x[row * channels + c] - average) ** 2;
      const inverse = 1 / Math.sqrt(squares / rows + epsilon);
      mean[c] = average;
      invStd[c] = inverse;
      running.mean[c] += momentum * (average - running.mean[c]);
      running.variance[c] += momentum * (squares / Math.max(1, rows - 1) - running.variance[c]);
      for (let row = 0; row < rows; row++) {
        const value = (x[row * channels + c] - average) * inverse * gamma[c] + beta[c];
        y[row * channels + c] = relu ? rectified(value) : value;
      }
    }
  },
  batchNormInfer: (y, x, { gamma, beta }, { mean, variance }, rows, channels, { epsilon, relu }) => {
    for (let i = 0; i < rows * channels; i++) {
      const c = i % channels;
      const value = ((x[i] - mean[c]) / Math.sqrt(variance[c] + epsilon)) * gamma[c] + beta[c];
      y[i] = relu ? rectified(value) : value;
    }
  },
  batchNormBackward: ({ dx, dgamma, dbeta }, dy, y, x, gamma, { mean, invStd }, rows, channels) => {
    for (let c = 0; c < channels; c++) {
      const gradAt = (i: number): number => (y !== null && !(y[i] > 0) ? 0 : dy[i]);
      const normal = (i: number): number => (x[i] - mean[c]) * invStd[c];
      let sum = 0;
      let product = 0;
      for (let i = c; i < rows * channels; i += channels) {
        sum += gradAt(i);
        product += gradAt(i) * normal(i);
      }
      dbeta[c] = sum;
      dgamma[c] = product;
      for (let i = c; i < rows * channels; i += channels) {
        dx[i] = gamma[c] * invStd[c] * (gradAt(i) - sum / rows - (normal(i) * product) / rows);
      }
    }
  },
  batchNormPool: (y, peak, winner, statistics, running, x, affine, g, options) => {
    const { batch, height, width, positions, channels } = shapeOf(g);
    const rows = batch * height * width;
    const normal = x.slice(0, rows * channels);
    normalization.batchNorm(normal, statistics, running, x, affine, rows, channels, { ...options, relu: 0 });
    normalization.maxPool(y, winner, normal, g);
    windows(g, (position, pixel, tap) => {
      for (let c = 0; c < channels; c++) {
        if (winner[position * channels + c] === tap) peak[position * channels + c] = x[pixel + c];
      }
    });
    for (let i = 0; i < positions * channels; i++) {
      if (!(y[i] > 0)) winner[i] = 255;
      y[i] = rectified(y[i]);
    }
  },
  batchNormPoolBackward: (grads, dy, _peak, winner, x, gamma, statistics, g) => {
    const { batch, height, width, channels } = shapeOf(g);
    const rows = batch * height * width;
    const grad = x.slice(0, rows * channels);
    normalization.maxPoolBackward(grad, dy, winner, g);
    normalization.batchNormBackward(grads, grad, null, x, gamma, statistics, rows, channels);
  },
  maxPool: (y, winner, x, g) => {
    const { positions, channels } = shapeOf(g);
    const seen = new Uint8Array(positions);
    windows(g, (position, pixel, tap) => {
      for (let c = 0; c < channels; c++) {
        const at = position * channels + c;
        const value = x[pixel + c];
        if (seen[position] && !(value > y[at] || Number.isNaN(value))) continue;
        y[at] = value;
        winner[at] = tap;
      }
      seen[position] = 1;
    });
  },
  maxPoolBackward: (dx, dy, winner, g) => {
    const { batch, height, width, channels } = shapeOf(g);
    dx.fill(0, 0, batch * height * width * channels);
    windows(g, (position, pixel, tap) => {
      for (let c = 0; c < channels; c++) {
        if (winner[position * channels + c] === tap) dx[pixel + c] += dy[position * channels + c];
      }
    });
  },
  averagePool: (y, x, g) => {
    const { positions, channels, kh, kw } = shapeOf(g);
    const sums = new Float64Array(positions * channels);
    windows(g, (position, pixel) => {
      for (let c = 0; c < channels; c++) sums[position * channels + c] += x[pixel + c];
    });
    for (let i = 0; i < sums.length; i++) y[i] = sums[i] / (kh * kw);
  },
  averagePoolBackward: (dx, dy, g) => {
    const { batch, height, width, channels, kh, kw } = shapeOf(g);
    dx.fill(0, 0, batch * height * width * channels);
    windows(g, (position, pixel) => {
      for (let c = 0; c < channels; c++) dx[pixel + c] += dy[position * channels + c] / (kh * kw);
    });
  },
};
