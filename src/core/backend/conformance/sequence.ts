/** Trials of embeddings, layer normalization and attention. */

import type { SequenceKernels } from "../families/sequence.ts";
import { sequence } from "../oracle/sequence.ts";
import { gradients } from "./normalization.ts";
import { type Shapes, tableTrials } from "./shapes.ts";
import {
  type Argument,
  type Draw,
  empty,
  normal,
  positive,
  random,
  read,
  spoiled,
  type Trial,
  type Trials,
  trial,
  written,
} from "./trials.ts";

/** Trials of tokens, with few and with many for each entry of the table. */
function embeddingTrials(
  { odd }: Shapes,
  build: (tokens: Float32Array, vocabulary: number, dim: number, draw: Draw) => readonly Argument[],
): Trial[] {
  const shapes = odd
    ? ([
        [0, 3, 5],
        [1, 1, 1],
        [7, 300, 3],
        [200, 5, 17],
        [65, 10, 130],
        [1000, 65, 64],
      ] as const)
    : ([[4000, 65, 300]] as const);
  return shapes.flatMap(([count, vocabulary, dim]) =>
    (odd ? [normal, spoiled] : [normal]).map((draw) => {
      const tokens = Float32Array.from({ length: count }, () => random.integer(vocabulary));
      return trial(`${count} of ${vocabulary} x ${dim} ${draw.name}`, build(tokens, vocabulary, dim, draw));
    }),
  );
}

/**
 * Trials of sequences that are shorter and longer than a tile, a vector and a block of rows; heads are narrower and
 * wider than a tile.
 */
function attentionTrials(
  { odd }: Shapes,
  factor: number,
  build: (qkv: Float32Array, batch: number, length: number, dim: number, heads: number) => readonly Argument[],
): Trial[] {
  const shapes = odd
    ? ([
        [1, 1, 1, 1],
        [2, 5, 6, 2],
        [1, 17, 32, 2],
        [2, 33, 64, 1],
        [1, 64, 32, 1],
        [1, 100, 40, 2],
        [1, 13, 130, 1],
        [1, 210, 16, 1],
        [1 + random.integer(3), 1 + random.integer(70), 3 * (1 + random.integer(20)), 3],
      ] as const)
    : ([
        [2, 128, 64, 4],
        [1, 210, 36, 3],
      ] as const);
  return shapes.map(([batch, length, dim, heads]) => {
    const qkv = normal(batch * length * 3 * dim).map((x) => factor * x);
    // scores grow with the square of the factor, and their rounding is the relative error of a probability
    const tolerance = 5e-6 * factor ** 2;
    return trial(`${[batch, length, dim, heads]}`, build(qkv, batch, length, dim, heads), tolerance);
  });
}

export const sequenceTrials: Trials<SequenceKernels> = {
  embedding: (shapes) =>
    embeddingTrials(shapes, (tokens, vocabulary, dim, draw) => {
      const [count, table] = [tokens.length, read(draw(vocabulary * dim))];
      return [written(empty(count * dim), true), read(tokens), table, count, dim];
    }),
  embeddingBackward: (shapes) =>
    embeddingTrials(shapes, (tokens, vocabulary, dim, draw) => {
      const [count, dy] = [tokens.length, read(draw(tokens.length * dim))];
      return [written(empty(vocabulary * dim)), dy, read(tokens), count, vocabulary, dim];
    }),
  layerNorm: (shapes) =>
    tableTrials(
      shapes,
      (rows, columns, draw) => [
        ...[written(empty(rows * columns)), { mean: written(empty(rows)), invStd: written(empty(rows)) }],
        ...[read(draw(rows * columns).map((value, i) => 3 * value + 10 * (Math.floor(i / columns) % 4)))],
        ...[{ gamma: read(normal(columns)), beta: read(normal(columns)) }, rows, columns, 1e-5],
      ],
      5e-6,
    ),
  layerNormBackward: (shapes) =>
    tableTrials(
      shapes,
      (rows, columns, draw) => [
        ...[gradients(rows * columns, columns), read(draw(rows * columns)), read(draw(rows * columns))],
        ...[read(normal(columns)), { mean: read(normal(rows)), invStd: read(positive(rows)) }, rows, columns],
      ],
      5e-6,
    ),
  attention: (shapes) =>
    // with 8 the exponentials of scores would overflow
    [1, 8].flatMap((factor) =>
      attentionTrials(shapes, factor, (qkv, batch, length, dim, heads) => {
        const outputs = [written(empty(batch * length * dim)), written(empty(batch * heads * length))];
        return [...outputs, read(qkv), batch, length, dim, heads];
      }),
    ),
  attentionBackward: (shapes) =>
    attentionTrials(shapes, 1, (qkv, batch, length, dim, heads) => {
      const logSum = empty(batch * heads * length);
      sequence.attention(empty(batch * length * dim), logSum, qkv, batch, length, dim, heads);
      const dy = normal(batch * length * dim);
      return [written(empty(qkv.length)), read(dy), read(qkv), read(logSum), batch, length, dim, heads];
    }),
};
