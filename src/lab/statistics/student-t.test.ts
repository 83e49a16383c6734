import { expect, test } from "vitest";
import { twoSidedP, twoSidedQuantile } from "./student-t.ts";

/**
 * Quantiles for 95 %, and p values at 0.5, 2 and 6, by integrating the density with Simpson's rule in 20,000 steps (in
 * Python, with its log-gamma function) and bisection.
 */
const INTEGRATED: readonly (readonly [freedom: number, quantile: number, p: readonly number[]])[] = [
  [1, 12.706204736, [0.704832765, 0.295167235, 0.105136913]],
  [2, 4.30265273, [0.666666667, 0.183503419, 0.026671473]],
  [3, 3.182446305, [0.651447965, 0.139325969, 0.009272715]],
  [4, 2.776445105, [0.643329963, 0.116116524, 0.003882537]],
  [5, 2.570581836, [0.638298872, 0.101939479, 0.001846138]],
  [9, 2.262157163, [0.6290713, 0.076552824, 0.000202499]],
  [30, 2.042272456, [0.620723005, 0.054625045, 0.000001394]],
  [199, 1.971956544, [0.617627512, 0.04686, 0.000000009]],
];

test("quantiles and p values are those of the integrated density", () => {
  for (const [freedom, quantile, p] of INTEGRATED) {
    expect(Math.abs(twoSidedQuantile(0.95, freedom) - quantile)).toBeLessThan(1e-8);
    [0.5, 2, 6].forEach((t, i) => {
      expect(Math.abs(twoSidedP(t, freedom) - p[i])).toBeLessThan(1e-9);
      expect(twoSidedP(-t, freedom)).toBe(twoSidedP(t, freedom));
    });
  }
});

test("with many degrees of freedom it is the normal distribution", () => {
  expect(twoSidedQuantile(0.95, 1_000_000)).toBeCloseTo(1.959966, 5);
  expect(twoSidedP(1.959964, 999_999)).toBeCloseTo(0.05, 6);
});

test("the p value of a quantile is what it leaves", () => {
  for (const level of [0.5, 0.9, 0.99, 0.9999])
    for (const freedom of [1, 2, 7, 20])
      expect(twoSidedP(twoSidedQuantile(level, freedom), freedom)).toBeCloseTo(1 - level, 12);
});

test("other than whole degrees of freedom are refused", () => {
  for (const freedom of [0, -1, 1.5, Number.NaN])
    expect(() => twoSidedP(1, freedom)).toThrow("expected whole degrees of freedom");
});
