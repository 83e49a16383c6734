import { describe, expect, test } from "vitest";
import { jsKernels } from "../../../backend/js.ts";
import { Random } from "../../../random.ts";
import { type Folding, foldedGroupLasso } from "./folded.ts";
import { blocks, type GroupStructure, groupNorms, groupSizes, groupStructure, groupStructures } from "./groups.ts";
import { groupLasso } from "./penalties.ts";

const kernels = jsKernels();
const random = new Random(7);
const shape = { rows: 5, taps: 4, channels: 3 };
const [O, K] = [shape.rows, shape.taps * shape.channels];
const epsilon = 1e-5;
const lambda = 0.3;
const normals = (length: number): Float32Array => Float32Array.from({ length }, () => random.normal());
const folding = (gain: Float32Array = normals(O)): Folding => ({
  ...{ gain, gainGradient: new Float32Array(O), shift: normals(O), epsilon },
  variance: normals(O).map((x) => 0.5 + x * x),
});
const all: readonly GroupStructure[] = [...groupStructures, blocks(2, 5), blocks(1, 5), blocks(9, 100)];

/** By definition, in double precision, of a weight whose variances were those of `of` at the weight `from`. */
function definition(
  structure: GroupStructure,
  w: ArrayLike<number>,
  gain: ArrayLike<number>,
  of: Folding,
  from = w,
): number {
  const square = (x: ArrayLike<number>, o: number): number =>
    Array.from({ length: K }, (_, i) => x[o * K + i] ** 2).reduce((sum, one) => sum + one, 0);
  const v = Float64Array.from(w, (x, i) => {
    const o = Math.floor(i / K);
    const variance = ((of.variance[o] + epsilon) * square(w, o)) / square(from, o);
    return (x * gain[o]) / Math.sqrt(variance);
  });
  const norms = groupNorms(kernels, structure, v as unknown as Float32Array, shape);
  return norms.reduce((sum, norm) => sum + lambda * norm, 0);
}

describe.each(all.map((structure) => [structure.name, structure] as const))("folded groups of %s", (_, structure) => {
  test("have the value of the definition and its gradient, for weights and gains", () => {
    const [w, of] = [normals(O * K), folding()];
    const penalty = foldedGroupLasso(kernels, lambda, structure, shape, of);
    expect(penalty.value(w)).toBeCloseTo(definition(structure, w, of.gain, of), 5);
    const gradient = new Float32Array(O * K).fill(1);
    penalty.addGradient(gradient, w);
    const slope = (at: (step: number) => number): number => (at(1e-6) - at(-1e-6)) / 2e-6;
    const changed = (x: Float32Array, i: number, step: number) =>
      Object.assign(Float64Array.from(x), { [i]: x[i] + step });
    for (let i = 0; i < O * K; i++) {
      const found = slope((step) => definition(structure, changed(w, i, step), of.gain, of, w));
      expect(Math.abs(1 + found - gradient[i])).toBeLessThan(1e-5);
    }
    for (let o = 0; o < O; o++) {
      const found = slope((step) => definition(structure, w, changed(of.gain, o, step), of));
      expect(Math.abs(found - of.gainGradient[o])).toBeLessThan(1e-5);
    }
  });

  test("the smallest alone are chosen by what is folded, once", () => {
    const [w, of] = [normals(O * K), folding()];
    const penalty = foldedGroupLasso(kernels, lambda, structure, shape, of, { smallest: 0.4 });
    const v = w.map((x, i) => (x * of.gain[Math.floor(i / K)]) / Math.sqrt(of.variance[Math.floor(i / K)] + epsilon));
    const norms = groupNorms(kernels, structure, v, shape);
    const means = groupSizes(structure, shape).map((size, g) => norms[g] / Math.sqrt(size));
    const order = [...means.keys()].sort((a, b) => means[a] - means[b]);
    const chosen = order.slice(0, Math.max(1, Math.round(0.4 * order.length)));
    const sum = lambda * chosen.reduce((sum, g) => sum + norms[g], 0);
    expect(penalty.value(w)).toBeCloseTo(sum, 5);
    // all as many times as large: the choice stays
    expect(penalty.value(w.map((x) => 2 * x))).toBeCloseTo(2 * sum, 4);
  });

  test("the smallest are gone within the rates that are named, whatever they weigh", () => {
    const [w, of] = [normals(O * K), folding()];
    const penalty = foldedGroupLasso(kernels, { within: 2 }, structure, shape, of, { smallest: 0.4 });
    const left = (): number => {
      const v = w.map((x, i) => (x * of.gain[Math.floor(i / K)]) / Math.sqrt(of.variance[Math.floor(i / K)] + epsilon));
      return groupNorms(kernels, structure, v, shape).filter((norm) => norm > 1e-6).length;
    };
    const all = left();
    const step = (): void => {
      for (let i = 0; i < w.length; i++) w[i] *= 1.5;
      penalty.proximal(w, 0.25);
    };
    for (let i = 0; i < 7; i++) step();
    expect(left()).toBe(all);
    step();
    expect(left()).toBe(all - Math.max(1, Math.round(0.4 * all)));
  });

  test("do not push along a row of the weight: its scale is no one's", () => {
    const w = normals(O * K);
    const gradient = new Float32Array(O * K);
    foldedGroupLasso(kernels, lambda, structure, shape, folding()).addGradient(gradient, w);
    for (let o = 0; o < O; o++) {
      const along = w.subarray(o * K, (o + 1) * K).reduce((sum, x, i) => sum + x * gradient[o * K + i], 0);
      expect(Math.abs(along)).toBeLessThan(1e-5);
    }
  });

  test("cost the same whatever the scale of the weight is; raw groups do not", () => {
    const [w, of] = [normals(O * K), folding()];
    const [larger, scaled] = [w.map((x) => 3 * x), { ...of, variance: of.variance.map((x) => 9 * x) }];
    const cost = (w: Float32Array, of: Folding): number =>
      foldedGroupLasso(kernels, lambda, structure, shape, of).value(w);
    const raw = groupLasso(kernels, lambda, structure, shape);
    expect(cost(larger, scaled) / cost(w, of)).toBeCloseTo(1, 4);
    expect(raw.value(larger) / raw.value(w)).toBeCloseTo(3, 4);
  });
});

