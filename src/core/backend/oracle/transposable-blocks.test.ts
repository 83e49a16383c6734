import { expect, test } from "vitest";
import { Random } from "../../random.ts";
import { transposableBlock } from "./transposable-blocks.ts";

const random = new Random(5);
const draws: Record<string, () => number> = {
  normal: () => Math.abs(random.normal()),
  tied: () => random.integer(3),
  "heavy-tailed": () => Math.exp(4 * random.normal()),
};
const weigh = (size: readonly number[], kept: readonly boolean[]): number =>
  size.reduce((sum, x, at) => sum + (kept[at] ? x : 0), 0);

/** Whether n are kept in each row and each column. */
function isLegal(kept: readonly boolean[], n: number, m: number): boolean {
  const line = (first: number, apart: number): number =>
    Array.from({ length: m }, (_, i) => (kept[first + i * apart] ? 1 : 0)).reduce((a: number, b) => a + b, 0);
  return Array.from({ length: m }, (_, i) => line(i * m, 1) === n && line(i, m) === n).every(Boolean);
}

/** All masks that keep n of m in each row and each column. */
function allMasks(n: number, m: number): boolean[][] {
  const rows = Array.from({ length: 2 ** m }, (_, bits) =>
    Array.from({ length: m }, (__, c) => ((bits >> c) & 1) === 1),
  ).filter((row) => row.filter(Boolean).length === n);
  let masks: boolean[][] = [[]];
  for (let row = 0; row < m; row++) masks = masks.flatMap((mask) => rows.map((next) => [...mask, ...next]));
  return masks.filter((mask) => isLegal(mask, n, m));
}

for (const [n, m, count] of [
  [1, 2, 2],
  [1, 3, 6],
  [2, 3, 6],
  [1, 4, 24],
  [2, 4, 90],
  [3, 4, 24],
] as const) {
  for (const [name, draw] of Object.entries(draws)) {
    test(`${n}:${m}, ${name}: the exact mask is the best of all ${count}; greedy keeps half of it and prunes at most twice as much`, () => {
      const masks = allMasks(n, m);
      expect(masks.length).toBe(count);
      for (let trial = 0; trial < 200; trial++) {
        const size = Array.from({ length: m * m }, draw);
        const [all, best] = [
          weigh(
            size,
            size.map(() => true),
          ),
          Math.max(...masks.map((mask) => weigh(size, mask))),
        ];
        const [exact, greedy] = [0, 1].map((solver) => transposableBlock(size, n, m, solver));
        for (const mask of [exact, greedy]) expect(isLegal(mask, n, m)).toBe(true);
        expect(weigh(size, exact)).toBeGreaterThanOrEqual(best * (1 - 1e-12));
        expect(weigh(size, greedy)).toBeGreaterThanOrEqual((best / 2) * (1 - 1e-12));
        expect(all - weigh(size, greedy)).toBeLessThanOrEqual(2 * (all - best) + 1e-12 * all);
      }
    });
  }
}

test.each([
  [3, 5],
  [4, 8],
  [2, 8],
  [7, 8],
  [8, 16],
  [1, 16],
  [15, 16],
])("%i:%i: masks are legal, and greedy is between the half of exact and exact", (n, m) => {
  for (const draw of Object.values(draws)) {
    for (let trial = 0; trial < 10; trial++) {
      const size = Array.from({ length: m * m }, draw);
      const [exact, greedy] = [0, 1].map((solver) => transposableBlock(size, n, m, solver));
      for (const mask of [exact, greedy]) expect(isLegal(mask, n, m)).toBe(true);
      const best = weigh(size, exact);
      const all = weigh(
        size,
        size.map(() => true),
      );
      expect(weigh(size, greedy)).toBeLessThanOrEqual(best * (1 + 1e-12));
      expect(weigh(size, greedy)).toBeGreaterThanOrEqual((best / 2) * (1 - 1e-12));
      expect(all - weigh(size, greedy)).toBeLessThanOrEqual(2 * (all - best) + 1e-12 * all);
    }
  }
});

/** Hubara et al. 2021: from light to heavy, what lies in a row or a column that keeps too much. */
function pruneGreedy(size: readonly number[], n: number, m: number): boolean[] {
  const kept = size.map(() => true);
  const [rows, columns] = [Array<number>(m).fill(m - n), Array<number>(m).fill(m - n)];
  for (const at of [...size.keys()].sort((a, b) => size[a] - size[b] || b - a)) {
    const [row, column] = [Math.floor(at / m), at % m];
    if (rows[row] <= 0 && columns[column] <= 0) continue;
    kept[at] = false;
    rows[row]--;
    columns[column]--;
  }
  return kept;
}

test("prune-greedy keeps what is among the n heaviest of its row and its column: less than keep-greedy", () => {
  let short = 0;
  for (let trial = 0; trial < 300; trial++) {
    const [n, m] = [1 + random.integer(3), 4];
    const size = Array.from({ length: m * m }, () => 1 + random.uniform());
    const [pruned, greedy] = [pruneGreedy(size, n, m), transposableBlock(size, n, m, 1)];
    const heavier = (at: number, line: (i: number) => number): number =>
      Array.from({ length: m }, (_, i) => size[line(i)]).filter((x) => x > size[at]).length;
    pruned.forEach((kept, at) => {
      const [row, column] = [Math.floor(at / m), at % m];
      const among = heavier(at, (i) => row * m + i) < n && heavier(at, (i) => i * m + column) < n;
      expect(kept).toBe(among);
    });
    if (pruned.filter(Boolean).length < n * m) short++;
    expect(weigh(size, greedy)).toBeGreaterThanOrEqual(weigh(size, pruned));
  }
  expect(short).toBeGreaterThan(100);
});
