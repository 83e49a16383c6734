/** The oracle of embeddings, layer normalization and attention, row by row. */

import type { SequenceKernels } from "../families/sequence.ts";
import type { F32 } from "../memory.ts";

function dot(a: F32, atA: number, b: F32, atB: number, count: number): number {
  let sum = 0;
  for (let c = 0; c < count; c++) sum += a[atA + c] * b[atB + c];
  return sum;
}

/**
 * Calls visit for every row of every head, with its place in [batch, heads, length], the scores of the rows that it
 * sees, and offsets.
 */
function attentionRows(
  qkv: F32,
  batch: number,
  length: number,
  dim: number,
  heads: number,
  visit: (of: {
    row: number;
    scores: readonly number[];
    q: { at: number; y: number };
    k: (j: number) => number;
    v: (j: number) => number;
  }) => void,
): void {
  const width = dim / heads;
  for (let row = 0; row < batch * heads * length; row++) {
    const [b, head, i] = [Math.floor(row / length / heads), Math.floor(row / length) % heads, row % length];
    const place = (third: number, j: number): number => ((b * length + j) * 3 + third) * dim + head * width;
    const [k, v] = [(j: number): number => place(1, j), (j: number): number => place(2, j)];
    const q = { at: place(0, i), y: (b * length + i) * dim + head * width };
    const scores = Array.from({ length: i + 1 }, (_, j) => dot(qkv, q.at, qkv, k(j), width) / Math.sqrt(width));
    visit({ row, scores, q, k, v });
  }
}

export const sequence: SequenceKernels = {
  embedding: (y, tokens, table, count, dim) => {
    for (let i = 0; i < count * dim; i++) y[i] = table[tokens[Math.floor(i / dim)] * dim + (i % dim)];
  },
  embeddingBackward: (dtable, dy, tokens, count, vocabulary, dim) => {
    const sums = new Float64Array(vocabulary * dim);
    for (let i = 0; i < count * dim; i++) sums[tokens[Math.floor(i / dim)] * dim + (i % dim)] += dy[i];
    dtable.set(sums);
  },
  layerNorm: (y, { mean, invStd }, x, { gamma, beta }, rows, columns, epsilon) => {
    for (let row = 0; row < rows; row++) {
      const values = Array.from(x.subarray(row * columns, (row + 1) * columns));
      const average = values.reduce((total, value) => total + value, 0) / columns;
      const variance = values.reduce((total, value) => total + (value - average) ** 2, 0) / columns;
      mean[row] = average;
      invStd[row] = 1 / Math.sqrt(variance + epsilon);
      values.forEach((value, c) => {
        y[row * columns + c] = ((value - average) / Math.sqrt(variance + epsilon)) * gamma[c] + beta[c];
      });
    }
  },
  layerNormBackward: ({ dx, dgamma, dbeta }, dy, x, gamma, { mean, invStd }, rows, columns) => {
    const [products, sums] = [new Float64Array(columns), new Float64Array(columns)];
    for (let row = 0; row < rows; row++) {
      const normal = (c: number): number => (x[row * columns + c] - mean[row]) * invStd[row];
      let [sum, product] = [0, 0];
      for (let c = 0; c < columns; c++) {
        const grad = dy[row * columns + c];
        sums[c] += grad;
        products[c] += grad * normal(c);
        sum += grad * gamma[c];
        product += grad * gamma[c] * normal(c);
      }
      for (let c = 0; c < columns; c++) {
        const grad = dy[row * columns + c] * gamma[c];
        dx[row * columns + c] = (grad - sum / columns - (normal(c) * product) / columns) * invStd[row];
      }
    }
    dgamma.set(products);
    dbeta.set(sums);
  },
  attention: (y, logSum, qkv, batch, length, dim, heads) => {
    attentionRows(qkv, batch, length, dim, heads, ({ row, scores, q, v }) => {
      const largest = Math.max(...scores);
      const sum = scores.reduce((total, score) => total + Math.exp(score - largest), 0);
      logSum[row] = Math.log(sum) + largest;
      for (let c = 0; c < dim / heads; c++) {
        y[q.y + c] = scores.reduce((total, score, j) => total + (Math.exp(score - largest) / sum) * qkv[v(j) + c], 0);
      }
    });
  },
  attentionBackward: (dqkv, dy, qkv, logSum, batch, length, dim, heads) => {
    const [width, scale] = [dim / heads, 1 / Math.sqrt(dim / heads)];
    const sums = new Float64Array(batch * length * 3 * dim);
    attentionRows(qkv, batch, length, dim, heads, ({ row, scores, q, k, v }) => {
      const p = scores.map((score) => Math.exp(score - logSum[row]));
      const dp = scores.map((_, j) => dot(dy, q.y, qkv, v(j), width));
      const mean = p.reduce((total, share, j) => total + share * dp[j], 0);
      p.forEach((share, j) => {
        for (let c = 0; c < width; c++) {
          sums[v(j) + c] += share * dy[q.y + c];
          sums[q.at + c] += share * (dp[j] - mean) * scale * qkv[k(j) + c];
          sums[k(j) + c] += share * (dp[j] - mean) * scale * qkv[q.at + c];
        }
      });
    });
    dqkv.set(sums);
  },
};
