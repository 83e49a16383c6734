/**
 * The oracle of products, summed in double precision. Pruned entries are left out, not multiplied as zeros: 0 * NaN
 * would be NaN.
 */

import { SLICE } from "../families/packs.ts";
import { CSR_BLOCK, type ProductKernels } from "../families/products.ts";
import { type Geometry, matrixGeometry } from "../geometry.ts";
import type { F32 } from "../memory.ts";
import { dense, type Operand, padded, sliceSlots, unpack } from "./pack-layout.ts";
import { rectified } from "./rectified.ts";
import { shapeOf, windows } from "./windows.ts";

const { fround } = Math;

function forward(y: F32, x: F32, w: Operand, bias: F32 | null, g: Geometry, relu: number): void {
  const { positions, inputs, channels, out } = shapeOf(g);
  const sums = new Float64Array(positions * out);
  windows(g, (position, pixel, tap) => {
    for (let o = 0; o < out; o++) {
      const row = o * inputs + tap * channels;
      let sum = 0;
      for (let c = 0; c < channels; c++) {
        if (w.mask === null || w.mask[row + c] === 1) sum += x[pixel + c] * w.values[row + c];
      }
      sums[position * out + o] += sum;
    }
  });
  for (let i = 0; i < sums.length; i++) {
    const sum = sums[i] + (bias === null ? 0 : bias[i % out]);
    y[i] = relu ? rectified(sum) : sum;
  }
}

function inputGrad(dx: F32, dy: F32, w: Operand, g: Geometry): void {
  const { batch, height, width, inputs, channels, out } = shapeOf(g);
  const sums = new Float64Array(batch * height * width * channels);
  windows(g, (position, pixel, tap) => {
    for (let o = 0; o < out; o++) {
      const grad = dy[position * out + o];
      const row = o * inputs + tap * channels;
      for (let c = 0; c < channels; c++) {
        if (w.mask === null || w.mask[row + c] === 1) sums[pixel + c] += grad * w.values[row + c];
      }
    }
  });
  dx.set(sums);
}

function weightGrad(dw: F32, dy: Operand, x: F32, g: Geometry): void {
  const { inputs, channels, out } = shapeOf(g);
  const sums = new Float64Array(out * inputs);
  windows(g, (position, pixel, tap) => {
    for (let o = 0; o < out; o++) {
      const at = position * out + o;
      if (dy.mask !== null && dy.mask[at] === 0) continue;
      const row = o * inputs + tap * channels;
      for (let c = 0; c < channels; c++) sums[row + c] += dy.values[at] * x[pixel + c];
    }
  });
  dw.set(sums);
}

/** Rows and columns of an image of output positions; a linear layer's are one row. */
function lineOf(g: Geometry): readonly [rows: number, width: number] {
  return g[8] * g[9] > 1 ? [g[8], g[9]] : [1, shapeOf(g).positions];
}

/** dy under a fixed mask: see weightGradAlternate. */
function alternate(dy: F32, g: Geometry, choice: number, restore: number, scale: number): Operand {
  const { positions, out } = shapeOf(g);
  const [rows, width] = lineOf(g);
  const mask = new Uint8Array(positions * out);
  const values = Float32Array.from(dy.subarray(0, positions * out), (own, at) => {
    const t = Math.floor(at / out);
    const [row, column] = [Math.floor(t / width) % rows, t % width];
    const odd = [0, 1, row % 2, 1 - (row % 2), 1 - ((column >> 2) % 2)][choice];
    const alone = (column ^ 1) >= width;
    mask[at] = +(alone || column % 2 === odd);
    if (alone) return own;
    if (mask[at] === 0) return 0;
    const neighbor = dy[at + ((column ^ 1) - column) * out];
    return fround(scale) * (restore === 0 ? own : own + fround(restore) * neighbor);
  });
  return { values, mask };
}

/** Whether position t of `positions` counts for entry f of a column of im2col, numbered channel by channel. */
function counts(mask: number, f: number, t: number, positions: number): boolean {
  const i = f * positions + t;
  return ((mask === 5 ? i ^ (i >> 2) : mask === 6 ? t : mask === 7 ? f + t : f + t + 1) & 1) === 1;
}

