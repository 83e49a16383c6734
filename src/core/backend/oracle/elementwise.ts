/** The oracle of operations on each entry alone, and of sums in double precision. */
import { philox } from "../../random.ts";
import type { ElementwiseKernels } from "../families/elementwise.ts";
import { rectified } from "./rectified.ts";

const { fround } = Math;

/** The error function by its series, or beyond 3 by the continued fraction of 1 - erf; error below 1e-12. */
function erf(x: number): number {
  const z = Math.abs(x);
  let value: number;
  if (z < 3) {
    let term = z;
    let sum = z;
    for (let i = 1; i < 100; i++) {
      term *= (-z * z) / i;
      sum += term / (2 * i + 1);
    }
    value = (2 / Math.sqrt(Math.PI)) * sum;
  } else {
    let fraction = 0;
    for (let i = 60; i > 0; i--) fraction = i / 2 / (z + fraction);
    value = 1 - Math.exp(-z * z) / Math.sqrt(Math.PI) / (z + fraction);
  }
  return x < 0 ? -value : value;
}

const normalCdf = (x: number): number => 0.5 * (1 + erf(x / Math.SQRT2));

const normalDensity = (x: number): number => Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);

export const elementwise: ElementwiseKernels = {
  add: (y, a, b, count, relu) => {
    for (let i = 0; i < count; i++) y[i] = relu ? rectified(a[i] + b[i]) : a[i] + b[i];
  },
  mix: (y, a, b, count, alpha, beta) => {
    for (let i = 0; i < count; i++) y[i] = fround(alpha) * a[i] + fround(beta) * b[i];
  },
  addProduct: (y, a, b, count, factor) => {
    for (let i = 0; i < count; i++) y[i] += fround(factor) * a[i] * b[i];
  },
  scale: (x, count, factor) => {
    for (let i = 0; i < count; i++) x[i] *= fround(factor);
  },
  addSigns: (y, x, count, amount) => {
    for (let i = 0; i < count; i++) y[i] += x[i] > 0 ? amount : x[i] < 0 ? -amount : 0;
  },
  shrink: (w, count, amount, hard) => {
    const t = fround(amount);
    for (let i = 0; i < count; i++) {
      if (hard) w[i] = Math.abs(w[i]) < t ? 0 : w[i];
      else w[i] = w[i] > t ? w[i] - t : w[i] < -t ? w[i] + t : 0;
    }
  },
  relu: (y, x, count) => {
    for (let i = 0; i < count; i++) y[i] = rectified(x[i]);
  },
  reluBackward: (dx, dy, y, count) => {
    for (let i = 0; i < count; i++) dx[i] = y[i] > 0 ? dy[i] : 0;
  },
  gelu: (y, x, count) => {
    for (let i = 0; i < count; i++) y[i] = x[i] * normalCdf(x[i]);
  },
  geluBackward: (dx, dy, x, count) => {
    for (let i = 0; i < count; i++) dx[i] = dy[i] * (normalCdf(x[i]) + x[i] * normalDensity(x[i]));
  },
  squaredRelu: (y, x, count) => {
    for (let i = 0; i < count; i++) y[i] = rectified(x[i]) ** 2;
  },
  squaredReluBackward: (dx, dy, x, count) => {
    for (let i = 0; i < count; i++) dx[i] = 2 * dy[i] * rectified(x[i]);
  },
  dropout: (y, x, count, probability, { seed, layer, step }) => {
    const words = new Uint32Array(4);
    const threshold = Math.floor(fround(probability) * 4294967296);
    const scale = fround(1 / fround(1 - fround(probability)));
    for (let i = 0; i < count; i++) {
      if (i % 4 === 0) philox(words, seed, layer, i / 4, step, 0, 0);
      y[i] = words[i % 4] < threshold ? 0 : x[i] * scale;
    }
  },
  columnSums: (out, x, rows, columns) => {
    for (let c = 0; c < columns; c++) {
      let sum = 0;
      for (let row = 0; row < rows; row++) sum += x[row * columns + c];
      out[c] = sum;
    }
  },
  rowProducts: (out, a, b, rows, columns) => {
    out.fill(0);
    for (let i = 0; i < rows * columns; i++) out[Math.floor(i / columns)] += a[i] * b[i];
  },
};
