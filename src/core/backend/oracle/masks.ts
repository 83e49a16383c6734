/** The oracle of masks, which are decided and read bit by bit. */

import type { MaskKernels } from "../families/masks.ts";
import { maskWords } from "../families/masks.ts";
import { decayed, isKept } from "./mask-bits.ts";
import { PAIRS, transposable } from "./transposable.ts";
import { transposableBlock } from "./transposable-blocks.ts";

const { fround } = Math;

/** Maps magnitudes to finite numbers that can be added, in the same order: NaN is above infinity. */
const finite = (size: number): number => (size < Infinity ? size : size === Infinity ? 2 ** 128 : 2 ** 129);

export const masks: MaskKernels = {
  pruneTransposable: (mask, w, rows, k, { n, m }, solver) => {
    mask.fill(0, 0, rows * maskWords(k));
    const keep = (row: number, column: number): void => {
      mask[row * maskWords(k) + (column >>> 5)] |= 1 << (column & 31);
    };
    for (let row = 0; row < rows; row += m) {
      for (let column = 0; column < k; column += m) {
        const size = (r: number, c: number): number => Math.abs(w[(row + r) * k + column + c]);
        if (n === 2 && m === 4 && solver === 0) {
          transposable(size).forEach((pair, r) => {
            for (const c of PAIRS[pair]) keep(row + r, column + c);
          });
          continue;
        }
        const sizes = Array.from({ length: m * m }, (_, at) => finite(size(Math.floor(at / m), at % m)));
        transposableBlock(sizes, n, m, solver).forEach((kept, at) => {
          if (kept) keep(row + Math.floor(at / m), column + (at % m));
        });
      }
    }
  },
  maskedDecay: (grad, w, mask, rows, k, lambda) => {
    grad.set(decayed(grad.subarray(0, rows * k), w, { mask, k, lambda }));
  },
  applyMask: (x, mask, rows, k) => {
    for (let i = 0; i < rows * k; i++) if (!isKept(mask, k, Math.floor(i / k), i % k)) x[i] = 0;
  },
  maskDivergence: (out, a, b, words) => {
    out[0] = 0;
    for (let i = 0; i < words * 32; i++) out[0] += ((a[i >>> 5] ^ b[i >>> 5]) >>> (i & 31)) & 1;
  },
  keptMagnitude: (out, w, mask, rows, k) => {
    out.fill(0, 0, rows * 3);
    for (let i = 0; i < rows * k; i++) {
      const row = Math.floor(i / k);
      out[row * 3 + 1] += Math.abs(w[i]);
      if (!isKept(mask, k, row, i % k)) continue;
      out[row * 3] += Math.abs(w[i]);
      if (w[i] === 0) out[row * 3 + 2]++;
    }
  },
  thresholds: (out, w, groups, segments, length, groupStride, segmentStride, rank) => {
    for (let group = 0; group < groups; group++) {
      const sizes = Float32Array.from({ length: segments * length }, (_, i) =>
        Math.abs(w[group * groupStride + Math.floor(i / length) * segmentStride + (i % length)]),
      ).sort();
      out[group] = fround(sizes[rank - 1] + sizes[rank]) / 2;
    }
  },
  softAxes: (y, w, ofRows, ofTaps, rows, k, taps, temperature) => {
    const share = (above: number): number => (above > 0 ? 1 / (1 + Math.exp(-above / fround(temperature))) : 0);
    for (let i = 0; i < rows * k; i++) {
      const ofRow = share(Math.abs(w[i]) - ofRows[Math.floor(i / k)]);
      const ofTap = ofTaps === null ? 0 : share(Math.abs(w[i]) - ofTaps[Math.floor((i % k) / (k / taps))]);
      y[i] = w[i] * (1 + ofRow + ofTap);
    }
  },
};
