/** The oracle of samples against closed forms and the shared reference; then the kernels against the oracle, draw by draw. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { expect, test } from "vitest";
import { jsKernels } from "../backend/js.ts";
import { philox, Random } from "../random.ts";
import { mvue } from "./mvue.ts";

const shared = process.env.TRISPARSE_DATA ?? fileURLToPath(new URL("../../../../shared/data", import.meta.url));
const reference = join(shared, "reference", "mvue_nm.json");

interface Vector {
  readonly N: number;
  readonly M: number;
  readonly x: readonly number[];
  readonly inclusion_p: readonly number[];
  readonly value_if_kept: readonly number[];
  readonly min_total_variance: number;
}

const single = (numbers: readonly number[]): number[][] => numbers.map((x) => [x]);
const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);

/** Where the draw changes with u, and 0 and 1. */
function breaks(probabilities: readonly number[]): number[] {
  let end = 0;
  const ends = probabilities.map((p) => (end += p < 1 ? p : 0));
  return [0, ...ends.map((x) => x - Math.floor(x)).sort((a, b) => a - b), 1];
}

/** Mean and variance of the sample, integrated over u: exact, for the draw is constant between two breaks. */
function moments(group: readonly (readonly number[])[], n: number): { mean: number[][]; variance: number } {
  const { probabilities, values, draw } = mvue(group, n);
  const mean = group.map((entry) => entry.map(() => 0));
  let square = 0;
  const points = breaks(probabilities);
  for (let i = 1; i < points.length; i++) {
    const length = points[i] - points[i - 1];
    if (length === 0) continue;
    const kept = draw((points[i] + points[i - 1]) / 2);
    // a sliver of rounding may hold any draw; it has no weight
    if (length > 1e-12) expect(kept.length).toBeLessThanOrEqual(n);
    for (const j of kept) {
      values[j].forEach((value, r) => {
        mean[j][r] += length * value;
        square += length * value * (value - group[j][r]);
      });
    }
  }
  return { mean, variance: square };
}

test.skipIf(!existsSync(reference))(`equals the shared reference (skipped without ${reference})`, () => {
  const { vectors } = JSON.parse(readFileSync(reference, "utf8")) as { vectors: readonly Vector[] };
  expect(vectors.length).toBeGreaterThan(10);
  for (const { N, M, x, ...wanted } of vectors) {
    const group = single(x);
    const { probabilities, values, variance } = mvue(group, N);
    const [p, value] = [wanted.inclusion_p, wanted.value_if_kept];
    for (let j = 0; j < M; j++) {
      expect(Math.abs(probabilities[j] - p[j])).toBeLessThan(1e-12);
      expect(Math.abs(values[j][0] - value[j])).toBeLessThan(1e-12);
      expect(Math.abs(moments(group, N).mean[j][0] - x[j])).toBeLessThan(1e-12);
    }
    expect(Math.abs(variance - wanted.min_total_variance)).toBeLessThan(1e-12);
    expect(Math.abs(moments(group, N).variance - wanted.min_total_variance)).toBeLessThan(1e-12);
  }
});

/** Single-precision numbers: normal, tied, mostly zero, of very different sizes, some that dominate, the smallest. */
const entry = fc
  .oneof(
    fc.double({ min: -1, max: 1, noNaN: true }),
    fc.constantFrom(0, 1, -1, 2),
    fc.constantFrom(0, 0, 0, 3),
    fc
      .tuple(fc.double({ min: -1, max: 1, noNaN: true }), fc.integer({ min: -44, max: 38 }))
      .map(([x, e]) => x * 10 ** e),
    fc.constantFrom(1e38, -1e38, 1e-30),
    fc.constantFrom(2 ** -149, -(2 ** -149), 2 ** -148, 0),
  )
  .map(Math.fround);
const shapes = fc
  .record({ m: fc.integer({ min: 2, max: 16 }), v: fc.constantFrom(1, 2, 4) })
  .chain(({ m, v }) => fc.record({ m: fc.constant(m), v: fc.constant(v), n: fc.integer({ min: 1, max: m - 1 }) }));
const groups = shapes.chain(({ n, m, v }) =>
  fc
    .array(fc.array(entry, { minLength: v, maxLength: v }), { minLength: m, maxLength: m })
    .map((group) => ({ n, group })),
);

test("has no bias and the variance that it states, for every N:M up to 16 and vectors", () => {
  fc.assert(
    fc.property(groups, ({ n, group }) => {
      const { probabilities, variance, values } = mvue(group, n);
      const nonZeros = group.filter((numbers) => numbers.some((x) => x !== 0)).length;
      expect(Math.abs(sum(probabilities) - Math.min(n, nonZeros))).toBeLessThan(1e-12);
      // uncertain entries are all kept with one norm, tau
      const taus = values.filter((_, j) => probabilities[j] > 0 && probabilities[j] < 1).map((x) => Math.hypot(...x));
      const tau = Math.max(0, ...taus);
      const found = moments(group, n);
      group.forEach((numbers, j) => {
        numbers.forEach((x, r) => {
          const bias = Math.abs(found.mean[j][r] - x);
          expect(bias).toBeLessThanOrEqual(probabilities[j] === 1 ? 1e-14 * Math.abs(x) : 1e-12 * tau);
        });
      });
      expect(Math.abs(found.variance - variance)).toBeLessThanOrEqual(1e-12 * tau ** 2 * group.length);
    }),
    { numRuns: 2000 },
  );
});

