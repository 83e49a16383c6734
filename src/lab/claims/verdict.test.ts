import { describe, expect, test } from "vitest";
import { Random } from "../../core/random.ts";
import { judge, verdictOfAll } from "./verdict.ts";

const of = (values: readonly number[], bounds: object) => judge([{ values, ...bounds }])[0];

describe("the verdict on a condition", () => {
  test("needs the whole interval on one side of its bound, where it is the only one", () => {
    const values = [1, 2, 6];
    // the interval is 3 ± 6.57
    expect(of(values, { atMost: 9.6 }).verdict).toBe("holds");
    expect(of(values, { atMost: 9.5 }).verdict).toBe("not decided at this scale");
    expect(of(values, { atLeast: -3.6 }).verdict).toBe("holds");
    expect(of(values, { atLeast: 9.6 }).verdict).toBe("does not hold");
    expect(of(values, { atMost: -3.6 }).verdict).toBe("does not hold");
  });

  test("needs more where there are others: their p values are adjusted", () => {
    const near = { values: [1, 2, 3], atLeast: -0.6 };
    const [alone] = judge([near]);
    expect(alone.verdict).toBe("holds");
    const [first, second] = judge([near, { values: [0, 1], atLeast: 0 }]);
    expect(first.p).toBeCloseTo(2 * alone.p, 12);
    expect(first.verdict).toBe("not decided at this scale");
    // the interval is the plain one
    expect(first.value).toEqual(alone.value);
    expect(second.verdict).toBe("not decided at this scale");
  });

  test("of one value is none", () => {
    expect(of([3], { atLeast: 0 })).toMatchObject({ p: 1, verdict: "not decided at this scale" });
  });

  test("needs no test where nothing varies; a mean at the bound keeps to it", () => {
    expect(of([2, 2, 2], { atLeast: 2 }).verdict).toBe("holds");
    expect(of([2, 2, 2], { atMost: 1 }).verdict).toBe("does not hold");
  });

  test("with two bounds holds between both, and does not hold beyond either", () => {
    const values = [0.9, 1, 1.1];
    expect(of(values, { atLeast: 0, atMost: 2 }).verdict).toBe("holds");
    expect(of(values, { atLeast: 0, atMost: 1.2 }).verdict).toBe("not decided at this scale");
    expect(of(values, { atLeast: -1, atMost: 0 }).verdict).toBe("does not hold");
    expect(of(values, { atLeast: 3, atMost: 4 }).verdict).toBe("does not hold");
  });

  test.each([{ atMost: 0 }, { atLeast: 0 }, { atLeast: 0, atMost: 8 }])(
    "is wrong in at most 5 of 100 cases at the bound itself: %o",
    (bounds) => {
      const [random, trials] = [new Random(2), 4000];
      let decided = 0;
      for (let i = 0; i < trials; i++) {
        const values = Array.from({ length: 4 }, () => random.normal());
        decided += Number(of(values, bounds).verdict !== "not decided at this scale");
      }
      expect(decided / trials).toBeLessThan(0.05 + 4 * Math.sqrt((0.05 * 0.95) / trials));
      expect(decided / trials).toBeGreaterThan(0.02);
    },
  );
});

test("the verdict on a claim is that on its weakest part", () => {
  expect(verdictOfAll(["holds", "holds"])).toBe("holds");
  expect(verdictOfAll(["holds", "not decided at this scale"])).toBe("not decided at this scale");
  expect(verdictOfAll(["not decided at this scale", "does not hold"])).toBe("does not hold");
  expect(verdictOfAll([])).toBe("not decided at this scale");
});
