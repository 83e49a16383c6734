/** Fixed masks with restoration: the shifted gradient is its closed form, and helps where neighbors are alike. */
import { expect, test } from "vitest";
import type { Geometry } from "../../../backend/geometry.ts";
import { jsKernels } from "../../../backend/js.ts";
import { Random } from "../../../random.ts";
import type { FixedMaskChoice } from "../../../sparse/formats/fixed-mask.ts";
import { neighborSimilarity } from "./neighbor-similarity.ts";
import { paired } from "./paired.ts";

const draw = { seed: 1, layer: 2, step: 3 };
const normals = (random: Random, length: number): Float64Array => Float64Array.from({ length }, () => random.normal());

/** Which is kept in place of column c of a row, with the words of the contract of weightGradAlternate. */
function keeper(mask: number, row: number, c: number, width: number): number {
  const pair = c >> 1;
  if (2 * pair + 1 === width) return c;
  const odd = mask === 4 ? pair % 4 < 2 : mask >= 2 ? (row + mask) % 2 === 1 : mask === 1;
  return 2 * pair + Number(odd);
}

test("the shifted gradient times what is kept is the gradient times what is restored, to 1e-12", () => {
  const random = new Random(5);
  const [out, inputs, batch] = [3, 4, 2];
  for (const [rows, width] of [
    [4, 8],
    [3, 7],
    [5, 1],
    [1, 2],
    [2, 13],
  ]) {
    const positions = batch * rows * width;
    const [dy, x] = [normals(random, positions * out), normals(random, positions * inputs)];
    const geometry: Geometry = Int32Array.of(batch, rows, width, inputs, 1, 1, 1, 0, rows, width, out);
    for (const mask of [0, 1, 2, 3, 4]) {
      for (const s of [0, 0.03, 0.5, 1]) {
        const [closed, shifted] = [new Float64Array(out * inputs), new Float64Array(out * inputs)];
        const moved = new Float64Array(positions * out);
        const kept = new Set<number>();
        for (let t = 0; t < positions; t++) {
          const c = t % width;
          const by = t - c + keeper(mask, Math.floor(t / width) % rows, c, width);
          const share = by === t ? 1 : s;
          if (by === t) kept.add(t);
          for (let o = 0; o < out; o++) {
            moved[by * out + o] += share * dy[t * out + o];
            for (let i = 0; i < inputs; i++) closed[o * inputs + i] += dy[t * out + o] * share * x[by * inputs + i];
          }
        }
        for (const t of kept) {
          for (let o = 0; o < out; o++) {
            for (let i = 0; i < inputs; i++) shifted[o * inputs + i] += moved[t * out + o] * x[t * inputs + i];
          }
        }
        const dw = new Float32Array(out * inputs);
        jsKernels().weightGradAlternate(dw, Float32Array.from(dy), Float32Array.from(x), geometry, mask, s, 1);
        closed.forEach((value, at) => {
          expect(Math.abs(shifted[at] - value)).toBeLessThan(1e-12);
          expect(Math.abs(dw[at] - value)).toBeLessThan(1e-5);
        });
        expect(kept.size).toBe(batch * rows * Math.ceil(width / 2));
      }
    }
  }
});

/** Images whose neighbors are correlated by rho along both axes, [8, 16, 16, 4]. */
function images(rho: number): Float32Array {
  const [side, channels] = [16, 4];
  const x = Float32Array.from(normals(new Random(7), 8 * side * side * channels));
  const fresh = Math.sqrt(1 - rho * rho);
  for (const [apart, axis] of [
    [channels, 1],
    [side * channels, side],
  ]) {
    for (let at = apart; at < x.length; at++) {
      const first = Math.floor(at / channels / axis) % side === 0;
      if (!first) x[at] = rho * x[at - apart] + fresh * x[at];
    }
  }
  return x;
}
const geometry: Geometry = Int32Array.of(8, 16, 16, 4, 3, 3, 1, 1, 16, 16, 8);
const gradient = Float32Array.from(normals(new Random(8), 8 * 256 * 8));

