import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Random } from "../../../random.ts";
import { erkDensities, keptOfLayers } from "./budgets.ts";
import { largest, largestWithin } from "./choose.ts";
import { cubic, denseSparseDense, iterative, oneShot } from "./schedules.ts";
import { obdScores, obsScores, obsUpdate } from "./scores.ts";

describe("largest", () => {
  test("keeps exactly so many, of equal ones those of the lower index", () => {
    expect([...largest(Float32Array.of(1, 3, 3, 2, 3), 2)]).toEqual([0, 1, 1, 0, 0]);
    expect([...largest(Float32Array.of(1, 3, 3, 2, 3), 4)]).toEqual([0, 1, 1, 1, 1]);
    expect([...largestWithin(Float32Array.of(1, 3, 2), [2, 4, 3], 7)]).toEqual([0, 1, 1]);
  });

  test("is what sorting gives", () => {
    const scores = fc.array(fc.integer({ min: -3, max: 9 }), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(scores, fc.nat(60), (list, wanted) => {
        const count = Math.min(wanted, list.length);
        const order = list.map((_, i) => i).sort((a, b) => list[b] - list[a] || a - b);
        const kept = new Uint8Array(list.length);
        for (const i of order.slice(0, count)) kept[i] = 1;
        expect(largest(Float32Array.from(list), count)).toEqual(kept);
        expect(
          largestWithin(
            Float32Array.from(list),
            list.map(() => 1),
            count,
          ),
        ).toEqual(kept);
      }),
    );
  });
});

describe("schedules", () => {
  const options = { sparsity: 0.9, from: 10, until: 110 };
  const all = {
    "one-shot": oneShot(options),
    cubic: cubic(options),
    iterative: iterative(0.9, [10, 40, 110]),
  };

  test.each(Object.entries(all))("%s begins at 0, ends at what is asked for, and never falls", (_, at) => {
    expect(at(9)).toBe(0);
    expect(at(110)).toBe(0.9);
    expect(at(1e6)).toBe(0.9);
    for (let step = 1; step < 200; step++) expect(at(step)).toBeGreaterThanOrEqual(at(step - 1));
  });

  test("cubic is the formula", () => {
    expect(all.cubic(10)).toBe(0);
    expect(all.cubic(60)).toBeCloseTo(0.9 * (1 - 0.5 ** 3), 12);
  });

  test("iterative prunes the same share of what is left", () => {
    const left = [10, 40].map((step) => 1 - all.iterative(step));
    expect(left[1] / left[0]).toBeCloseTo(left[0], 12);
    expect(0.1 / left[1]).toBeCloseTo(left[0], 12);
  });

  test("dense-sparse-dense is sparse in between", () => {
    expect([9, 10, 109, 110].map(denseSparseDense(options))).toEqual([0, 0.9, 0.9, 0]);
  });
});

describe("ERK", () => {
  const layers = [{ shape: [20, 5, 5, 1] }, { shape: [50, 5, 5, 20] }, { shape: [500, 800] }, { shape: [10, 500] }];
  const sizes = layers.map(({ shape }) => shape.reduce((a, b) => a * b, 1));
  const total = sizes.reduce((a, b) => a + b, 0);

  test("keeps the density in all, goes as the formula, and makes small layers dense", () => {
    for (const density of [0.02, 0.05, 0.1, 0.5, 0.9]) {
      const found = erkDensities(layers, density);
      expect(found.reduce((sum, one, i) => sum + one * sizes[i], 0) / total).toBeCloseTo(density, 9);
      expect(Math.max(...found)).toBeLessThanOrEqual(1);
      const raw = (i: number): number => layers[i].shape.reduce((a, b) => a + b, 0) / sizes[i];
      if (found[1] < 1) expect(found[1] / found[2]).toBeCloseTo(raw(1) / raw(2), 9);
    }
    expect(erkDensities(layers, 0.1)[0]).toBe(1);
    expect(erkDensities(layers, 1)).toEqual([1, 1, 1, 1]);
  });

  test("counts follow to one entry a layer", () => {
    const uniform = keptOfLayers(layers, "uniform", 0.9);
    uniform.forEach((count, i) => {
      expect(Math.abs(count - 0.1 * sizes[i])).toBeLessThanOrEqual(0.5);
    });
    const erk = keptOfLayers(layers, "erk", 0.9).reduce((a, b) => a + b, 0);
    expect(Math.abs(erk - 0.1 * total)).toBeLessThanOrEqual(0.5 * layers.length);
  });
});

/** Inverse of a small matrix [n, n], by Gauss-Jordan. */
function inverted(matrix: Float64Array, n: number): Float64Array {
  const a = Array.from({ length: n }, (_, i) => [
    ...matrix.subarray(i * n, (i + 1) * n),
    ...Array.from({ length: n }, (_, j) => (i === j ? 1 : 0)),
  ]);
  for (let i = 0; i < n; i++) {
    const scale = a[i][i];
    a[i] = a[i].map((value) => value / scale);
    for (let j = 0; j < n; j++) {
      const factor = a[j][i];
      if (j !== i) a[j] = a[j].map((value, c) => value - factor * a[i][c]);
    }
  }
  return Float64Array.from(a.flatMap((row) => row.slice(n)));
}

describe("on a quadratic loss", () => {
  const n = 6;
  const random = new Random(5);
  const root = Array.from({ length: n * n }, () => random.normal());
  const hessian = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      for (let c = 0; c < n; c++) hessian[i * n + j] += root[i * n + c] * root[j * n + c];
      if (i === j) hessian[i * n + j] += 0.5;
    }
  }
  const w = Float64Array.from({ length: n }, () => random.normal());
  /** Rise of the loss with weights w + d; w is its minimum. */
  const rise = (d: ArrayLike<number>): number => {
    let sum = 0;
    for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) sum += d[i] * hessian[i * n + j] * d[j];
    return sum / 2;
  };

  test("OBD's score is the rise when the entry alone becomes zero", () => {
    const scores = obdScores(
      w,
      Float64Array.from({ length: n }, (_, i) => hessian[i * n + i]),
    );
    for (let at = 0; at < n; at++) {
      const d = Float64Array.from({ length: n }, (_, i) => (i === at ? -w[i] : 0));
      expect(scores[at]).toBeCloseTo(rise(d), 10);
    }
  });

  test("OBS picks the best single weight, and its update is the best there is", () => {
    const inverse = inverted(hessian, n);
    const scores = obsScores(w, inverse);
    // the best for a removed entry by itself: the others at the minimum of what is left of the quadratic
    const best = Array.from({ length: n }, (_, at) => {
      const others = Array.from({ length: n }, (_, i) => i).filter((i) => i !== at);
      const inner = Float64Array.from(others.flatMap((i) => others.map((j) => hessian[i * n + j])));
      const solve = inverted(inner, n - 1);
      const d = new Float64Array(n);
      d[at] = -w[at];
      others.forEach((i, row) => {
        others.forEach((j, column) => {
          d[i] -= solve[row * (n - 1) + column] * hessian[j * n + at] * d[at];
        });
      });
      return d;
    });
    for (let at = 0; at < n; at++) {
      const update = obsUpdate(w, inverse, at);
      expect(w[at] + update[at]).toBeCloseTo(0, 12);
      update.forEach((value, i) => {
        expect(value).toBeCloseTo(best[at][i], 8);
      });
      expect(scores[at]).toBeCloseTo(rise(best[at]), 8);
    }
    const rises = best.map(rise);
    expect(scores.indexOf(Math.min(...scores))).toBe(rises.indexOf(Math.min(...rises)));
  });
});
