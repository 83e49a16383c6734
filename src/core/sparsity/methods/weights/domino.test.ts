/** DominoSearch: within the budget, each layer N:M of its own, and a search that goes on from any step. */
import { describe, expect, test } from "vitest";
import { Training } from "../../../../../test/training.ts";
import { crossEntropy } from "../../../autograd/ops/cross-entropy.ts";
import { backward } from "../../../autograd/tape.ts";
import { jsKernels } from "../../../backend/js.ts";
import { cnn } from "../../../nn/models/cnn.ts";
import { Optimizer } from "../../../optim/optimizer.ts";
import { sgd } from "../../../optim/sgd.ts";
import { Random } from "../../../random.ts";
import { parsePattern } from "../../../sparse/pattern.ts";
import { Device } from "../../../tensor/device.ts";
import { tensor } from "../../../tensor/tensor.ts";
import type { Session } from "../../session.ts";
import { sparsify } from "../../sparsify.ts";
import { domino } from "./domino.ts";

const STEPS = 24;
const widths = [32, 64, 32, 64, 4];
const sizes: Readonly<Record<string, number>> = { "fc1.weight": 2048, "fc2.weight": 2048, "fc3.weight": 2048 };

/** Checks the layers' patterns and gives what they keep, each entry times `cost`, beside what was asked for. */
function expectWithin(sparsity: Session, asked: string, cost: (layer: string) => number): string[] {
  const { n, m, v } = parsePattern(asked);
  let [kept, budget, step] = [0, 0, 0];
  const patterns = sparsity.verify().checked.map(({ layer, pattern, ok, first }) => {
    expect([first, ok]).toEqual([null, true]);
    const own = /^(\d+):(\d+)(?:v(\d+))?$/.exec(pattern)!.slice(1).map(Number);
    expect([own[1], own[2] || 1]).toEqual([m, v]);
    expect([1, 2, 4, 8, 16, m]).toContain(own[0]);
    kept += cost(layer) * own[0];
    budget += cost(layer) * n;
    // the step of N that met the budget was at most from twice of a layer's N
    step = Math.max(step, cost(layer) * own[0]);
    return pattern;
  });
  expect(kept).toBeLessThanOrEqual(budget);
  expect(kept).toBeGreaterThan(budget - step);
  return patterns;
}

describe("DominoSearch", () => {
  for (const [pattern, decay] of [
    ["2:4", 0.01],
    ["4:16", 1],
    ["3:8v2", 0.01],
    ["1:4v4", 0],
  ] as const) {
    test(`keeps what ${pattern} keeps in all, layer by layer legal; decay ${decay}`, () => {
      const run = new Training(domino, { steps: STEPS, pattern, numbers: { decay, every: 2, until: 0.5 }, widths });
      // layers of which one has larger weights than the others
      const large = run.model.namedParameters().get("fc2.weight")!;
      for (let i = 0; i < large.size; i++) large.data[i] *= 10;
      const losses = Array.from({ length: STEPS }, () => run.step());
      const patterns = expectWithin(run.sparsity, pattern, (layer) => sizes[layer]);
      if (pattern === "2:4") expect(patterns[1]).toBe("4:4");
      expect(losses[STEPS - 1]).toBeLessThan(losses[0]);
      expect(run.sparsity.report().sparsity).toBeGreaterThan(0.2);
    });
  }

  test("begins dense and lowers N one by one where weights fall below the first thresholds", () => {
    const numbers = { decay: 3, every: 1, until: 0.9 };
    const optimizer = sgd({ learningRate: 0.1 });
    const run = new Training(domino, { steps: STEPS, pattern: "2:8", numbers, widths, optimizer });
    const seen = Array.from({ length: STEPS }, () => {
      run.step();
      return run.sparsity.checkpoint().get("sparsity/fc1.weight.pattern")!.data[0];
    });
    expect(run.usedFirst().every((value) => value !== 0)).toBe(true);
    const searched = seen.slice(0, seen.lastIndexOf(Math.min(...seen.slice(0, 12))));
    for (let i = 1; i < searched.length; i++) expect(searched[i - 1] - searched[i]).toBeLessThanOrEqual(1);
    expect(new Set(searched).size).toBeGreaterThan(2);
    expectWithin(run.sparsity, "2:8", (layer) => sizes[layer]);
  });

  test("counts multiplications where they are the budget", () => {
    const patterns = (["parameters", "flops"] as const).map((budget) => {
      const device = new Device(jsKernels());
      const model = cnn(4, [8, 16, 32], 4, { device, random: new Random(1) });
      const numbers = { decay: 0, until: 0.1 };
      const sparsity = sparsify(model, { weights: domino({ ...numbers, budget }), pattern: "2:4", steps: STEPS });
      const optimizer = new Optimizer(model, sparsity.around(sgd({ learningRate: 0.01 })));
      const random = new Random(2);
      for (let i = 0; i < 4; i++) {
        device.step(() => {
          const x = tensor(
            device,
            [2, 16, 16, 4],
            Array.from({ length: 2048 }, () => random.normal()),
          );
          optimizer.zeroGrad();
          backward(crossEntropy(model.forward(x), Int32Array.of(0, 1)));
          optimizer.step();
        });
      }
      const weights = [...model.namedParameters()].filter(([, { shape }]) => shape.length === 4);
      const places = [256, 64, 16];
      return expectWithin(sparsity, "2:4", (layer) => {
        const i = weights.findIndex(([name]) => name === layer);
        return weights[i][1].size * (budget === "flops" ? places[i] : 1);
      });
    });
    expect(patterns[0]).not.toEqual(patterns[1]);
  });

  for (const at of [1, 5, 9, 15]) {
    test(`goes on from step ${at} as if it had not stopped, nor been looked at`, () => {
      const setting = { steps: STEPS, pattern: "2:8", numbers: { decay: 1, every: 2, until: 0.5 }, widths };
      const [whole, first, second] = [0, 1, 2].map(() => new Training(domino, setting));
      for (let i = 0; i < at; i++) expect(first.step()).toBe(whole.step());
      second.goOnFrom(first, at);
      for (let i = at; i < STEPS; i++) {
        second.evaluate();
        expect(second.step()).toBe(whole.step());
      }
      expect(second.weight.data).toEqual(whole.weight.data);
      expect(second.sparsity.verify().checked).toEqual(whole.sparsity.verify().checked);
    });
  }
});
