import { describe, expect, test } from "vitest";
import { Random } from "../../core/random.ts";
import { crossedMean } from "./crossed-error.ts";

describe("the mean over rows and columns", () => {
  test("has the error of the columns alone where rows are alike", () => {
    const row = [1, 2, 3, 6];
    // variance 14 / 3, of a mean of four
    expect(crossedMean([row])).toEqual({ mean: 3, error: Math.sqrt(14 / 12) });
    expect(crossedMean([row, row]).error).toBeCloseTo(Math.sqrt(14 / 12), 12);
  });

  test("has the error of the rows alone where columns are alike", () => {
    const { mean, error } = crossedMean([
      [1, 1],
      [3, 3],
    ]);
    expect([mean, error]).toEqual([2, 1]);
  });

  test("has what its definition says, by hand", () => {
    // means of rows 1 and 4, of columns 2 and 3; mean squares: rows 9, columns 1, rest 1
    expect(
      crossedMean([
        [0, 2],
        [4, 4],
      ]),
    ).toEqual({ mean: 2.5, error: Math.sqrt(9 / 4) });
  });

  test.each([
    [0, 1, 1, 1.3],
    [1, 0, 1, 1.3],
    [0.5, 3, 1, 1.3],
    // an effect that is not there is still never less than none
    [0, 0, 1, 1.8],
  ])(
    "is as far from the truth as it says: effects %d of rows, %d of columns, %d of both",
    (row, column, both, most) => {
      const random = new Random(7);
      const [trials, rows, columns] = [600, 5, 40];
      let [found, said] = [0, 0];
      for (let trial = 0; trial < trials; trial++) {
        const ofColumns = Array.from({ length: columns }, () => column * random.normal());
        const values = Array.from({ length: rows }, () => {
          const ofRow = row * random.normal();
          return ofColumns.map((of) => ofRow + of + both * random.normal());
        });
        const { mean, error } = crossedMean(values);
        found += mean ** 2 / trials;
        said += error ** 2 / trials;
      }
      // the mean of 600 squares has a standard error of 6 %
      expect(said / found).toBeGreaterThan(1 - 4 * Math.sqrt(2 / trials));
      expect(said / found).toBeLessThan(most);
    },
  );

  test("needs as many values in each row", () => {
    expect(() => crossedMean([[1, 2], [1]])).toThrow("crossed mean: expected rows of as many values each");
    expect(() => crossedMean([])).toThrow("got none");
  });
});