describe("proximal steps of folded groups", () => {
  const rate = 0.4;
  const best = (cost: (x: Float32Array) => number, x: Float32Array): void => {
    const found = cost(x);
    for (let trial = 0; trial < 300; trial++) {
      const size = 10 ** (-3 * random.uniform());
      expect(cost(x.map((one) => one + size * random.normal()))).toBeGreaterThan(found - 1e-6);
    }
  };
  const square = (a: Float32Array, b: Float32Array): number => a.reduce((sum, x, i) => sum + (x - b[i]) ** 2 / 2, 0);

  test("of filters find the best gains, and take shifts with gains that are zero", () => {
    const [w, gain] = [normals(O * K), Float32Array.of(0.1, 1, -1.5, 2, -0.05)];
    const of = folding(gain.slice());
    const before = w.slice();
    foldedGroupLasso(kernels, lambda, groupStructure("filter"), shape, of).proximal(w, rate);
    expect(w).toEqual(before);
    best((x) => square(x, gain) + rate * definition(groupStructure("filter"), w, x, of), of.gain);
    expect([...of.gain].map((x) => x === 0)).toEqual([true, false, false, false, true]);
    expect([...of.shift].map((x) => x === 0)).toEqual([true, false, false, false, true]);
  });

  test.each(["filter-2d", "block 1x5"])("of %s, whose entries have one scale, find the best weights", (name) => {
    const [w, of] = [normals(O * K), folding()];
    const [before, gain] = [w.slice(), of.gain.slice()];
    foldedGroupLasso(kernels, lambda, groupStructure(name), shape, of).proximal(w, rate);
    expect(of.gain).toEqual(gain);
    const variance = of.variance;
    const cost = (x: Float32Array): number => {
      const v = x.map((one, i) => (one * gain[Math.floor(i / K)]) / Math.sqrt(variance[Math.floor(i / K)] + epsilon));
      const norms = groupNorms(kernels, groupStructure(name), v, shape);
      return square(x, before) + rate * lambda * norms.reduce((sum, norm) => sum + norm, 0);
    };
    best(cost, w);
  });

  test("of columns shrink a column as one, by what it weighs in the outputs that count", () => {
    const [w, of] = [normals(O * K), folding(Float32Array.of(1, 1, 1, 0, 1))];
    const column = (x: Float32Array, c: number): number[] => [0, 1, 2, 3, 4].map((o) => x[o * K + c]);
    // small where it counts, large where it does not
    for (let o = 0; o < O; o++) w[o * K] = o === 3 ? 9 : 1e-3;
    const before = w.slice();
    foldedGroupLasso(kernels, lambda, groupStructure("column"), shape, of).proximal(w, rate);
    expect(column(w, 0)).toEqual([0, 0, 0, 0, 0]);
    for (let c = 1; c < K; c++) {
      const factors = column(w, c).map((x, o) => x / column(before, c)[o]);
      for (const factor of factors) expect(factor).toBeCloseTo(factors[0], 5);
      expect(factors[0]).toBeLessThan(1);
    }
  });
});

test("the threshold of folded groups compares what is multiplied", () => {
  const w = new Float32Array(O * K).fill(1e-6);
  const of = { ...folding(Float32Array.of(1, 1e-7, 1, 1, 1)), variance: new Float32Array(O).fill(1e-12), epsilon: 0 };
  w[0] = 1e-12;
  foldedGroupLasso(kernels, lambda, groupStructure("row"), shape, of).threshold!(w, 1e-4);
  expect([...of.gain].map((x) => x === 0)).toEqual([false, true, false, false, false]);
  expect(w.indexOf(0)).toBe(0);
  expect(w.filter((x) => x === 0).length).toBe(1);
});
