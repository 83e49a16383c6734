import { describe, expect, test } from "vitest";
import { jsKernels } from "../backend/js.ts";
import { groupNorms, groupStructure } from "../sparsity/methods/structured/groups.ts";
import { groupLasso } from "../sparsity/methods/structured/penalties.ts";
import { Device } from "../tensor/device.ts";
import { Parameter } from "../tensor/tensor.ts";
import { freezeZeros, regularize } from "./regularize.ts";
import { sgd } from "./sgd.ts";
import type { Transform } from "./transform.ts";

const device = new Device(jsKernels());
const shape = { rows: 4, taps: 1, channels: 6 };
const rows = groupStructure("row");

/** Least squares to a target whose last two rows are small: its gradient is w - target. */
function descend(make: (w: Parameter) => Transform, steps: number, w = new Parameter(device, [4, 6])): Parameter {
  const target = (i: number): number => (i < 12 ? 1 : 0.02);
  if (w.version === 0) w.data.fill(0.5);
  const transform = make(w);
  const slot = { parameter: w, state: transform.init(w) };
  for (let step = 0; step < steps; step++) {
    w.hasGrad = true;
    for (let i = 0; i < w.size; i++) w.grad[i] = w.data[i] - target(i);
    transform.update([slot], step);
    w.touch();
  }
  return w;
}

describe("regularized optimizers", () => {
  test.each(["subgradient", "proximal"] as const)("make groups exactly zero: %s", (form) => {
    const w = descend((w) => {
      const penalty = groupLasso(device.kernels, 0.3, rows, shape);
      return regularize(sgd({ learningRate: 0.0002, momentum: 0.9 }), new Map([[w, penalty]]), { form, momentum: 0.9 });
    }, 6000);
    const norms = [...groupNorms(device.kernels, rows, w.data, shape)];
    expect(norms.slice(2)).toEqual([0, 0]);
    // the others are nearer to zero by lambda: the norm of six ones less 0.3
    for (const norm of norms.slice(0, 2)) expect(norm).toBeCloseTo(Math.sqrt(6) - 0.3, 1);
  });

  test("without penalties are the optimizer", () => {
    const plain = descend(() => sgd({ learningRate: 0.1, momentum: 0.9 }), 20);
    const wrapped = descend(() => regularize(sgd({ learningRate: 0.1, momentum: 0.9 }), new Map()), 20);
    expect(wrapped.data).toEqual(plain.data);
  });

  test("frozen keep zeros at zero through decay and momentum, and move the rest", () => {
    const start = new Parameter(device, [4, 6]);
    start.data.fill(0.3, 0, 15);
    start.touch();
    const w = descend((w) => freezeZeros(sgd({ learningRate: 0.1, momentum: 0.9, weightDecay: 1e-3 }), [w]), 50, start);
    expect([...w.data].map((x) => x === 0)).toEqual(Array.from({ length: 24 }, (_, i) => i >= 15));
    expect(Math.abs(w.data[0] - 1)).toBeLessThan(0.1);
  });

  test("of the proximal form need a learning rate", () => {
    const bare: Transform = { name: "bare", applies: true, init: () => ({}), update: () => {} };
    expect(() => regularize(bare, new Map(), { form: "proximal" })).toThrow("an optimizer with a learning rate");
  });
});
