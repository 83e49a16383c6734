import fc from "fast-check";
import { expect, test } from "vitest";
import { Random } from "../../../random.ts";
import { lowRank } from "./low-rank.ts";

const drawn = (length: number, seed: number): Float64Array => {
  const random = new Random(seed);
  return Float64Array.from({ length }, () => random.normal());
};

function error(w: ArrayLike<number>, rows: number, columns: number, rank: number): number {
  const { left, right } = lowRank(w, rows, columns, rank);
  let sum = 0;
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      let product = 0;
      for (let r = 0; r < rank; r++) product += left[i * rank + r] * right[r * columns + j];
      sum += (w[i * columns + j] - product) ** 2;
    }
  }
  return sum;
}

test("the squared error of rank r is the sum of the squares of the singular values beyond r", () => {
  const size = fc.integer({ min: 1, max: 9 });
  fc.assert(
    fc.property(size, size, fc.nat(), (rows, columns, seed) => {
      const w = drawn(rows * columns, seed);
      const { singularValues } = lowRank(w, rows, columns, 0);
      for (let rank = 0; rank <= Math.min(rows, columns); rank++) {
        const tail = singularValues.slice(rank).reduce((sum, value) => sum + value ** 2, 0);
        expect(error(w, rows, columns, rank)).toBeCloseTo(tail, 9);
      }
    }),
  );
});

test("singular values of a matrix by hand: [[3, 0], [4, 5]] has 3 sqrt 5 and sqrt 5", () => {
  const { singularValues } = lowRank([3, 0, 4, 5], 2, 2, 1);
  expect(singularValues[0]).toBeCloseTo(3 * Math.sqrt(5), 12);
  expect(singularValues[1]).toBeCloseTo(Math.sqrt(5), 12);
});

test("a rank that there is not is refused", () => {
  expect(() => lowRank([1, 2, 3, 4], 2, 2, 3)).toThrow("low rank: expected a rank of 0 to 2, got 3.");
});