/** The masks 5 to 8 of weightGradAlternate; returns the number of pairs of an entry and a position that count. */
function alternateByEntry(dw: F32, dy: F32, x: F32, g: Geometry, mask: number, restore: number, scale: number): number {
  const { positions, inputs, channels, out, kh, kw, outHeight, outWidth } = shapeOf(g);
  const [taps, image] = [kh * kw, outHeight * outWidth];
  const sums = new Float64Array(out * inputs);
  windows(g, (t, pixel, tap) => {
    const before = t % image === 0 ? t + image - 1 : t - 1;
    for (let c = 0; c < channels; c++) {
      if (!counts(mask, c * taps + tap, t, positions)) continue;
      for (let o = 0; o < out; o++) {
        const own = dy[t * out + o];
        const shifted = restore === 0 ? own : own + fround(restore) * dy[before * out + o];
        sums[o * inputs + tap * channels + c] += fround(scale) * shifted * x[pixel + c];
      }
    }
  });
  dw.set(sums);
  let counted = 0;
  for (let f = 0; f < inputs; f++) for (let t = 0; t < positions; t++) counted += +counts(mask, f, t, positions);
  return counted;
}

/** Where the entries of compressed rows lie in w [out, k]. */
function csrPlaces(index: Uint8Array, starts: Uint32Array, k: number, out: number): number[] {
  const places: number[] = [];
  for (let line = 0; line < starts.length - 1; line++)
    for (let at = starts[line]; at < starts[line + 1]; at++)
      places[at] = (line % out) * k + Math.floor(line / out) * CSR_BLOCK + index[at];
  return places;
}

/**
 * Number of pairs of an input pixel and a tap that some window can put on it: with stride s only about one tap in s^2
 * can.
 */
export function hits(g: Geometry): number {
  const { batch, height, width, kh, kw, stride, padding } = shapeOf(g);
  const along = (length: number, kernel: number): number => {
    let count = 0;
    for (let i = 0; i < length; i++) {
      for (let tap = 0; tap < kernel; tap++) if ((i + padding - tap) % stride === 0) count++;
    }
    return count;
  };
  return batch * along(height, kh) * along(width, kw);
}

/**
 * The kernels; `count` is told the number of multiply-adds. Those with the zeros of padding are among them, because the
 * fast backends execute them.
 */
