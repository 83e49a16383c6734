import { describe, expect, test } from "vitest";
import { adamW } from "../../../optim/adamw.ts";
import { sgd } from "../../../optim/sgd.ts";
import { named, type Setup, setup } from "./conformance.ts";

const STEPS = 40;
const run = (epsilon: number, numbers: Record<string, number> = {}): Setup =>
  setup(named("step"), adamW({ learningRate: 0.003, epsilon }), "2:4", numbers, { steps: STEPS });
const variances = ({ optimizer }: Setup): Float32Array[] =>
  [...optimizer.state()].filter(([name]) => name.endsWith("moment2")).map(([, array]) => array.slice());

/** Steps before the first sparse one, and the variances of each step. */
function train(setup: Setup): { begin: number; seen: Float32Array[][] } {
  let begin = -1;
  const seen = Array.from({ length: STEPS }, (_, i) => {
    setup.step();
    if (begin < 0 && setup.sparsity.pruned) begin = i;
    return variances(setup);
  });
  return { begin, seen };
}

const mean = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b) / numbers.length;

describe("STEP", () => {
  test("begins at the largest share where the variance does not settle, and keeps it from then on", () => {
    const one = run(1e-30);
    const { begin, seen } = train(one);
    expect(begin).toBe(20);
    for (let i = 1; i < 20; i++) expect(seen[i]).not.toEqual(seen[i - 1]);
    for (let i = 20; i < STEPS; i++) expect(seen[i]).toEqual(seen[19]);
    expect(one.sparsity.verify().checked).toMatchObject([{ ok: true, pattern: "2:4" }]);
  });

  test("begins at the least share where it is settled, and not before its window is full", () => {
    expect(train(run(1)).begin).toBe(5);
    expect(train(run(1, { least: 0.25 })).begin).toBe(10);
  });

  test("begins when the mean of the drifts over the window is below epsilon", () => {
    const begins = [3e-7, 4e-7, 4.5e-7, 5e-7, 5.5e-7].map((epsilon) => {
      const one = run(epsilon);
      const { begin, seen } = train(one);
      // of one entry in 61 of each parameter, as the optimizer looks
      const drifts = seen.slice(1, begin).map((now, i) => {
        let [sum, count] = [0, 0];
        now.forEach((v, parameter) => {
          for (let at = 0; at < v.length; at += 61) {
            sum += Math.abs(v[at] - seen[i][parameter][at]);
            count++;
          }
        });
        return sum / count;
      });
      // drifts[i] is of step i + 1
      const settled = drifts.findIndex((_, i) => i >= 3 && mean(drifts.slice(i - 3, i + 1)) < epsilon);
      expect(begin).toBe(settled < 0 ? 20 : settled + 2);
      const kept = one.sparsity.checkpoint().get("sparsity/state of all/step.drifts")!.data;
      for (let i = begin - 4; i < begin; i++) expect(kept[i % 4] / drifts[i - 1]).toBeCloseTo(1, 3);
      return begin;
    });
    expect(begins.some((begin) => begin > 5 && begin < 20)).toBe(true);
  });

  test("is the dense model until then", () => {
    const dense = setup(named("asp"), adamW({ learningRate: 0.003 }), "2:4", { pruneAt: 1 }, { steps: STEPS });
    const one = run(1e-8);
    for (let i = 0; i < 20 && !one.sparsity.pruned; i++) {
      const loss = one.step();
      if (!one.sparsity.pruned) expect(loss).toBe(dense.step());
    }
  });

  test("asks for an optimizer that has a variance", () => {
    expect(() => setup(named("step"), sgd({ learningRate: 0.1 }))).toThrow(
      "method step: expected optimizer adamw, got sgd. It freezes the running variance of Adam",
    );
  });
});
