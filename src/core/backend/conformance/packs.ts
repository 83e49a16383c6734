/** Packs, bit for bit. */
import { test } from "vitest";
import { maskWords } from "../families/masks.ts";
import { type PackKernels, packBlock } from "../families/packs.ts";
import type { Kernels } from "../kernels.ts";
import { call } from "./check.ts";
import { fewRows, pack, slices } from "./operands.ts";
import { ALL_PATTERNS, pruneTrials } from "./shapes.ts";
import { empty, normal, random, read, type Trials, trial, written } from "./trials.ts";

/** Hard and soft thresholds. */
function softness(): number {
  return [0, 1, 1.75][random.integer(3)];
}

/** Bits without a pattern; those behind k are 0. */
function anyMask(rows: number, k: number): Uint32Array {
  const words = maskWords(k);
  return Uint32Array.from({ length: rows * words }, (_, i) => {
    const left = k - (i % words) * 32;
    return left >= 32 ? random.bits() : random.bits() & (2 ** left - 1);
  });
}

/** The numbers below `length`, each block of them shuffled. */
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
    pruneTrials(shapes, (rows, k, n, m, v, w) => {
      const slots = Math.ceil(rows / v) * (k / m) * n;
      const masked = random.bits() & 1 ? written(empty(rows * k), true) : null;
      return [
        ...[written(empty(slots * v), true), written(new Uint8Array(slots).fill(7), true)],
        ...[written(new Uint32Array(rows * maskWords(k)).fill(7), true), masked, read(w), rows, k, n, m, v, softness()],
      ];
    }),
  packRows: (shapes) =>
    pruneTrials(shapes, (rows, k, n, m, v, w) => {
      const slots = Math.ceil(rows / v) * (k / m) * n;
      const { mask } = pack(rows, k, n, m, v);
      const masked = random.bits() & 1 ? written(empty(rows * k), true) : null;
      const outputs = [written(empty(slots * v), true), written(new Uint8Array(slots).fill(7), true), masked];
      return [...outputs, read(w), read(mask), rows, k, n, m, v, softness()];
    }),
  pruneColumns: (shapes) =>
    [1, 3].flatMap((taps) =>
      pruneTrials(shapes, (rows, k, n, m, v, w) => {
        const slots = Math.ceil(rows / v) * ((k * taps) / m) * n;
        const source = taps === 1 ? w : normal(rows * k * taps);
        const outputs = [written(empty(slots * v), true), written(new Uint8Array(slots).fill(7), true)];
        const mask = random.bits() & 1 ? read(anyMask(k, taps * rows)) : null;
        const order = random.bits() & 1 ? read(anyOrder(k * taps, packBlock(m))) : null;
        return [...outputs, read(source), mask, order, rows, k * taps, taps, n, m, v];
      }),
    ),
  sampleColumns: (shapes) =>
    pruneTrials(shapes, (rows, k, n, m, v, w) => {
      const slots = Math.ceil(rows / v) * (k / m) * n;
      const outputs = [written(empty(slots * v), true), written(new Uint8Array(slots).fill(7), true)];
      return [...outputs, read(w), rows, k, n, m, v, 7, random.integer(1000), random.integer(1000)];
    }),
  sampleRows: (shapes) =>
    pruneTrials(shapes, (rows, k, n, m, v, w) => {
      const slots = Math.ceil(rows / v) * (k / m) * n;
      const outputs = [written(empty(slots * v), true), written(new Uint8Array(slots).fill(7), true)];
      const masked = random.bits() & 1 ? written(empty(rows * k), true) : null;
      return [...outputs, masked, read(w), rows, k, n, m, v, 7, random.integer(1000), random.integer(1000)];
    }),
  sampleColumnsApproximately: (shapes) =>
    pruneTrials({ ...shapes, patterns: [[2, 4]] }, (rows, k, _n, _m, _v, w) => {
      const outputs = [written(empty((rows * k) / 2), true), written(new Uint8Array((rows * k) / 2).fill(7), true)];
      return [...outputs, read(w), rows, k, 7, random.integer(1000), random.integer(1000)];
    }),
  packSlices: (shapes) =>
    shapes.patterns.flatMap(([n, m]) =>
      fewRows(shapes, m).flatMap(([, k, o]) =>
        [1, 2, 4].map((v) => {
          const { values, places, packed } = slices(o, k, n, m, v);
          const outputs = [
            written(
              values.map(() => 7),
              true,
            ),
            written(
              places.map(() => 7),
              true,
            ),
          ];
          const args = [...outputs, read(packed.values), read(packed.index), o, k, n, m, v];
          return trial(`${n}:${m}v${v} [${o}, ${k}]`, args);
        }),
      ),
    ),
};

/** Registers what must hold of every pack. */
export function packProperties(make: () => Kernels): void {
  test("weights that are all NaN keep the first n of m", () => {
    const kernels = make();
    for (const [n, m] of ALL_PATTERNS) {
      for (const v of [1, 2, 4]) {
        const [rows, k] = [6, 16 * m];
        const w = new Float32Array(rows * k).fill(Number.NaN);
        const slots = Math.ceil(rows / v) * 16 * n;
        const outputs = [empty(slots * v), new Uint8Array(slots), new Uint32Array(rows * maskWords(k))];
        const args = [...outputs.map((array) => written(array)), null, read(w), rows, k, n, m, v, 0];
        const mask = call(kernels, "pruneRows", args)[2];
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
