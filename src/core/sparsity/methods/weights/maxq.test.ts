/** MaxQ: multipliers of 0 or 1 to 3, folded into the pack; dense groups by the schedule; straight-through gradients. */
import { describe, expect, test } from "vitest";
import { denseWeightOf } from "../../../../../test/operands.ts";
import { Training } from "../../../../../test/training.ts";
import { jsKernels } from "../../../backend/js.ts";
import { cnn } from "../../../nn/models/cnn.ts";
import { sgd } from "../../../optim/sgd.ts";
import { Random } from "../../../random.ts";
import { Device } from "../../../tensor/device.ts";
import { tensor } from "../../../tensor/tensor.ts";
import { sparsify } from "../../sparsify.ts";
import { dense } from "./dense.ts";
import { maxq } from "./maxq.ts";

const STEPS = 20;
const sparse = { denseUntil: 0, refresh: 1 };

/** The multipliers of the source, of w [rows, taps, channels]. */
function multipliers(w: Float32Array, rows: number, taps: number, n: number, m: number): number[] {
  const k = w.length / rows;
  const channels = k / taps;
  const share = (groupOf: (i: number) => number): number[] =>
    [...w].map((value, i) => {
      const sizes = [...w].filter((_, j) => groupOf(j) === groupOf(i)).map(Math.abs);
      sizes.sort((a, b) => a - b);
      const rank = (sizes.length * (m - n)) / m;
      const threshold = (sizes[rank - 1] + sizes[rank]) / 2;
      return Math.abs(value) > threshold ? 1 / (1 + Math.exp((threshold - Math.abs(value)) / 0.01)) : 0;
    });
  const ofRows = share((i) => Math.floor(i / k));
  const ofTaps = taps === 1 ? ofRows.map(() => 0) : share((i) => Math.floor((i % k) / channels));
  return [...w].map((value, i) => {
    const group = [...w.subarray(i - (i % m), i - (i % m) + m)].map(Math.abs).sort((a, b) => b - a);
    return Math.abs(value) >= group[n - 1] ? 1 + ofRows[i] + ofTaps[i] : 0;
  });
}

function expectMultiplied(used: Float32Array, w: Float32Array, factors: number[]): void {
  factors.forEach((factor, i) => {
    expect(used[i]).toBeCloseTo(w[i] * factor, 6);
    expect(factor === 0 || (factor >= 1 && factor <= 3)).toBe(true);
  });
}

/** Groups of four without a zero. */
const full = (used: Float32Array): number =>
  Array.from({ length: used.length / 4 }, (_, i) => used.subarray(4 * i, 4 * i + 4)).filter((group) =>
    group.every((value) => value !== 0),
  ).length;

describe("MaxQ", () => {
  test("packs N:M weights times multipliers of 1 to 2", () => {
    const run = new Training(maxq, { steps: STEPS, numbers: sparse, optimizer: sgd({ learningRate: 0 }) });
    const w = run.weight.data.slice();
    run.step();
    const factors = multipliers(w, 32, 1, 2, 4);
    expectMultiplied(run.sparsity.state().get("fc1.weight")!.data as Float32Array, w, factors);
    expect(Math.max(...factors)).toBeGreaterThan(1.9);
    expect(run.sparsity.verify().checked).toMatchObject([{ pattern: "2:4", ok: true }]);
  });

  test("and of 1 to 3 with kernel positions", () => {
    const device = new Device(jsKernels());
    const model = cnn(4, [8], 4, { device, random: new Random(1) });
    sparsify(model, { weights: maxq(sparse), pattern: "1:4", steps: STEPS });
    device.step(() => model.forward(tensor(device, [1, 8, 8, 4], new Float32Array(256).fill(1))));
    const w = model.namedParameters().get("conv1.weight")!;
    const factors = multipliers(w.data, 8, 9, 1, 4);
    expectMultiplied(denseWeightOf(w), w.data, factors);
    expect(Math.max(...factors)).toBeGreaterThan(2.5);
  });

  for (const [shape, half] of [
    ["linear", 0.5],
    ["cos", Math.cos(Math.PI / 4)],
    ["cubic", 0.125],
    ["exp", 1 - (1 - Math.exp(-0.75)) / (1 - Math.exp(-1.5))],
  ] as const) {
    test(`leaves the smallest groups dense, fewer and fewer: ${shape}`, () => {
      const run = new Training(maxq, {
        ...{
          steps: STEPS,
          numbers: { denseUntil: 0.5, refresh: 1 },
          words: { shape },
          optimizer: sgd({ learningRate: 0 }),
        },
      });
      const groups = run.weight.size / 4;
      const shares = Array.from({ length: STEPS }, () => {
        run.step();
        return full(run.usedLast()) / groups;
      });
      expect(shares[0]).toBe(1);
      expect(shares[5]).toBeCloseTo(half, 1);
      for (let i = 1; i < STEPS; i++) expect(shares[i]).toBeLessThanOrEqual(shares[i - 1]);
      expect(shares[7]).toBeGreaterThan(0);
      expect(shares.slice(10)).toEqual(shares.slice(10).map(() => 0));
    });
  }

  test("gives all weights the gradient by what was multiplied, and decays what was not", () => {
    for (const denseUntil of [0, 0.5]) {
      const lambda = 0.25;
      const optimizer = (): ReturnType<typeof sgd> => sgd({ learningRate: 1 });
      const numbers = { denseUntil, refresh: 1, lambda };
      const run = new Training(maxq, { steps: STEPS, numbers, optimizer: optimizer() });
      for (let i = 0; i < 3; i++) run.step();
      const before = run.weight.data.slice();
      const plain = new Training(dense, { steps: STEPS, optimizer: optimizer() });
      plain.takeWeights(run);
      run.step();
      const used = run.usedLast();
      plain.weight.data.set(used);
      plain.step();
      const gradient = plain.weight.data.map((after, i) => used[i] - after);
      run.weight.data.forEach((after, i) => {
        expect(before[i] - after).toBeCloseTo(gradient[i] + (used[i] === 0 ? lambda * before[i] : 0), 5);
      });
    }
  });

  for (const at of [4, 13]) {
    test(`goes on from step ${at} as if it had not stopped, nor been looked at`, () => {
      const setting = { steps: STEPS, numbers: { denseUntil: 0.5, refresh: 3 } };
      const [whole, first, second] = [0, 1, 2].map(() => new Training(maxq, setting));
      for (let i = 0; i < at; i++) expect(first.step()).toBe(whole.step());
      second.goOnFrom(first, at);
      for (let i = at; i < STEPS; i++) {
        second.evaluate();
        expect(second.step()).toBe(whole.step());
      }
      expect(second.weight.data).toEqual(whole.weight.data);
    });
  }
});
