/** Kernels of models of sequences: embeddings, layer normalization, attention. Tokens are whole numbers in float32. */
import type { F32 } from "../memory.ts";
import type { Positions } from "../positions.ts";
import type { Affine, AffineGradients, Statistics } from "./normalization.ts";

export interface SequenceKernels {
  /**
   * y [count, dim] = the rows of the table [vocabulary, dim] for these tokens, which are whole numbers below
   * vocabulary.
   */
  embedding(y: F32, tokens: F32, table: F32, count: number, dim: number): void;
  /** dtable [vocabulary, dim] = for each token, the sum of its rows of dy, in their order. */
  embeddingBackward(dtable: F32, dy: F32, tokens: F32, count: number, vocabulary: number, dim: number): void;
  /**
   * y = (x - mean) * invStd * gamma + beta, with the statistics of each row of x [rows, columns]; it writes them,
   * [rows].
   */
  layerNorm(
    y: F32,
    statistics: Statistics,
    x: F32,
    affine: Affine,
    rows: number,
    columns: number,
    epsilon: number,
  ): void;
  layerNormBackward(
    grads: AffineGradients,
    dy: F32,
    x: F32,
    gamma: F32,
    statistics: Statistics,
    rows: number,
    columns: number,
  ): void;
  /**
   * Causal attention: y [batch, length, dim] = softmax(q k^T / sqrt(dim / heads)) v, where a row sees itself and those
   * before it. q, k, v are the thirds of the last axis of qkv [batch, length, 3 dim], with dim / heads entries of each
   * for a head. logSum [batch, heads, length] = the logarithm of the sum of exponentials, for backward. NaN may show in
   * up to 5 rows before its own.
   */
  attention(y: F32, logSum: F32, qkv: F32, batch: number, length: number, dim: number, heads: number): void;
  attentionBackward(
    dqkv: F32,
    dy: F32,
    qkv: F32,
    logSum: F32,
    batch: number,
    length: number,
    dim: number,
    heads: number,
  ): void;
}

export const sequencePositions: Positions<SequenceKernels> = {
  layerNorm: (y, { mean, invStd }, x, { gamma, beta }, rows, columns, epsilon) => [
    ...[y, mean, invStd, x, gamma, beta, rows, columns, epsilon],
  ],
  layerNormBackward: ({ dx, dgamma, dbeta }, dy, x, gamma, { mean, invStd }, rows, columns) => [
    ...[dx, dgamma, dbeta, dy, x, gamma, mean, invStd, rows, columns],
  ],
};
