import { describe, expect, test } from "vitest";
import { denseWeightOf } from "../../../../../test/operands.ts";
import { sgd } from "../../../optim/sgd.ts";
import { isKept, maskOf, named, type Setup, setup } from "./conformance.ts";

const STEPS = 20;
const SHARES = { decayFrom: 0.2, decayUntil: 0.6 };
const run = (words: Record<string, string> = {}, learningRate = 0): Setup =>
  setup(named("mask-decay"), sgd({ learningRate }), "2:4", SHARES, { words, steps: STEPS });

/** The d of each step; NaN where the products are dense. Weights do not move. */
function decays(words: Record<string, string>): number[] {
  const { weight, sparsity, step } = run(words);
  return Array.from({ length: STEPS }, () => {
    step();
    const used = denseWeightOf(weight);
    if (sparsity.checkpoint().get("sparsity/fc1.weight.mask") === undefined) {
      expect([...used]).toEqual([...weight.data]);
      return Number.NaN;
    }
    const { mask } = maskOf({ sparsity });
    const ratios = [...used].flatMap((value, i) => {
      if (!isKept(mask, i)) return [value / weight.data[i]];
      expect(value).toBe(weight.data[i]);
      return [];
    });
    for (const ratio of ratios) expect(ratio).toBeCloseTo(ratios[0], 4);
    return ratios[0];
  });
}

describe("mask decay", () => {
  test("multiplies what is pruned by d: dense, then linear from 1 to 0, then nothing of it", () => {
    const wanted = [1, 7 / 8, 6 / 8, 5 / 8, 4 / 8, 3 / 8, 2 / 8, 1 / 8, 0, 0, 0, 0, 0, 0, 0, 0];
    const found = decays({});
    expect(found.slice(0, 4).every(Number.isNaN)).toBe(true);
    found.slice(4).forEach((d, i) => {
      expect(d).toBeCloseTo(wanted[i], 5);
    });
  });

  test("or by an exponential d, which is cut to 0 at a hundredth", () => {
    decays({ decay: "exponential" })
      .slice(4)
      .forEach((d, i) => {
        expect(d).toBeCloseTo(i < 8 ? 0.01 ** (i / 8) : 0, 5);
      });
  });

  test("with d = 1 is dense bit for bit", () => {
    const decaying = setup(named("mask-decay"), sgd({ learningRate: 0.1 }), "2:4", { decayFrom: 0, decayUntil: 1 });
    const dense = setup(named("asp"), sgd({ learningRate: 0.1 }), "2:4", { pruneAt: 1 });
    expect(decaying.step()).toBe(dense.step());
    expect(decaying.weight.data).toEqual(dense.weight.data);
    expect(decaying.sparsity.checkpoint().has("sparsity/fc1.weight.mask")).toBe(true);
    expect(decaying.step()).not.toBe(dense.step());
  });

  test("is sparse as soon as d is 0; the mask then moves or stays", () => {
    for (const mask of ["moving", "fixed"]) {
      const { sparsity, step } = run({ mask }, 0.5);
      const masks = Array.from({ length: STEPS }, (_, i) => {
        step();
        expect(sparsity.pruned).toBe(i >= 12);
        return i < 12 ? "" : maskOf({ sparsity }).mask.join();
      });
      expect(new Set(masks.slice(12)).size > 1).toBe(mask === "moving");
      expect(sparsity.verify().checked).toMatchObject([{ ok: true, pattern: "2:4" }]);
    }
  });
});