function cosine(x: Float32Array, { mask, restore, scale }: FixedMaskChoice): number {
  const kernels = jsKernels();
  const [dense, own] = [new Float32Array(8 * 36), new Float32Array(8 * 36)];
  kernels.weightGrad(dense, gradient, x, geometry);
  kernels.weightGradAlternate(own, gradient, x, geometry, mask, restore, scale);
  const dot = (a: Float32Array, b: Float32Array): number => a.reduce((sum, value, i) => sum + value * b[i], 0);
  return dot(dense, own) / Math.sqrt(dot(dense, dense) * dot(own, own));
}

test("restoration brings the gradient of smooth images nearer to the dense one, and not that of noise", () => {
  const [smooth, noise] = [images(0.9), images(0)];
  const shares = [0, 0.03, 0.25, 0.5, 0.75];
  for (const mask of paired.options.mask.words) {
    const along = (x: Float32Array): number[] =>
      shares.map((restore) => cosine(x, { ...maskOf(x, mask), restore, scale: 1 }));
    const [rising, falling] = [along(smooth), along(noise)];
    expect(rising).toEqual(rising.toSorted((a, b) => a - b));
    expect(rising[0]).toBeLessThan(0.85);
    expect(rising[4]).toBeGreaterThan(0.92);
    expect(falling[4]).toBeLessThan(falling[0]);
  }
});

type Word = (typeof paired.options.mask.words)[number];

const maskOf = (x: Float32Array, mask: Word): FixedMaskChoice => {
  const method = paired({ mask, restore: "measured" });
  if (method.operand !== "activations") throw new Error("of activations");
  return method.keep(x, geometry, draw);
};

test("both of two opposite masks, twice as large, are the whole gradient; the last of an odd row counts once in each", () => {
  const kernels = jsKernels();
  for (const g of [Int32Array.of(2, 3, 7, 4, 3, 3, 1, 1, 3, 7, 5), Int32Array.of(9, 1, 1, 84, 1, 1, 1, 0, 1, 1, 5)]) {
    const [positions, inputs] = [g[0] * g[8] * g[9], g[3] * g[4] * g[5]];
    const [x, dy] = [inputs * g[0] * 21, positions * 5].map((n) => Float32Array.from(normals(new Random(n), n)));
    const [dense, one, other] = [0, 1, 2].map(() => new Float32Array(5 * inputs));
    kernels.weightGrad(dense, dy, x, g);
    for (const [a, b] of [
      [0, 1],
      [2, 3],
    ]) {
      kernels.weightGradAlternate(one, dy, x, g, a, 0, 2);
      kernels.weightGradAlternate(other, dy, x, g, b, 0, 2);
      dense.forEach((value, at) => {
        expect(Math.abs((one[at] + other[at]) / 2 - value)).toBeLessThan(1e-4);
      });
    }
  }
});

test("measured: what neighboring columns have in common, the same whenever the step is taken", () => {
  for (const rho of [0, 0.5, 0.9, 0.99]) {
    const x = images(rho);
    expect(Math.abs(neighborSimilarity(x, geometry, draw) - rho)).toBeLessThan(0.1);
    expect(maskOf(x, "drawn")).toEqual(maskOf(x, "drawn"));
  }
  expect(neighborSimilarity(new Float32Array(8 * 256 * 4), geometry, draw)).toBe(0);
});

test("the words draw from their masks, anew each step", () => {
  const drawn = (word: Word): Set<number> => {
    const method = paired({ mask: word });
    if (method.operand !== "activations") throw new Error("of activations");
    const steps = Array.from({ length: 64 }, (_, step) => method.keep(gradient, geometry, { ...draw, step }).mask);
    return new Set(steps);
  };
  expect(drawn("columns")).toEqual(new Set([1]));
  expect(drawn("checkerboard")).toEqual(new Set([2, 3]));
  expect(drawn("drawn")).toEqual(new Set([1, 2, 3, 4]));
});
