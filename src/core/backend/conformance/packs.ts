/** Trials of packs, bit for bit. */
import { test } from "vitest";
import { maskWords } from "../families/masks.ts";
import { type PackKernels, packBlock } from "../families/packs.ts";
import type { Kernels } from "../kernels.ts";
import { call } from "./check.ts";
import { fewRows, pack, readPack, slices, writtenPack } from "./operands.ts";
import { ALL_PATTERNS, pruneTrials } from "./shapes.ts";
import { type ArgumentObject, empty, normal, random, read, type Trials, trial, written } from "./trials.ts";

/** Draws a factor for hard or soft thresholds. */
function softness(): number {
  return [0, 1, 1.75][random.integer(3)];
}

function anyDraw(): ArgumentObject {
  return { seed: 7, layer: random.integer(1000), step: random.integer(1000) };
}

/** A mask whose bits have no pattern; those behind k are 0. */
function anyMask(rows: number, k: number): Uint32Array {
  const words = maskWords(k);
  return Uint32Array.from({ length: rows * words }, (_, i) => {
    const left = k - (i % words) * 32;
    return left >= 32 ? random.bits() : random.bits() & (2 ** left - 1);
  });
}

/** The numbers below `length`, shuffled within each block. */
function anyOrder(length: number, block: number): Int32Array {
  const order = Int32Array.from({ length }, (_, i) => i);
  for (let begin = 0; begin < length; begin += block) {
    for (let i = Math.min(length, begin + block) - 1; i > begin; i--) {
      const j = begin + random.integer(i - begin + 1);
      [order[i], order[j]] = [order[j], order[i]];
    }
  }
  return order;
}

export const packsTrials: Trials<PackKernels> = {
  pruneRows: (shapes) =>
    pruneTrials(shapes, (rows, k, pattern, w) => {
      const masked = random.bits() & 1 ? written(empty(rows * k), true) : null;
      const mask = written(new Uint32Array(rows * maskWords(k)).fill(7), true);
      return [writtenPack(rows, k, pattern), mask, masked, read(w), rows, k, softness()];
    }),
  packRows: (shapes) =>
    pruneTrials(shapes, (rows, k, pattern, w) => {
      const { mask } = pack(rows, k, pattern);
      const masked = random.bits() & 1 ? written(empty(rows * k), true) : null;
      return [writtenPack(rows, k, pattern), masked, read(w), read(mask), rows, k, softness()];
    }),
  pruneColumns: (shapes) =>
    [1, 3].flatMap((taps) =>
      pruneTrials(shapes, (rows, k, pattern, w) => {
        const source = taps === 1 ? w : normal(rows * k * taps);
        const mask = random.bits() & 1 ? read(anyMask(k, taps * rows)) : null;
        const order = random.bits() & 1 ? read(anyOrder(k * taps, packBlock(pattern.m))) : null;
        return [writtenPack(rows, k * taps, pattern), read(source), mask, order, rows, k * taps, taps];
      }),
    ),
  sampleColumns: (shapes) =>
    pruneTrials(shapes, (rows, k, pattern, w) => [writtenPack(rows, k, pattern), read(w), rows, k, anyDraw()]),
  sampleRows: (shapes) =>
    pruneTrials(shapes, (rows, k, pattern, w) => {
      const masked = random.bits() & 1 ? written(empty(rows * k), true) : null;
      return [writtenPack(rows, k, pattern), masked, read(w), rows, k, anyDraw()];
    }),
  sampleColumnsApproximately: (shapes) =>
    pruneTrials({ ...shapes, patterns: [[2, 4]] }, (rows, k, { n, m }, w) => {
      return [writtenPack(rows, k, { n, m, v: 1 }), read(w), rows, k, anyDraw()];
    }),
  unpackColumns: (shapes) =>
    [1, 3].flatMap((taps) =>
      pruneTrials(shapes, (rows, k, pattern) => {
        return [written(empty(rows * k * taps)), readPack(pack(rows, k * taps, pattern)), rows, k * taps, taps];
      }),
    ),
  packSlices: (shapes) =>
    shapes.patterns.flatMap(([n, m]) =>
      fewRows(shapes, m).flatMap(([, k, o]) =>
        [1, 2, 4].map((v) => {
          const { values, places, packed, pattern } = slices(o, k, { n, m, v });
          const into = {
            values: written(values.fill(7), true),
            places: written(places.fill(7), true),
            pattern: { ...pattern },
          };
          return trial(`${n}:${m}v${v} [${o}, ${k}]`, [into, readPack(packed), o, k]);
        }),
      ),
    ),
};

/** Registers properties of every pack. */
export function packProperties(make: () => Kernels): void {
  test("weights that are all NaN keep the first n of m", () => {
    const kernels = make();
    for (const [n, m] of ALL_PATTERNS) {
      for (const v of [1, 2, 4]) {
        const [rows, k] = [6, 16 * m];
        const w = new Float32Array(rows * k).fill(Number.NaN);
        const ofMask = written(new Uint32Array(rows * maskWords(k)));
        const packed = writtenPack(rows, k, { n, m, v });
        const mask = call(kernels, "pruneRows", [packed, ofMask, null, read(w), rows, k, 0])[2];
        for (let row = 0; row < rows; row++) {
          for (let j = 0; j < k; j++) {
            const bit = (mask[row * maskWords(k) + (j >>> 5)] >>> (j & 31)) & 1;
            if (bit !== (j % m < n ? 1 : 0)) throw new Error(`${n}:${m}v${v}: bit ${j} of row ${row} is ${bit}`);
          }
        }
      }
    }
  });
}
