import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Random } from "../random.ts";
import { assignment } from "./assignment.ts";
import { greedyAssignment } from "./greedy-assignment.ts";

const sum = (cost: ArrayLike<number>, columns: ArrayLike<number>): number =>
  Array.from(columns).reduce((total, column, row) => total + cost[row * columns.length + column], 0);

const uniform = (random: Random, n: number): number[] => Array.from({ length: n }, () => random.uniform());

/** All orders of 0 .. n - 1. */
function orders(n: number): number[][] {
  if (n === 0) return [[]];
  return orders(n - 1).flatMap((order) => Array.from({ length: n }, (_, at) => order.toSpliced(at, 0, n - 1)));
}

/** Costs [n, n]: with ties, with numbers that are no sums of powers of two, or of any size. */
const costs = fc.integer({ min: 1, max: 6 }).chain((n) => {
  const list = fc.oneof(
    fc.array(fc.integer({ min: 0, max: 2 }), { minLength: n * n, maxLength: n * n }),
    fc.array(
      fc.integer({ min: 0, max: 30 }).map((value) => value / 7),
      { minLength: n * n, maxLength: n * n },
    ),
    fc.array(fc.double({ min: -1e3, max: 1e3, noNaN: true }), { minLength: n * n, maxLength: n * n }),
  );
  return list.map((values) => ({ n, cost: Float64Array.from(values, (value) => (Number.isNaN(value) ? 0 : value)) }));
});

describe("the assignment of the least sum", () => {
  test("by hand: what is nearest first costs more", () => {
    const cost = Float64Array.of(0, 0.1, 0.1, 1);
    expect(assignment(cost, 2)).toEqual(Int32Array.of(1, 0));
    expect(greedyAssignment(cost, 2)).toEqual(Int32Array.of(0, 1));
    expect(assignment(new Float64Array(0), 0)).toEqual(new Int32Array(0));
  });

  test("costs what the cheapest of all orders costs", () => {
    fc.assert(
      fc.property(costs, ({ n, cost }) => {
        const columns = assignment(cost, n)!;
        expect([...columns].sort((a, b) => a - b)).toEqual(Array.from({ length: n }, (_, j) => j));
        const least = Math.min(...orders(n).map((order) => sum(cost, order)));
        const scale = Math.max(1, ...cost.map(Math.abs));
        expect(Math.abs(sum(cost, columns) - least)).toBeLessThanOrEqual(1e-12 * scale);
      }),
      { numRuns: 300 },
    );
  });

  test("is the one that is known, of more rows than orders can be tried of", () => {
    const random = new Random(8);
    for (const n of [30, 64, 101]) {
      // the cost of a pair is a number of its row plus one of its column, and more for all pairs but those of `order`
      const [rows, columns, order] = [uniform(random, n), uniform(random, n), random.permutation(n)];
      const cost = Float64Array.from({ length: n * n }, (_, at) => {
        const [i, j] = [Math.floor(at / n), at % n];
        return rows[i] + columns[j] + (order[i] === j ? 0 : 0.01 + random.uniform());
      });
      expect([...assignment(cost, n)!]).toEqual([...order]);
    }
  });

  test("is none when the search would look at more entries than it may", () => {
    // all rows like the first column best, and nearly all have to give up theirs
    const n = 40;
    const cost = Float64Array.from({ length: n * n }, (_, at) => (Math.floor(at / n) + 1) * ((at % n) + 1));
    expect(assignment(cost, n)).toEqual(Int32Array.from({ length: n }, (_, i) => n - 1 - i));
    expect(assignment(cost, n, n * n)).toBeNull();
  });
});

describe("the greedy assignment", () => {
  test("takes the least of what is left, pair after pair", () => {
    fc.assert(
      fc.property(
        fc
          .integer({ min: 1, max: 7 })
          .chain((n) =>
            fc
              .uniqueArray(fc.integer({ min: 0, max: 65535 }), { minLength: n * n, maxLength: n * n })
              .map((values) => ({ n, cost: Float64Array.from(values, (value) => value / 65535) })),
          ),
        ({ n, cost }) => {
          const found = new Map<number, number>();
          while (found.size < n) {
            const free = [...cost.keys()].filter(
              (at) => !found.has(Math.floor(at / n)) && ![...found.values()].includes(at % n),
            );
            const least = free.reduce((a, b) => (cost[b] < cost[a] ? b : a));
            found.set(Math.floor(least / n), least % n);
          }
          expect([...greedyAssignment(cost, n)]).toEqual(Array.from({ length: n }, (_, i) => found.get(i)));
        },
      ),
    );
  });
});
