import { describe, expect, test } from "vitest";
import { adamW } from "../../../optim/adamw.ts";
import { sgd } from "../../../optim/sgd.ts";
import { named, type Setup, setup } from "./conformance.ts";

const STEPS = 40;
const run = (epsilon: number, numbers: Record<string, number> = {}): Setup =>
  setup(named("step"), adamW({ learningRate: 0.003, epsilon }), "2:4", numbers, { steps: STEPS });
/** The variances by parameter. */
const variances = ({ optimizer }: Setup): Record<string, Float32Array> => {
  const all = [...optimizer.state()].filter(([name]) => name.endsWith("moment2"));
  return Object.fromEntries(all.map(([name, array]) => [name.slice(0, name.indexOf(".moment2")), array.slice()]));
};

/** Steps before the first sparse one, and of each step the variance of the sparse layer and those of the others. */
function train(setup: Setup): { begin: number; seen: Float32Array[]; others: Float32Array[][] } {
  let begin = -1;
  const states = Array.from({ length: STEPS }, (_, i) => {
    setup.step();
    if (begin < 0 && setup.sparsity.pruned) begin = i;
    return variances(setup);
  });
  const others = states.map(({ "fc1.weight": _, ...rest }) => Object.values(rest));
  return { begin, seen: states.map((state) => state["fc1.weight"]), others };
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

  test("lets the variance of dense layers and biases move on", () => {
    const { others } = train(run(1e-30));
    expect(others[0]).toHaveLength(3);
    for (let i = 1; i < STEPS; i++) {
      others[i].forEach((variance, parameter) => void expect(variance).not.toEqual(others[i - 1][parameter]));
    }
  });

  test("moves every weight as the steps of the source say, written out", () => {
    const [rate, beta1, beta2, epsilon, decay] = [0.003, 0.9, 0.999, 1e-8, 0.1];
    const one = setup(
      named("step"),
      adamW({ learningRate: rate, epsilon, weightDecay: decay }),
      "2:4",
      { least: 1, largest: 0.5 },
      { steps: STEPS },
    );
    const oracles = [...one.model.namedParameters()].map(([name, parameter]) => {
      const zeros = (): number[] => Array.from({ length: parameter.size }, () => 0);
      return { name, parameter, w: Array.from(parameter.data), m: zeros(), v: zeros() };
    });
    for (let t = 1; t <= STEPS; t++) {
      one.step();
      for (const { name, parameter, w, m, v } of oracles) {
        const frozen = t > STEPS / 2 && name === "fc1.weight";
        parameter.grad.forEach((g, i) => {
          m[i] = beta1 * m[i] + (1 - beta1) * g;
          if (!frozen) v[i] = beta2 * v[i] + (1 - beta2) * g * g;
          const corrected = v[i] / (1 - beta2 ** (frozen ? STEPS / 2 : t));
          const floor = frozen ? epsilon ** 0.75 : epsilon;
          w[i] -= rate * (m[i] / (1 - beta1 ** t) / (Math.sqrt(corrected) + floor) + decay * w[i]);
          expect(Math.abs(parameter.data[i] - w[i]), `${name}[${i}], step ${t}`).toBeLessThan(1e-6 * t);
        });
      }
    }
  });

  test("begins at the least share where it is settled, and not before its window is full", () => {
    expect(train(run(1)).begin).toBe(5);
    expect(train(run(1, { least: 0.25 })).begin).toBe(10);
  });

  test("begins when the mean of the drifts over the window is below epsilon", () => {
    const begins = [3e-7, 4e-7, 4.5e-7, 5e-7, 5.5e-7].map((epsilon) => {
      const one = run(epsilon);
      const { begin, seen } = train(one);
      // of one entry in 61 of the sparse layer, as the optimizer looks
      const drifts = seen.slice(1, begin).map((v, i) => {
        const sample = Array.from(v.keys()).filter((at) => at % 61 === 0);
        return mean(sample.map((at) => Math.abs(v[at] - seen[i][at])));
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

  test("begins dense under an optimizer that another session has frozen", () => {
    const shared = adamW({ learningRate: 0.003, epsilon: 1e-30 });
    const begins = [1, 2].map(() => train(setup(named("step"), shared, "2:4", {}, { steps: STEPS })));
    expect(begins.map(({ begin }) => begin)).toEqual([20, 20]);
    expect(begins[1].seen[10]).not.toEqual(begins[1].seen[9]);
  });

  test("asks for an optimizer that has a variance", () => {
    expect(() => setup(named("step"), sgd({ learningRate: 0.1 }))).toThrow(
      "method step: expected optimizer adamw, got sgd. It freezes the running variance of Adam",
    );
  });
});
