/** Trials of masks, bit for bit. */
import { expect, test } from "vitest";
import { type MaskKernels, maskWords } from "../families/masks.ts";
import type { Kernels } from "../kernels.ts";
import { call } from "./check.ts";
import { writtenPack } from "./operands.ts";
import { maskTrials, pruneTrials } from "./shapes.ts";
import { empty, normal, positive, random, read, reseed, type Trials, trial, written } from "./trials.ts";

export const masksTrials: Trials<MaskKernels> = {
  pruneTransposable: (shapes) =>
    pruneTrials(shapes, (rows, k, pattern, w) => {
      const { m, v } = pattern;
      // v scales the shape: shapes are tried three times, also beyond the size of a vector
      const [height, width] = [m * Math.ceil(rows / m), v * k];
      const source = Float32Array.from({ length: height * width }, (_, at) => w[at % w.length]);
      const mask = written(new Uint32Array(height * maskWords(width)).fill(7), true);
      return [mask, read(source), height, width, { ...pattern }, random.integer(2)];
    }),
  maskedDecay: (shapes) =>
    maskTrials(shapes, (rows, k, mask, draw) => {
      return [written(normal(rows * k)), read(draw(rows * k)), read(mask), rows, k, 0.01];
    }),
  applyMask: (shapes) =>
    maskTrials(shapes, (rows, k, mask, draw) => [written(draw(rows * k), true), read(mask), rows, k]),
  maskDivergence: (shapes) =>
    shapes.counts.map((count) => {
      const mask = (): Uint32Array => Uint32Array.from({ length: count }, () => random.integer(2 ** 32));
      return trial(`${count} words`, [written(new Float64Array(1), true), read(mask()), read(mask()), count]);
    }),
  keptMagnitude: (shapes) =>
    maskTrials(shapes, (rows, k, mask, draw) => {
      return [written(new Float64Array(rows * 3)), read(draw(rows * k)), read(mask), rows, k];
    }),
  thresholds: (shapes) =>
    maskTrials(shapes, (rows, k, _, draw) => {
      const w = read(draw(rows * 2 * k));
      const [rank, ofGroup] = [1 + random.integer(2 * k - 1), 1 + random.integer(2 * rows * k - 1)];
      // thresholds of rows with two segments, of taps, and of all entries
      return [
        [written(empty(rows), true), w, rows, 2, k, 2 * k, k, rank],
        [written(empty(2), true), w, 2, rows, k, k, 2 * k, 1 + random.integer(Math.max(1, rows * k - 1))],
        [written(empty(1), true), w, 1, 1, 2 * rows * k, 0, 0, ofGroup],
      ][rows * k > 1 ? random.integer(3) : 0];
    }),
  softAxes: (shapes) =>
    maskTrials(shapes, (rows, k, _, draw) => {
      const taps = 1 + random.integer(3);
      const ofTaps = random.bits() & 1 ? read(positive(taps)) : null;
      const [y, w] = [empty(rows * k * taps), draw(rows * k * taps)];
      return [written(y), read(w), read(positive(rows)), ofTaps, rows, k * taps, taps, 0.3];
    }),
};

/** Registers properties of every mask. */
export function maskProperties(make: () => Kernels): void {
  test("a transposable mask keeps two of every row and column, as large as any of the 90 patterns, and packs both ways", () => {
    const kernels = make();
    reseed(1002);
    const [rows, k] = [24, 60];
    const pattern = { n: 2, m: 4, v: 1 };
    const w = normal(rows * k);
    const mask = call(kernels, "pruneTransposable", [
      ...[written(new Uint32Array(rows * maskWords(k))), read(w), rows, k, { ...pattern }, 0],
    ])[0];
    const bit = (row: number, column: number): number =>
      (mask[row * maskWords(k) + (column >>> 5)] >>> (column & 31)) & 1;
    const pairs = [0b0011, 0b0101, 0b1001, 0b0110, 0b1010, 0b1100];
    const patterns: number[][] = [];
    for (let code = 0; code < 6 ** 4; code++) {
      const pattern = [0, 1, 2, 3].map((row) => pairs[Math.floor(code / 6 ** row) % 6]);
      if ([0, 1, 2, 3].every((c) => pattern.filter((bits) => (bits >> c) & 1).length === 2)) patterns.push(pattern);
    }
    expect(patterns.length).toBe(90);
    for (let row = 0; row < rows; row += 4) {
      for (let column = 0; column < k; column += 4) {
        const sum = (kept: (r: number, c: number) => number): number => {
          let total = 0;
          for (let at = 0; at < 16; at++) {
            const [r, c] = [at >> 2, at & 3];
            if (kept(r, c)) total += Math.abs(w[(row + r) * k + column + c]);
          }
          return total;
        };
        const got = [0, 1, 2, 3].map((r) =>
          [0, 1, 2, 3].reduce((bits, c) => bits | (bit(row + r, column + c) << c), 0),
        );
        expect(patterns).toContainEqual(got);
        const most = Math.max(...patterns.map((pattern) => sum((r, c) => (pattern[r] >> c) & 1)));
        expect(sum((r, c) => bit(row + r, column + c))).toBeGreaterThan(most * (1 - 1e-6));
      }
    }
    call(kernels, "packRows", [writtenPack(rows, k, pattern), null, read(w), read(mask), rows, k, 0]);
    // the oracle throws if a column does not keep two of four
    call(kernels, "pruneColumns", [
      writtenPack(k / 3, 3 * rows, pattern),
      read(w),
      read(mask),
      null,
      k / 3,
      3 * rows,
      3,
    ]);
  });
}
