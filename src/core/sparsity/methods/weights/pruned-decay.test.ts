import { describe, expect, test } from "vitest";
import { crossEntropy } from "../../../autograd/ops/cross-entropy.ts";
import { backward } from "../../../autograd/tape.ts";
import { jsKernels } from "../../../backend/js.ts";
import { mlp } from "../../../nn/models/mlp.ts";
import { warmupCosine } from "../../../optim/schedule.ts";
import { sgd } from "../../../optim/sgd.ts";
import type { OptionsOf } from "../../../options.ts";
import { Random } from "../../../random.ts";
import { Device } from "../../../tensor/device.ts";
import { tensor } from "../../../tensor/tensor.ts";
import { sparsify } from "../../sparsify.ts";
import { SOURCE_DECAY, strengthOf } from "./pruned-decay.ts";
import { srSte } from "./sr-ste.ts";

/** What is left of the pruned weights of a layer whose input is 0, so that nothing but the decay moves them. */
function left(options: OptionsOf<typeof srSte.options>, steps: number, momentum: number, rate = 0.05): number[] {
  const device = new Device(jsKernels());
  const model = mlp([8, 4, 2], { device, random: new Random(6) });
  const weight = model.namedParameters().get("fc1.weight")!;
  const before = weight.data.slice();
  const session = sparsify(model, { weights: srSte({ ...options, refresh: 1000 }), pattern: "2:4", steps });
  const optimizer = session.optimizer(sgd({ learningRate: rate, momentum }));
  for (let step = 0; step < steps; step++) {
    device.step(() => {
      optimizer.zeroGrad();
      backward(crossEntropy(model.forward(tensor(device, [1, 8], new Float32Array(8))), Int32Array.of(0)));
      optimizer.step();
    });
  }
  const shares = [...weight.data].map((value, i) => value / before[i]);
  expect(shares.filter((share) => share === 1).length).toBe(16);
  return shares.filter((share) => share !== 1);
}

describe("the strength of SR-STE's decay", () => {
  test("scaled is that of the source over the source's run", () => {
    // step by step: 5,005 steps an epoch, 5 epochs of warm-up to 0.1, a cosine over 115
    const [warmup, steps] = [5 * 5005, 120 * 5005];
    const schedule = warmupCosine({ learningRate: 0.1, steps, warmup });
    let learningRates = 0;
    for (let step = 0; step < steps; step++) learningRates += schedule(step);
    const clock = { step: 0, steps, training: true, learningRate: 0, learningRates };
    expect(strengthOf("scaled", clock)).toBeCloseTo(2e-4, 8);
    expect(strengthOf(0.03, clock)).toBe(0.03);
    expect(strengthOf("scaled", { ...clock, learningRates: 0 })).toBe(0);
  });

  test.each([
    ["gradient", 40, 0.05],
    ["gradient", 200, 0.2],
    ["decoupled", 40, 0.2],
  ] as const)(
    "scaled takes as much from pruned weights in a run of any length and rate: %s, %d steps of %d",
    (form, steps, rate) => {
      const expected = (1 - SOURCE_DECAY / steps) ** steps;
      const shares = left({ lambda: "scaled", form }, steps, 0, rate);
      expect(shares).toHaveLength(16);
      for (const share of shares) expect(share / expected).toBeCloseTo(1, 3);
    },
  );

  test("takes exp(-lambda * the sum of rates / (1 - momentum)), and below 0 adds as much", () => {
    for (const [lambda, momentum] of [
      [2e-3, 0],
      [2e-3, 0.9],
      [-2e-3, 0.9],
    ] as const) {
      const exponent = (lambda * 0.05 * 600) / (1 - momentum);
      // the last steps' decay is still in the velocity, which is why it is not the whole of it
      const shares = left({ lambda }, 600, momentum);
      expect(shares).toHaveLength(16);
      for (const share of shares) expect(Math.log(share) / -exponent).toBeCloseTo(1, 1);
    }
  });
});
