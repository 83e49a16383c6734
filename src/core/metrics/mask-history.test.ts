import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { maskWords } from "../backend/families/masks.ts";
import { jsKernels } from "../backend/js.ts";
import { PackedMatrix } from "../sparse/formats/packed-matrix.ts";
import { divergence, isKept } from "../sparse/mask.ts";
import { type Pattern, parsePattern } from "../sparse/pattern.ts";
import { MaskHistory } from "./mask-history.ts";

const kernels = jsKernels();

function sad(first: Uint32Array, last: Uint32Array): number {
  const history = new MaskHistory(kernels, first.length * 32);
  history.observe(first);
  history.observe(last);
  return history.sad();
}

/** Two masks of one pattern. */
const pairs = fc
  .record({
    text: fc.constantFrom("1:2", "2:4", "1:4", "4:8", "3:6", "1:16", "2:4v2", "1:8v4"),
    rows: fc.integer({ min: 1, max: 6 }),
    groups: fc.integer({ min: 1, max: 20 }),
    seed: fc.array(fc.integer({ min: -50, max: 50 }), { minLength: 40, maxLength: 40 }),
  })
  .map(({ text, rows, groups, seed }) => {
    const pattern = parsePattern(text);
    const k = groups * pattern.m;
    const mask = (factor: number): Uint32Array => {
      const w = Float32Array.from({ length: rows * k }, (_, i) => seed[(i * factor + (i >> 3)) % seed.length]);
      const matrix = new PackedMatrix(kernels, rows, k, pattern);
      matrix.prune(w);
      return matrix.mask;
    };
    return { pattern, rows, k, a: mask(1), b: mask(7) };
  });

describe("SAD", () => {
  test("is the divergence of the first mask and the last, on the words of any mask", () => {
    const masks = fc.uint32Array({ minLength: 3, maxLength: 3 });
    fc.assert(
      fc.property(masks, masks, (a, b) => {
        expect(sad(a, b)).toBe(divergence(a, b));
      }),
    );
  });

  test("of two N:M masks is even in each group and at most 2 min(N, M - N), and the sum of its groups", () => {
    const ofGroup = (a: Uint32Array, b: Uint32Array, k: number, row: number, begin: number, { m }: Pattern): number =>
      Array.from({ length: m }, (_, i) => isKept(a, k, row, begin + i) !== isKept(b, k, row, begin + i)).filter(Boolean)
        .length;
    fc.assert(
      fc.property(pairs, ({ pattern, rows, k, a, b }) => {
        let sum = 0;
        for (let row = 0; row < rows; row++) {
          for (let begin = 0; begin < k; begin += pattern.m) {
            const one = ofGroup(a, b, k, row, begin, pattern);
            expect(one % 2).toBe(0);
            expect(one).toBeLessThanOrEqual(2 * Math.min(pattern.n, pattern.m - pattern.n));
            sum += one;
          }
        }
        expect(a.length).toBe(rows * maskWords(k));
        expect(sad(a, b)).toBe(sum);
      }),
    );
  });
});

describe("a history", () => {
  test("counts the flips of each step, their mean since a mark, and what is left of them from first to last", () => {
    const history = new MaskHistory(kernels, 4);
    const flips = [0b0011, 0b0101, 0b0101, 0b1010, 0b0011].map((mask) => history.observe(Uint32Array.of(mask)));
    expect(flips).toEqual([0, 2, 0, 4, 2]);
    expect(history.latest).toBe(2);
    expect(history.mark()).toBe(8 / 4 / 4);
    expect(history.mark()).toBe(0);
    history.observe(Uint32Array.of(0b0101));
    expect(history.mark()).toBe(2 / 4);
    expect(history.movement()).toEqual({ sad: 2, sadShare: 0.5, flipRate: 10 / 5 / 4 });
  });

  test("goes on from what it saved", () => {
    const [one, other] = [new MaskHistory(kernels, 4), new MaskHistory(kernels, 4)];
    const both = (history: MaskHistory): void => {
      history.observe(Uint32Array.of(0b1001));
      history.observe(Uint32Array.of(0b0110));
    };
    both(one);
    one.mark();
    other.restore(one.first, one.last, one.counts());
    both(one);
    both(other);
    expect(other.movement()).toEqual(one.movement());
    expect(other.mark()).toBe(one.mark());
  });

  test("of a mask seen now and then counts from the step before", () => {
    const history = new MaskHistory(kernels, 4);
    history.rebase(Uint32Array.of(0b1100));
    history.observe(Uint32Array.of(0b0011));
    history.rebase(Uint32Array.of(0b1100));
    expect(history.observe(Uint32Array.of(0b1010))).toBe(2);
    expect(history.sad()).toBe(2);
  });
});
