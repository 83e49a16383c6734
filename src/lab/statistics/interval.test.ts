import { describe, expect, test } from "vitest";
import { Random } from "../../core/random.ts";
import { holm, intervalOf, intervalText, pValue } from "./interval.ts";

describe("the interval of a mean", () => {
  test("rests on the spread of its own values, by hand", () => {
    const { mean, deviation, error, low, high } = intervalOf([1, 2, 6]);
    expect([mean, deviation, error]).toEqual([3, Math.sqrt(7), Math.sqrt(7 / 3)]);
    expect(high).toBeCloseTo(3 + 4.30265273 * Math.sqrt(7 / 3), 8);
    expect(low).toBeCloseTo(6 - high, 12);
  });

  test("has no ends for one value, and no width where all are equal", () => {
    expect(intervalOf([3])).toMatchObject({ mean: 3, low: -Infinity, high: Infinity });
    expect(intervalOf([3, 3])).toMatchObject({ mean: 3, deviation: 0, low: 3, high: 3 });
  });

  test("leaves a bound out just where the p value is below 0.05", () => {
    const random = new Random(3);
    for (let i = 0; i < 300; i++) {
      const values = Array.from({ length: 2 + (i % 7) }, () => random.normal());
      const { low, high } = intervalOf(values);
      expect(pValue(values, 0.7) < 0.05).toBe(low > 0.7 || high < 0.7);
    }
  });

  test.each([3, 4, 5, 7, 10])(
    "holds the truth 95 times of 100 under shared dense runs and unequal spreads, of %d seeds",
    (seeds) => {
      // spreads of the variants are 1, 3 and 0.2 of that of dense, whose runs all differences share
      const [random, trials] = [new Random(seeds), 12_000];
      const spreads = [1, 3, 0.2];
      const covered = spreads.map(() => 0);
      for (let trial = 0; trial < trials; trial++) {
        const dense = Array.from({ length: seeds }, () => random.normal());
        spreads.forEach((spread, i) => {
          const { low, high } = intervalOf(dense.map((of) => 2 + spread * random.normal() - of));
          covered[i] += Number(low <= 2 && 2 <= high);
        });
      }
      for (const count of covered) {
        // four standard deviations of a binomial are 0.8 points
        expect(count / trials).toBeGreaterThan(0.94);
        expect(count / trials).toBeLessThan(0.96);
      }
    },
  );
});

describe("p values adjusted by Holm", () => {
  test("are multiplied by how many are left, and keep their order", () => {
    expect(holm([0.01, 0.04, 0.03])).toEqual([0.03, 0.06, 0.06]);
    expect(holm([0.5, 0.6])).toEqual([1, 1]);
    expect(holm([0.02])).toEqual([0.02]);
    expect(holm([])).toEqual([]);
  });

  test("find nothing false in 95 of 100 cases, where four differences share the dense runs", () => {
    const [random, trials] = [new Random(5), 4000];
    let [plain, adjusted] = [0, 0];
    for (let trial = 0; trial < trials; trial++) {
      const dense = Array.from({ length: 5 }, () => random.normal());
      const values = [1, 1, 2, 0.5].map((spread) =>
        pValue(
          dense.map((of) => spread * random.normal() - of),
          0,
        ),
      );
      plain += Number(values.some((p) => p < 0.05));
      adjusted += Number(holm(values).some((p) => p < 0.05));
    }
    // one-sided, at four standard deviations of a binomial; unadjusted ones find something in every eighth case
    expect(adjusted / trials).toBeLessThan(0.05 + 4 * Math.sqrt((0.05 * 0.95) / trials));
    expect(plain / trials).toBeGreaterThan(0.1);
  });
});

test("an interval is written as a mean with half its width", () => {
  expect(intervalText({ mean: 0.5, high: 0.75 }, 2)).toBe("+0.50 ± 0.25");
  expect(intervalText({ mean: -0.5, high: Infinity }, 1)).toBe("-0.5");
  expect(intervalText({ mean: 1.25, high: 1.5 }, 2, false)).toBe("1.25 ± 0.25");
});
