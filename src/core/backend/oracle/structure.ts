/** The oracle of columns, tiles and crosses, entry by entry. */

import type { StructureKernels } from "../families/structure.ts";
import { shapeOf, windows } from "./windows.ts";

const { fround } = Math;

function tileOf(i: number, columns: number, tall: number, wide: number): number {
  const [row, column] = [Math.floor(i / columns), i % columns];
  return Math.floor(row / tall) * Math.ceil(columns / wide) + Math.floor(column / wide);
}

export const structure: StructureKernels = {
  gatherEntries: (out, x, places, count) => {
    for (let i = 0; i < count; i++) out[i] = x[places[i]];
  },
  copyColumns: (y, x, rows, count, yColumns, yBegin, xColumns, xBegin) => {
    for (let row = 0; row < rows; row++) {
      for (let c = 0; c < count; c++)
        y[row * yColumns + yBegin + c] = xBegin + c < xColumns ? x[row * xColumns + xBegin + c] : 0;
    }
  },
  gatherColumns: (y, x, columns, count, g) => {
    const { positions, channels } = shapeOf(g);
    y.fill(0, 0, positions * count);
    windows(g, (position, pixel, tap) => {
      for (let i = 0; i < count; i++) {
        if (Math.floor(columns[i] / channels) === tap) y[position * count + i] = x[pixel + (columns[i] % channels)];
      }
    });
  },
  scatterColumns: (dx, dy, columns, count, g) => {
    const { batch, height, width, channels } = shapeOf(g);
    const sums = new Float64Array(batch * height * width * channels);
    windows(g, (position, pixel, tap) => {
      for (let i = 0; i < count; i++) {
        if (Math.floor(columns[i] / channels) === tap)
          sums[pixel + (columns[i] % channels)] += dy[position * count + i];
      }
    });
    dx.set(sums);
  },
  tileNorms: (norms, w, rows, columns, tall, wide) => {
    norms.fill(0);
    for (let i = 0; i < rows * columns; i++) norms[tileOf(i, columns, tall, wide)] += w[i] * w[i];
    for (let t = 0; t < norms.length; t++) norms[t] = Math.sqrt(norms[t]);
  },
  scaleTiles: (w, factors, rows, columns, tall, wide) => {
    for (let i = 0; i < rows * columns; i++) {
      const factor = factors[tileOf(i, columns, tall, wide)];
      w[i] = factor === 0 ? 0 : w[i] * factor;
    }
  },
  addTiles: (y, x, factors, rows, columns, tall, wide) => {
    for (let i = 0; i < rows * columns; i++) y[i] += factors[tileOf(i, columns, tall, wide)] * x[i];
  },
  crossFactors: (ofRows, ofColumns, w, rowLambdas, columnLambdas, rows, columns, rate, proximal) => {
    const factor = (sum: number, lambda: number): number => {
      const share = (lambda * rate) / Math.sqrt(sum);
      return sum === 0 ? 0 : proximal ? Math.max(0, 1 - share) : share;
    };
    const kept = new Float64Array(rows).fill(1);
    for (let row = 0; row < rows && rowLambdas !== null; row++) {
      let sum = 0;
      for (let c = 0; c < columns; c++) sum += w[row * columns + c] ** 2;
      ofRows![row] = factor(sum, rowLambdas[row]);
      if (proximal) kept[row] = ofRows![row];
    }
    for (let c = 0; c < columns && columnLambdas !== null; c++) {
      let sum = 0;
      for (let row = 0; row < rows; row++) sum += (kept[row] * w[row * columns + c]) ** 2;
      ofColumns![c] = factor(sum, columnLambdas[c]);
    }
  },
  scaleCrosses: (w, ofRows, ofColumns, rows, columns) => {
    for (let i = 0; i < rows * columns; i++) {
      const [row, column] = [ofRows?.[Math.floor(i / columns)] ?? 1, ofColumns?.[i % columns] ?? 1];
      w[i] = fround(w[i] * row) * column + 0;
    }
  },
  addCrosses: (y, x, ofRows, ofColumns, rows, columns) => {
    for (let i = 0; i < rows * columns; i++)
      y[i] += ((ofRows?.[Math.floor(i / columns)] ?? 0) + (ofColumns?.[i % columns] ?? 0)) * x[i];
  },
};
