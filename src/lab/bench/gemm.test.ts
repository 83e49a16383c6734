import { expect, test } from "vitest";
import { PRODUCTS } from "../../core/backend/families/products.ts";
import { jsKernels } from "../../core/backend/js.ts";
import { parsePattern } from "../../core/sparse/pattern.ts";
import { interleave } from "../statistics/interleave.ts";
import { benchGemm, benchGemv, convSize } from "./gemm.ts";

test("every product is timed under each pattern that fits its contraction, and runs the sparse kernel", () => {
  const patterns = ["2:4", "1:4v2", "2:8"].map(parsePattern);
  for (const gemm of PRODUCTS) {
    const kernels = jsKernels();
    const before = kernels.multiplies();
    const cases = benchGemm(kernels, gemm, { t: 4, i: 12, o: 20 }, { patterns, rounds: 5 });
    // 2:8 tiles none of 4, 12 and 20
    const fixed = { forward: [], inputGrad: ["transposable 2:4"], weightGrad: ["alternate 1:2"] }[gemm];
    expect(cases.map(({ pattern }) => pattern)).toEqual(["2:4", "1:4v2", ...fixed]);
    const dense = 4 * 12 * 20;
    expect(kernels.multiplies() - before).toBe(6 * (dense + dense / 2 + dense / 4 + (fixed.length * dense) / 2));
    for (const one of cases) {
      expect(one).toMatchObject({ gemm, t: 4, i: 12, o: 20, threads: 1, backend: "js", packing: true });
      expect(one.ratio).toBeGreaterThan(0);
    }
  }
});

test("a convolution is timed under each pattern that fits its channels, its outputs and its positions", () => {
  const patterns = ["2:4", "2:8", "1:3"].map(parsePattern);
  const conv = { batch: 2, height: 5, width: 3, channels: 8, kernel: 3, stride: 2, out: 4 };
  const size = convSize(conv);
  expect(size).toEqual({ t: 2 * 3 * 2, i: 9 * 8, o: 4, conv });
  // 9 taps are a multiple of 3, but groups lie within one
  const fitting = {
    forward: ["2:4", "2:8"],
    inputGrad: ["2:4", "transposable 2:4"],
    weightGrad: ["2:4", "1:3", "alternate 1:2"],
  };
  for (const product of PRODUCTS) {
    const cases = benchGemm(jsKernels(), product, size, { patterns, rounds: 1 });
    expect(cases.map(({ pattern }) => pattern)).toEqual(fitting[product]);
    for (const one of cases) expect(one).toMatchObject({ gemm: "conv", product, ...size, threads: 1 });
  }
});

test("gemv is timed from slices that are ready, few rows on them and more on the pack", () => {
  const kernels = jsKernels();
  for (const t of [1, 40]) {
    const before = kernels.multiplies();
    const cases = benchGemv(kernels, { t, i: 8, o: 16 }, { patterns: ["2:4", "3:5"].map(parsePattern), rounds: 5 });
    expect(kernels.multiplies() - before).toBe(6 * (t * 8 * 16) * 1.5);
    expect(cases).toMatchObject([{ gemm: "gemv", t, i: 8, o: 16, pattern: "2:4", packing: false }]);
  }
});

test("variants run in turn, and the first rounds are not counted", () => {
  const calls: string[] = [];
  const timed = interleave({ a: () => calls.push("a"), b: () => calls.push("b") }, 5, 60);
  expect(calls.join("")).toBe("ab".repeat(6));
  expect(timed.map(({ name, ratio }) => [name, ratio.median > 0])).toEqual([
    ["a", true],
    ["b", true],
  ]);
  expect(timed[0].ratio).toEqual({ median: 1, q1: 1, q3: 1 });
});

test("a case ends when its time is over, after one counted round at least", () => {
  let calls = 0;
  interleave({ slow: () => calls++ }, 100, 0);
  expect(calls).toBe(21);
});