test("no other probabilities have less variance", () => {
  const random = new Random(3);
  for (let trial = 0; trial < 500; trial++) {
    const m = 2 + random.integer(15);
    const n = 1 + random.integer(m - 1);
    const sizes = Array.from({ length: m }, () => Math.exp(2 * random.normal()));
    const least = mvue(single(sizes), n);
    // any others with the same sum: some that are shifted from one entry to another
    const other = [...least.probabilities];
    const [a, b] = [random.integer(m), random.integer(m)];
    const shift = Math.min(1 - other[a], other[b] * 0.9) * random.uniform();
    other[a] += shift;
    other[b] -= shift;
    const variance = sum(sizes.map((size, j) => size ** 2 * (1 / other[j] - 1)));
    expect(variance).toBeGreaterThanOrEqual(least.variance * (1 - 1e-12));
  }
});

test("1:2 and 2:4 have their closed forms", () => {
  const random = new Random(4);
  for (let trial = 0; trial < 300; trial++) {
    const [a, b, c, d] = Array.from({ length: 4 }, () => Math.exp(1.5 * random.normal()));
    const pair = mvue(single([a, -b]), 1);
    expect(pair.values[0][0]).toBeCloseTo(a + b, 10);
    expect(pair.variance / (2 * a * b)).toBeCloseTo(1, 10);
    const [x1, x2, x3, x4] = [a, b, c, d].sort((x, y) => x - y);
    const [total, rest] = [x1 + x2 + x3 + x4, x1 + x2 + x3];
    const closed = x4 <= rest ? total ** 2 / 2 - (a * a + b * b + c * c + d * d) : 2 * (x1 * x2 + x1 * x3 + x2 * x3);
    expect(mvue(single([a, b, c, d]), 2).variance / closed).toBeCloseTo(1, 9);
  }
});

test("a group of zeros keeps nothing, one of few non-zeros is exact", () => {
  expect(mvue(single([0, -0, 0, 0]), 2)).toMatchObject({ probabilities: [0, 0, 0, 0], variance: 0 });
  expect(mvue(single([0, 0, 0, 0]), 2).draw(0.5)).toEqual([]);
  const few = mvue(single([0, 1e-40, 0, -1e38]), 2);
  expect(few).toMatchObject({ probabilities: [0, 1, 0, 1], variance: 0 });
  expect(few.draw(0.999)).toEqual([1, 3]);
});

/** One group for the kernels: entries whose norms are neither 0 nor infinity in single precision where they are not zero. */
const kernelGroups = groups.map(({ n, group }) => {
  const v = group[0].length;
  const limit = v === 1 ? 1e36 : 1e17;
  const fits = (x: number): boolean => Math.abs(x) <= limit && (v === 1 || Math.abs(x) >= 1 / limit);
  return { n, v, group: group.map((numbers) => numbers.map((x) => (fits(x) ? x : 0))) };
});
const DRAWS = 64;
const [SEED, LAYER, STEP] = [11, 12, 13];

test("the kernel's draws are the oracle's for the same u, its values within rounding", () => {
  fc.assert(
    fc.property(kernelGroups, ({ n, v, group }) => {
      const m = group.length;
      const oracle = mvue(group, n);
      const norms = group.map((numbers) => Math.hypot(...numbers));
      // what is drawn, not certain, is kept with the least size
      const sizes = norms.map((norm, j) => (norm > 0 ? norm / oracle.probabilities[j] : Number.POSITIVE_INFINITY));
      const least = Math.min(...sizes);
      // of a float's last bit, as a probability
      const rounding = 2 * m * n * (2 ** -23 + 2 ** -149 / least);
      const points = breaks(oracle.probabilities);
      const [values, index] = [new Float32Array(DRAWS * n * v), new Uint8Array(DRAWS * n)];
      const g = Float32Array.from({ length: m * DRAWS * v }, (_, i) => group[Math.floor(i / (DRAWS * v))][i % v]);
      const pack = { values, index, pattern: { n, m, v } };
      jsKernels().sampleColumns(pack, g, DRAWS * v, m, { seed: SEED, layer: LAYER, step: STEP });
      expect(values.every(Number.isFinite)).toBe(true);
      const words = new Uint32Array(4);
      for (let d = 0; d < DRAWS; d++) {
        philox(words, SEED, LAYER, 0, STEP, d, 0);
        const u = ((words[0] & 0x7fffff) | 1) / 2 ** 23;
        const slots = [...Array(n).keys()].map((s) => d * n + s);
        const kept = slots.map((slot) => index[slot]);
        for (const [s, j] of kept.entries()) {
          for (let r = 0; r < v; r++) {
            const [value, wanted] = [values[slots[s] * v + r], oracle.values[j][r]];
            // zeros fill up what is missing to n; a point off by half of the last bit meets one among denormal numbers
            if (norms[j] === 0 && least < 2 ** -126) expect(Math.abs(value)).toBeLessThanOrEqual(m * 2 ** -126);
            else expect(Math.abs(value - wanted)).toBeLessThanOrEqual(m * (2 ** -22 * Math.abs(wanted) + 2 ** -149));
          }
        }
        if (points.some((point) => Math.abs(u - point) <= rounding)) continue;
        expect(kept.filter((j) => norms[j] > 0)).toEqual(oracle.draw(u));
      }
    }),
    { numRuns: 200 },
  );
});
