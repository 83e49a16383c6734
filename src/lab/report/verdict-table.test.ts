import { describe, expect, test } from "vitest";
import { type Equal, summarizeMethods, verdictOn } from "../runs/against-dense.ts";
import type { Comparison } from "../runs/compare.ts";
import type { RunResult } from "../runs/together.ts";
import { verdictText } from "./verdict-table.ts";

const plan = { forward: "dense", inputGrad: "dense", weightGrad: "dense" } as const;
const run = (seed: number, loss: number, more: Partial<RunResult> = {}): RunResult =>
  ({
    ...{ strategy: null, method: "dense", pattern: null, plan, seed, steps: 100, loss, accuracy: 1 - loss },
    ...{ seconds: 10, speedUp: { median: 1, q1: 1, q3: 1 }, equalLoss: null },
    ...more,
  }) as RunResult;
const sparse = {
  strategy: "fully-sparse",
  method: "s-ste",
  pattern: "2:4v2",
  plan: { ...plan, forward: "sparse" },
} as const;

/** Over three seeds: dense at losses of 0.5, 0.4 and 0.3, and runs that are less by these differences. */
function compared(differences: readonly number[], more: Partial<RunResult> = {}, equal: Equal = "time"): string {
  const bySeed = differences.map((by, i) => {
    const loss = 0.5 - i / 10;
    return [run(i, loss), run(i, loss - by, { ...sparse, steps: 130, ...more })];
  });
  const methods = summarizeMethods(bySeed);
  const machine = { cpu: "a processor", cores: 2, node: "v20", backend: "native", instructionSet: "avx2", threads: 1 };
  return verdictText({
    ...{ machine: { ...machine, load: [0, 0] }, runs: bySeed.flat(), seeds: methods[0].seeds, equal, search: [] },
    ...{ methods, verdict: verdictOn(methods) },
  } as unknown as Comparison);
}

const flat = (text: string): string => text.replaceAll("\n", " ");

describe("the verdict of a comparison", () => {
  test("says in one sentence which is better, by how much, and what to do", () => {
    expect(flat(compared([0.1, 0.11, 0.105]))).toMatch(
      /^On this machine, after equal time, fully-sparse 2:4v2 is better than dense: its test loss is lower by 0\.105 ± 0\.012 \(95 %, 3 seeds\)\. Use it\. ┌/,
    );
    expect(flat(compared([-0.1, -0.11, -0.105], {}, "steps"))).toMatch(
      /^On this machine, after as many steps, dense is better than fully-sparse 2:4v2: the test loss of fully-sparse 2:4v2 is higher by 0\.105 ± 0\.012 \(95 %, 3 seeds\)\. Stay with dense\. ┌/,
    );
  });

  test("says plainly that it is undecided, within chance and with one seed", () => {
    expect(flat(compared([0.1, -0.1, 0.05]))).toMatch(
      /^Undecided: on this machine, after equal time, the test losses of fully-sparse 2:4v2 and dense do not differ beyond chance: -0\.017 ± 0\.259 \(95 %, 3 seeds\)\./,
    );
    expect(flat(compared([0.1]))).toMatch(/^Undecided: one seed cannot tell a difference .* such as --seeds 5\. ┌/);
    expect(compared([0.1])).toContain("One seed: differences may be chance");
  });

  test("has one table of at most 100 columns, dense first", () => {
    const text = compared([0.1, 0.11, 0.105], { speedUp: { median: 1.2, q1: 1, q3: 2 } });
    const lines = text.split("\n");
    expect(text.match(/┌/g)).toHaveLength(1);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(100);
    const rows = lines.filter((line) => /^│ (dense|fully)/.test(line));
    expect(rows[0]).toMatch(/^│ dense +│ +0\.4000 │ +│ +60\.00 │ +│ +1 │$/);
    expect(rows[1]).toMatch(/│ +0\.2950 │ +-0\.105 ± 0\.012 │ +70\.50 │ +\+10\.50 ± 1\.24 │ +1\.20 ± 0\.00 │$/);
    expect(text).toContain("Trained: dense 100 steps, 10.0 s; fully-sparse 2:4v2 130 steps, 10.0 s.");
  });

  test("warns where the times came out unequal, and calls slower steps so", () => {
    expect(flat(compared([0.1, 0.11, 0.1], { seconds: 13 }))).toContain("The times are not equal");
    expect(flat(compared([0.1, 0.11, 0.1], { seconds: 13 }, "steps"))).not.toContain("The times are not equal");
    expect(compared([0.1, 0.11, 0.1], { speedUp: { median: 0.9, q1: 0.8, q3: 1 } })).toContain("slower: 0.90 ± 0.00");
  });

  test("tells the race to equal loss with its interval", () => {
    const equalLoss = { loss: 0.3, denseSeconds: 9, seconds: 6 };
    expect(flat(compared([0.1, 0.11, 0.1], { equalLoss }))).toContain("is 1.50 ± 0.00 times as fast as dense.");
  });
});
