import { describe, expect, test } from "vitest";
import { Random } from "../../core/random.ts";
import { intervals, studentT, verdictOf, verdictOfAll } from "./verdict.ts";

describe("intervals of differences over few seeds", () => {
  test("share one spread, with as many degrees of freedom as values beyond the means", () => {
    const [a, b] = intervals([
      [1, 2, 3],
      [10, 10, 16],
    ]);
    // squares 2 and 24 over 4 degrees of freedom
    const error = Math.sqrt(26 / 4 / 3);
    expect(a).toMatchObject({ mean: 2, error: expect.closeTo(error, 12) });
    expect(b.low).toBeCloseTo(12 - 2.776 * error, 9);
    expect(b.high).toBeCloseTo(12 + 2.776 * error, 9);
  });

  test("of one value each reach everywhere: nothing is decided", () => {
    const [one] = intervals([[3]]);
    expect(one.mean).toBe(3);
    expect(verdictOf(one, { atLeast: 0 })).toBe("not decided at this scale");
  });

  test("cover the true mean in 95 of 100 cases", () => {
    const random = new Random(11);
    const trials = 4000;
    let covered = 0;
    for (let i = 0; i < trials; i++) {
      const lists = [0, 1].map((truth) => Array.from({ length: 3 }, () => truth + random.normal()));
      const [{ low, high }] = intervals(lists);
      if (low <= 0 && high >= 0) covered++;
    }
    // z-test at 4 standard deviations of a binomial
    expect(Math.abs(covered / trials - 0.95)).toBeLessThan(4 * Math.sqrt((0.95 * 0.05) / trials));
  });

  test("take the normal's quantile where there are many", () => {
    expect(studentT(1)).toBe(12.706);
    expect(studentT(30)).toBe(2.042);
    expect(studentT(31)).toBeCloseTo(2.04, 2);
    expect(studentT(1e9)).toBeCloseTo(1.96, 6);
  });
});

describe("verdicts", () => {
  test("need the whole interval on one side of a bound", () => {
    expect(verdictOf({ low: 0.1, high: 0.2 }, { atLeast: 0 })).toBe("holds");
    expect(verdictOf({ low: -0.2, high: -0.1 }, { atLeast: 0 })).toBe("does not hold");
    expect(verdictOf({ low: -0.1, high: 0.1 }, { atLeast: 0 })).toBe("not decided at this scale");
    expect(verdictOf({ low: 1, high: 3 }, { atLeast: 0, atMost: 2 })).toBe("not decided at this scale");
  });

  test("of a claim are those of its weakest part", () => {
    expect(verdictOfAll(["holds", "holds"])).toBe("holds");
    expect(verdictOfAll(["holds", "not decided at this scale"])).toBe("not decided at this scale");
    expect(verdictOfAll(["not decided at this scale", "does not hold"])).toBe("does not hold");
  });
});
