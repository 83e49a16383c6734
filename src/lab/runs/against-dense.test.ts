import { describe, expect, test } from "vitest";
import { summarizeMethods, verdictOn } from "./against-dense.ts";
import type { RunResult } from "./together.ts";

const dense = { forward: "dense", inputGrad: "dense", weightGrad: "dense" } as const;
const run = (method: string, seed: number, loss: number, more: Partial<RunResult> = {}): RunResult =>
  ({
    ...{ strategy: null, method, pattern: method === "dense" ? null : "2:4", seed, steps: 10, loss },
    ...{ plan: method === "dense" ? dense : { ...dense, forward: "sparse" }, accuracy: 1 - loss, seconds: 10 },
    ...{ speedUp: { median: 1, q1: 1, q3: 1 }, equalLoss: null },
    ...more,
  }) as RunResult;

/** A comparison for each seed: losses of dense, and of "ste". */
const compared = (losses: readonly (readonly [number, number])[]) =>
  losses.map(([of, own], i) => [run("dense", i + 1, of), run("ste", i + 1, own)]);

describe("methods beside dense", () => {
  test("are paired by seed, so that what seeds share does not count", () => {
    const [base, own] = summarizeMethods(
      compared([
        [1, 0.9],
        [2, 1.9],
        [3, 2.8],
      ]),
    );
    expect(base.beside).toBeNull();
    expect(base.loss).toMatchObject({ mean: 2, deviation: 1 });
    expect(own.seeds).toEqual([1, 2, 3]);
    const { loss, score } = own.beside!;
    expect(loss.mean).toBeCloseTo(-0.4 / 3, 12);
    // differences -0.1, -0.1, -0.2: their deviation is 0.1 / sqrt(3), not that of the losses
    expect(loss.deviation).toBeCloseTo(0.1 / Math.sqrt(3), 12);
    expect(score.mean).toBeCloseTo(40 / 3, 9);
  });

  test("have times beside dense's, and their race only where every seed has one", () => {
    const race = { loss: 0.1, denseSeconds: 9, seconds: 6 };
    const all = [1, 2].map((seed) => [
      run("dense", seed, 1),
      run("ste", seed, 1, { seconds: 10 + seed, speedUp: { median: 1 + seed / 10, q1: 1, q3: 2 }, equalLoss: race }),
    ]);
    const { speedUp, time, equalLoss } = summarizeMethods(all)[1].beside!;
    expect([speedUp.mean, time.mean, equalLoss!.mean]).toEqual([expect.closeTo(1.15), expect.closeTo(1.15), 1.5]);
    const [first, [base, own]] = all;
    expect(summarizeMethods([first, [base, { ...own, equalLoss: null }]])[1].beside!.equalLoss).toBeNull();
  });

  test("without a dense run have none beside them, and no verdict", () => {
    const methods = summarizeMethods([[run("ste", 1, 1), run("sr-ste", 1, 1)]]);
    expect(methods.map(({ beside }) => beside)).toEqual([null, null]);
    expect(verdictOn(methods)).toBeNull();
  });
});

describe("the verdict", () => {
  const of = (losses: readonly (readonly [number, number])[]) => verdictOn(summarizeMethods(compared(losses)));

  test("is decided where the difference is beyond chance", () => {
    expect(
      of([
        [1, 0.9],
        [2, 1.89],
        [3, 2.9],
      ]),
    ).toEqual({ verdict: "better", best: 1 });
    expect(
      of([
        [1, 1.1],
        [2, 2.11],
        [3, 3.1],
      ]),
    ).toEqual({ verdict: "worse", best: 1 });
    expect(
      of([
        [1, 1.1],
        [2, 1.9],
        [3, 2.9],
      ]),
    ).toEqual({ verdict: "undecided", best: 1 });
    expect(of([[1, 0.5]])).toEqual({ verdict: "undecided", best: 1 });
  });

  test("is on the best method, whose p value is adjusted for the number of methods", () => {
    const losses = [0.9, 1.8, 2.88];
    const alone = summarizeMethods(losses.map((loss, i) => [run("dense", i, i + 1), run("ste", i, loss)]));
    const among = summarizeMethods(
      losses.map((loss, i) => [run("dense", i, i + 1), run("lbc", i, i + 1 + (i - 0.5)), run("ste", i, loss)]),
    );
    expect(among[2].beside!.p).toBeCloseTo(2 * alone[1].beside!.p, 12);
    expect(verdictOn(among)!.best).toBe(2);
  });
});