export function products(count: (multiplies: number) => void): ProductKernels {
  return {
    forward: (y, x, w, bias, g, relu) => {
      const { positions, inputs, out } = shapeOf(g);
      forward(y, x, dense(w), bias, g, relu);
      count(positions * inputs * out);
    },
    inputGrad: (dx, dy, w, g) => {
      const { channels, out } = shapeOf(g);
      inputGrad(dx, dy, dense(w), g);
      count(hits(g) * channels * out);
    },
    weightGrad: (dw, dy, x, g) => {
      const { positions, inputs, out } = shapeOf(g);
      weightGrad(dw, dense(dy), x, g);
      count(positions * inputs * out);
    },
    // sums of doubles: a zero more changes none of them
    forwardEmulated: (y, x, w, bias, g, relu) => {
      const { positions, inputs, out } = shapeOf(g);
      forward(y, x, dense(w), bias, g, relu);
      count(positions * inputs * out);
    },
    weightGradEmulated: (dw, dy, x, g) => {
      const { positions, inputs, out } = shapeOf(g);
      weightGrad(dw, dense(dy), x, g);
      count(positions * inputs * out);
    },
    weightGradAlternateEmulated: (dw, dy, x, g, mask, restore, scale) => {
      const { positions, inputs, out } = shapeOf(g);
      if (mask > 4) alternateByEntry(dw, dy, x, g, mask, restore, scale);
      else weightGrad(dw, dense(alternate(dy, g, mask, restore, scale).values), x, g);
      count(positions * inputs * out);
    },
    forwardSparse: (y, x, w, bias, g, relu) => {
      const { n, m, v } = w.pattern;
      const { positions, inputs, out } = shapeOf(g);
      forward(y, x, unpack(w, out, inputs), bias, g, relu);
      count(positions * padded(out, v) * (inputs / m) * n);
    },
    inputGradSparse: (dx, dy, pack, g) => {
      const { n, m, v } = pack.pattern;
      const { channels, out, kh, kw, inputs } = shapeOf(g);
      const k = kh * kw * out;
      const w = unpack(pack, channels, k, (c, column) => {
        return (column % out) * inputs + Math.floor(column / out) * channels + c;
      });
      inputGrad(dx, dy, w, g);
      count(hits(g) * padded(channels, v) * (out / m) * n);
    },
    weightGradSparse: (dw, pack, x, g) => {
      const { n, m, v } = pack.pattern;
      const { out, positions, inputs } = shapeOf(g);
      const dy = unpack(pack, out, positions, (o, position) => position * out + o);
      weightGrad(dw, dy, x, g);
      count(inputs * padded(out, v) * (positions / m) * n);
    },
    weightGradAlternate: (dw, dy, x, g, mask, restore, scale) => {
      const { positions, inputs, out } = shapeOf(g);
      if (mask > 4) return count(alternateByEntry(dw, dy, x, g, mask, restore, scale) * out);
      const width = lineOf(g)[1];
      weightGrad(dw, alternate(dy, g, mask, restore, scale), x, g);
      count((positions / Math.max(1, width)) * Math.ceil(width / 2) * inputs * out);
    },
    forwardSparseActivations: (y, pack, w, bias, g, relu) => {
      const { n, m, v } = pack.pattern;
      const { positions: t, inputs: k, out } = shapeOf(g);
      const x = unpack(pack, t, k);
      for (let row = 0; row < t; row++) {
        for (let o = 0; o < out; o++) {
          let sum = bias === null ? 0 : bias[o];
          for (let i = 0; i < k; i++) if (x.mask![row * k + i] === 1) sum += x.values[row * k + i] * w[o * k + i];
          y[row * out + o] = relu ? rectified(sum) : sum;
        }
      }
      count(out * padded(t, v) * (k / m) * n);
    },
    inputGradSparseGradient: (dx, pack, w, g) => {
      const { n, m, v } = pack.pattern;
      const { positions: t, inputs: k, out } = shapeOf(g);
      // dx = dy w has the form of dw = dy^T x with the outputs in the place of the positions
      const dy = unpack(pack, t, out, (row, o) => o * t + row);
      weightGrad(dx, dy, w, matrixGeometry(out, k, t));
      count(k * padded(t, v) * (out / m) * n);
    },
    forwardSlices: (y, x, { values, places, pattern }, bias, g, relu) => {
      const { n, m } = pattern;
      const { positions: t, inputs: k, out } = shapeOf(g);
      const w = { values: new Float32Array(out * k), mask: new Uint8Array(out * k) };
      sliceSlots(out, k, pattern, (row, group, at, word, shift) => {
        if (row >= out) return;
        const entry = row * k + group * m + ((places[word] >>> shift) & (m <= 4 ? 3 : 15));
        w.values[entry] = values[at];
        w.mask[entry] = 1;
      });
      forward(y, x, w, bias, matrixGeometry(t, k, out), relu);
      count(t * padded(out, SLICE) * (k / m) * n);
    },
    forwardCsr: (y, x, { values, index, starts }, bias, g, relu) => {
      const { inputs: k, out, positions: t } = shapeOf(g);
      const w = { values: new Float32Array(out * k), mask: new Uint8Array(out * k) };
      csrPlaces(index, starts, k, out).forEach((place, at) => {
        w.values[place] = values[at];
        w.mask[place] = 1;
      });
      forward(y, x, w, bias, g, relu);
      count(t * index.length);
    },
    weightGradCsr: (dw, dy, x, { index, starts }, g) => {
      const { positions, inputs, out } = shapeOf(g);
      weightGrad(dw, dense(dy), x, g);
      const mask = new Uint8Array(dw.length);
      for (const place of csrPlaces(index, starts, inputs, out)) mask[place] = 1;
      for (let i = 0; i < dw.length; i++) if (mask[i] === 0) dw[i] = 0;
      count(positions * index.length);
    },
  };
}
