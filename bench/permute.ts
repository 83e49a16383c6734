/**
 * Measures how far searches for an order of columns get, and how long they take: uniform random matrices under 2:4,
 * mean of seeds.
 *
 *   npx tsx bench/permute.ts [--seeds 5] [--json FILE]
 *
 * Efficacy is the share of the way from the given order to the bound, which is the larger half of each row.
 */
import { writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { Random } from "../src/core/random.ts";
import { type PermutationOptions, searchPermutation } from "../src/core/sparse/permutation/search.ts";

const { values: options } = parseArgs({
  options: { seeds: { type: "string", default: "5" }, json: { type: "string" } },
});
const searches: Readonly<Record<string, PermutationOptions>> = {
  "windows of 8": { escapes: 0 },
  "windows of 8, 100 escapes": { escapes: 100 },
  "windows of 8, 1000 escapes": { escapes: 1000 },
  swaps: { method: "swap", escapes: 0 },
  "swaps, 100 escapes": { method: "swap", escapes: 100 },
  "windows of 12": { window: 12, escapes: 0 },
  "windows of 12, 100 escapes": { window: 12, escapes: 100 },
  "1000 random orders": { method: "random", draws: 1000 },
};
const matrices: readonly (readonly [rows: number, columns: number, searches: readonly string[], seeds: number])[] = [
  [128, 64, Object.keys(searches), Number(options.seeds)],
  [512, 512, ["windows of 8", "windows of 8, 100 escapes", "swaps", "swaps, 100 escapes"], 1],
  [1024, 1024, ["windows of 8", "windows of 8, 100 escapes"], 1],
];

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
const [load] = loadavg();
const found = matrices.flatMap(([rows, columns, names, seeds]) =>
  names.map((search) => {
    const runs = Array.from({ length: seeds }, (_, i) => {
      const random = new Random(i + 1);
      const scores = Float32Array.from({ length: rows * columns }, () => random.uniform());
      const begin = performance.now();
      const { before, after, bound, efficacy } = searchPermutation(
        scores,
        rows,
        columns,
        { n: 2, m: 4 },
        searches[search],
      );
      return { before, after, bound, efficacy, ms: performance.now() - begin };
    });
    const of = (key: keyof (typeof runs)[number]): number => mean(runs.map((run) => run[key]));
    const numbers = {
      before: of("before"),
      after: of("after"),
      bound: of("bound"),
      efficacy: of("efficacy"),
      ms: of("ms"),
    };
    console.log(
      `${rows} x ${columns}, ${search}: kept ${numbers.after.toFixed(1)}, ${(100 * numbers.efficacy).toFixed(1)} %, ${numbers.ms.toFixed(0)} ms`,
    );
    return { matrix: `${rows} x ${columns}`, search, seeds, ...numbers };
  }),
);
const machine = { cpu: cpus()[0].model.trim(), threads: 1, load: [load, loadavg()[0]] };
if (options.json !== undefined)
  writeFileSync(options.json, `${JSON.stringify({ machine, searches: found }, null, 1)}\n`);
