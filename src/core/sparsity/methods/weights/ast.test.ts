import { describe, expect, test } from "vitest";
import { adamW } from "../../../optim/adamw.ts";
import { sgd } from "../../../optim/sgd.ts";
import { isKept, maskOf, named, STEPS, setup } from "./conformance.ts";

const decoupled = { words: { form: "decoupled" } };

describe("SR-STE, decoupled", () => {
  for (const [name, optimizer, options] of [
    ["sr-ste", () => sgd({ learningRate: 0.5 }), decoupled],
    ["sr-ste", () => adamW({ learningRate: 0.5, weightDecay: 0 }), decoupled],
    ["ast", () => adamW({ learningRate: 0.5, weightDecay: 0 }), {}],
  ] as const) {
    test(`${name}: without data pruned weights shrink by 1 - rate lambda a step, kept ones stay; ${optimizer().name}`, () => {
      const lambda = 0.25;
      const numbers = name === "ast" ? { lambda, rise: 0 } : { lambda };
      const { sparsity, weight, step } = setup(named(name), optimizer(), "2:4", numbers, { ...options, share: 0 });
      const start = weight.data.slice();
      for (let taken = 1; taken <= STEPS; taken++) {
        step();
        const { mask } = maskOf({ sparsity });
        weight.data.forEach((w, i) => {
          if (isKept(mask, i)) expect(w).toBe(start[i]);
          else expect(w / start[i]).toBeCloseTo((1 - 0.5 * lambda) ** taken, 5);
        });
      }
    });
  }

  test("takes rate lambda w of before the step, with the mask of the forward, and no more", () => {
    for (const optimizer of [() => sgd({ learningRate: 0.5 }), () => adamW({ learningRate: 0.5, weightDecay: 0 })]) {
      const lambda = 0.25;
      const plain = setup(named("ste"), optimizer());
      const decayed = setup(named("sr-ste"), optimizer(), "2:4", { lambda }, decoupled);
      const before = plain.weight.data.slice();
      plain.step();
      decayed.step();
      const { mask } = maskOf(decayed);
      before.forEach((w, i) => {
        const decay = isKept(mask, i) ? 0 : 0.5 * lambda * w;
        expect(decayed.weight.data[i]).toBeCloseTo(plain.weight.data[i] - decay, 5);
      });
      for (const [name, array] of decayed.optimizer.state()) {
        expect(array).toEqual(plain.optimizer.state().get(name));
      }
    }
  });

  test("with lambda 0 is STE", () => {
    const numbers = { lambda: 0, refresh: 1 };
    const plain = setup(named("ste"), adamW({ learningRate: 0.01 }));
    const others = [
      setup(named("sr-ste"), adamW({ learningRate: 0.01 }), "2:4", numbers, decoupled),
      setup(named("ast"), adamW({ learningRate: 0.01 }), "2:4", numbers),
    ];
    for (let i = 0; i < STEPS; i++) {
      const loss = plain.step();
      for (const other of others) expect(other.step()).toBe(loss);
    }
  });
});

describe("AST", () => {
  test("has a decay that rises to lambda at T0 and stays", () => {
    const numbers = { lambda: 0.8, rise: 0.5, refresh: 1 };
    const { sparsity, weight, step } = setup(named("ast"), sgd({ learningRate: 0.5 }), "2:4", numbers, { share: 0 });
    for (let i = 0; i < STEPS; i++) {
      const before = weight.data.slice();
      step();
      const { mask } = maskOf({ sparsity });
      const pruned = before.findIndex((_, at) => !isKept(mask, at));
      expect(weight.data[pruned] / before[pruned]).toBeCloseTo(1 - 0.5 * 0.8 * Math.min(1, i / 6), 5);
    }
  });

  test("chooses masks anew every so many steps", () => {
    const { sparsity, step } = setup(named("ast"), sgd({ learningRate: 0.5 }), "2:4", { refresh: 4 });
    const masks = Array.from({ length: STEPS }, () => {
      step();
      return maskOf({ sparsity }).mask.join();
    });
    for (let i = 1; i < STEPS; i++) if (i % 4 !== 0) expect(masks[i]).toBe(masks[i - 1]);
    expect(new Set(masks).size).toBeGreaterThan(1);
  });
});
