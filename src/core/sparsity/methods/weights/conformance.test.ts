/** What every method of the table promises, on a small model. */
import { describe, expect, test } from "vitest";
import { adamW } from "../../../optim/adamw.ts";
import { sgd } from "../../../optim/sgd.ts";
import { verifyMask } from "../../../sparse/mask.ts";
import { parsePattern } from "../../../sparse/pattern.ts";
import type { Parameter } from "../../../tensor/tensor.ts";
import { tensor } from "../../../tensor/tensor.ts";
import type { Session } from "../../session.ts";
import type { WeightMethodFactory } from "../define-method.ts";
import { isKept, maskOf, named, optimizers, type Setup, STEPS, saved, setup, unfit } from "./conformance.ts";
import { weightMethods } from "./methods.ts";

for (const entry of weightMethods.filter(({ sparse }) => sparse)) {
  describe(`the method ${entry.name}`, () => {
    for (const [name, optimizer] of Object.entries(optimizers)) {
      for (const pattern of ["2:4", "1:4", "2:8v2", "2:4v4"]) {
        if (unfit(entry, pattern, optimizer()) !== undefined) continue;
        test(`ends N:M with ${name}, ${pattern}, and learns`, () => {
          const steps = 2 * STEPS;
          const { sparsity, step } = setup(entry, optimizer(), pattern, {}, { steps });
          const losses = Array.from({ length: steps }, step);
          expect(sparsity.verify().checked).toEqual([
            expect.objectContaining({ layer: "fc1.weight", pattern, axis: "inputs", ok: true }),
          ]);
          expect(losses[steps - 1]).toBeLessThan(losses[0]);
          expect(sparsity.explain().map(({ pattern: own, reason }) => [own, reason])[1]).toEqual([
            null,
            "the last layer stays dense",
          ]);
        });
      }

      for (const words of wordsOf(entry)) {
        if (unfit(entry, "2:4", optimizer()) !== undefined) continue;
        const made = `${name} ${Object.values(words).join(" ")}`;
        const run = (): Setup => setup(entry, optimizer(), "2:4", often(entry), { words, steps: 24 });

        test(`has legal masks at every step that is sparse: ${made}`, () => {
          const { sparsity, step } = run();
          for (let i = 0; i < 24; i++) {
            step();
            if (!sparsity.pruned) continue;
            const { mask, pattern } = maskOf({ sparsity });
            expect(verifyMask(mask, 32, 16, pattern)).toMatchObject({ ok: true });
          }
          expect(sparsity.pruned).toBe(true);
          expect(maskOf({ sparsity }).pattern).toEqual(parsePattern("2:4"));
        });

        test(`goes on from a checkpoint of any step with the same bits: ${made}`, () => {
          const whole = run();
          const checkpoints: ReturnType<typeof saved>[] = [];
          const losses = Array.from({ length: 24 }, () => {
            checkpoints.push(saved(whole));
            return whole.step();
          });
          checkpoints.forEach((restore, begin) => {
            const resumed = run();
            restore(resumed);
            for (let i = begin; i < 24; i++) {
              expect(resumed.step()).toBe(losses[i]);
              // nor does a look at the model change what follows
              if (begin % 2 === 1) resumed.evaluate();
            }
            expect(resumed.weight.data).toEqual(whole.weight.data);
            expect(resumed.sparsity.report()).toEqual(whole.sparsity.report());
          });
        });
      }
    }
  });
}

/** Every combination of the words of a method. */
function wordsOf({ options }: WeightMethodFactory): Record<string, string>[] {
  return Object.entries(options).reduce<Record<string, string>[]>(
    (made, [key, { words = [], kind }]) =>
      kind === "word" ? made.flatMap((one) => words.map((word) => ({ ...one, [key]: word }))) : made,
    [{}],
  );
}

/** Numbers with which a short run has masks that move and masks that stay. */
function often({ options }: WeightMethodFactory): Record<string, number> {
  return {
    ...("refresh" in options ? { refresh: 3 } : {}),
    ...("recompute" in options ? { recompute: 3 } : {}),
  };
}

const zerosOf = (weight: Parameter): number => weight.data.reduce((zeros, value) => zeros + (value === 0 ? 1 : 0), 0);

describe("ASP", () => {
  for (const [name, optimizer] of Object.entries(optimizers)) {
    test(`prunes once at its step; zeros survive ${name}`, () => {
      const { sparsity, weight, step } = setup(named("asp"), optimizer());
      for (let i = 0; i < STEPS / 2; i++) step();
      expect(sparsity.pruned).toBe(false);
      expect(zerosOf(weight)).toBe(0);
      step();
      const mask = sparsity.checkpoint().get("sparsity/fc1.weight.mask")!.data;
      for (let i = STEPS / 2 + 1; i < STEPS; i++) step();
      expect(zerosOf(weight)).toBe(weight.size / 2);
      expect(sparsity.checkpoint().get("sparsity/fc1.weight.mask")!.data).toEqual(mask);
      expect(sparsity.report()).toMatchObject({ sad: 0, flipRate: 0 });
    });
  }

  test("is not begun by an evaluation right before its pruning step", () => {
    const { model, sparsity, weight, step } = setup(named("asp"), sgd({ learningRate: 0.1 }));
    for (let i = 0; i < STEPS / 2; i++) step();
    const { device } = weight;
    device.step(() => device.withoutGradients(() => model.forward(tensor(device, [1, 16], new Float32Array(16)))));
    expect(sparsity.pruned).toBe(false);
    step();
    expect(sparsity.pruned).toBe(true);
  });

  test("prunes by the magnitudes at that moment", () => {
    const { sparsity, weight, step } = setup(named("asp"), sgd({ learningRate: 0 }), "2:4", { pruneAt: 0 });
    const before = weight.data.slice(0, 4).map(Math.abs);
    step();
    const order = [0, 1, 2, 3].sort((a, b) => before[b] - before[a]);
    const bits = sparsity.checkpoint().get("sparsity/fc1.weight.mask")!.data[0] & 15;
    expect(bits).toBe((1 << order[0]) | (1 << order[1]));
  });
});

test("ASP leaves no moments where it pruned, and weight decay makes none", () => {
  for (const [name, optimizer] of Object.entries(optimizers)) {
    const one = setup(named("asp"), optimizer());
    for (let i = 0; i < STEPS; i++) one.step();
    const { mask } = maskOf(one);
    const moments = [...one.optimizer.state()].filter(([key]) => key.startsWith("fc1.weight."));
    expect(moments, name).not.toEqual([]);
    for (const [, array] of moments) {
      expect(array.every((value, i) => isKept(mask, i) !== (value === 0))).toBe(true);
    }
  }
});

describe("ASP that recomputes its mask", () => {
  test("brings pruned weights back as they were, without their moments, before it chooses again", () => {
    const numbers = { pruneAt: 0, recompute: 4 };
    const { sparsity, weight, step } = setup(named("asp"), sgd({ learningRate: 0.5, momentum: 0.9 }), "2:4", numbers);
    const start = weight.data.slice();
    const maskNow = (): Uint32Array =>
      sparsity.checkpoint().get("sparsity/fc1.weight.mask")!.data.slice() as Uint32Array;
    for (let i = 0; i < 4; i++) step();
    const first = maskNow();
    const before = weight.data.slice();
    step();
    const second = maskNow();
    expect(second).not.toEqual(first);
    let [revived, moved] = [0, 0];
    weight.data.forEach((_, i) => {
      const bit = (mask: Uint32Array): number => (mask[Math.floor(i / 16)] >>> (i % 16)) & 1;
      if (bit(first) === 1) moved += before[i] === start[i] ? 0 : 1;
      else expect(before[i]).toBe(0);
      if (bit(first) === 0 && bit(second) === 1) revived++;
      if (bit(second) === 0) expect(weight.data[i]).toBe(0);
    });
    expect(revived).toBeGreaterThan(0);
    expect(moved).toBeGreaterThan(0);
    expect(zerosOf(weight)).toBe(weight.size / 2);
    // each came back with the magnitude that it had when it was pruned: that of the start
    const kept = sparsity.checkpoint().get("sparsity/state of fc1.weight/pruned")!.data;
    kept.forEach((value, i) => {
      const wasPruned = ((first[Math.floor(i / 16)] >>> (i % 16)) & 1) === 0;
      if (value !== 0 && wasPruned) expect(value).toBe(start[i]);
    });
  });
});

describe("STE and SR-STE", () => {
  test("SR-STE adds lambda w to the gradients of pruned weights only, with the mask of the forward", () => {
    const lambda = 0.25;
    const plain = setup(named("ste"), sgd({ learningRate: 1 }));
    const decayed = setup(named("sr-ste"), sgd({ learningRate: 1 }), "2:4", { lambda });
    const before = plain.weight.data.slice();
    plain.step();
    decayed.step();
    const mask = decayed.sparsity.checkpoint().get("sparsity/fc1.weight.firstMask")!.data;
    let pruned = 0;
    before.forEach((w, i) => {
      const kept = (mask[Math.floor(i / 16)] >>> (i % 16)) & 1;
      pruned += 1 - kept;
      expect(decayed.weight.data[i]).toBeCloseTo(plain.weight.data[i] - (kept ? 0 : lambda * w), 5);
    });
    expect(pruned).toBe(before.length / 2);
  });

  test("SR-STE with lambda 0 is STE", () => {
    const [a, b] = [
      setup(named("ste"), adamW({ learningRate: 0.01 })),
      setup(named("sr-ste"), adamW({ learningRate: 0.01 }), "2:4", { lambda: 0 }),
    ];
    for (let i = 0; i < STEPS; i++) expect(b.step()).toBe(a.step());
    expect([...b.weight.data]).toEqual([...a.weight.data]);
  });

  test("updates reach pruned weights, and the forward uses the others only", () => {
    const { sparsity, weight, step } = setup(named("ste"), sgd({ learningRate: 0.1 }));
    const before = weight.data.slice();
    step();
    expect(weight.data.every((value, i) => value !== before[i])).toBe(true);
    const used = sparsity.state().get("fc1.weight")!.data as Float32Array;
    expect(used.reduce((zeros, value) => zeros + (value === 0 ? 1 : 0), 0)).toBe(weight.size / 2);
  });
});

describe("S-STE", () => {
  test("moves what is kept by the largest that is not, times a factor of its first pruning", () => {
    const { sparsity, weight, step } = setup(named("s-ste"), sgd({ learningRate: 0.1 }));
    let factor = 0;
    for (let i = 0; i < 3; i++) {
      const used = (): Float32Array => sparsity.state().get("fc1.weight")!.data as Float32Array;
      const w = weight.data.slice();
      step();
      // as the step multiplied by them: an evaluation prunes the weights as they are now
      weight.data.set(w);
      weight.touch();
      const values = used();
      const soft = new Float32Array(w.length);
      for (let group = 0; group < w.length; group += 4) {
        const sizes = [...w.slice(group, group + 4)].map(Math.abs);
        const threshold = [...sizes].sort((a, b) => b - a)[2];
        sizes.forEach((size, j) => {
          soft[group + j] = Math.sign(w[group + j]) * Math.max(0, size - threshold);
        });
      }
      const dot = (a: Float32Array, b: Float32Array): number => a.reduce((sum, value, j) => sum + value * b[j], 0);
      if (i === 0) factor = dot(w, soft) / dot(soft, soft);
      values.forEach((value, j) => {
        expect(value).toBeCloseTo(soft[j] * factor, 5);
      });
    }
    expect(factor).toBeGreaterThan(1);
  });
});

describe("transposable", () => {
  const lastMask = (sparsity: Session): Uint32Array =>
    sparsity.checkpoint().get("sparsity/fc1.weight.lastMask")!.data as Uint32Array;

  test.each([
    ["2:4", "exact"],
    ["2:4", "greedy"],
    ["1:4", "exact"],
    ["4:8", "exact"],
    ["4:8", "greedy"],
    ["2:16", "greedy"],
  ])("keeps %s along inputs and along outputs, at every step: %s", (pattern, solver) => {
    const { n, m } = parsePattern(pattern);
    const options = { words: { solver } };
    const { sparsity, step } = setup(
      named("transposable"),
      sgd({ learningRate: 0.5 }),
      pattern,
      { refresh: 1 },
      options,
    );
    for (let i = 0; i < STEPS; i++) {
      step();
      const mask = lastMask(sparsity);
      for (let row = 0; row < 32; row += m) {
        for (let column = 0; column < 16; column++) {
          const down = Array.from({ length: m }, (_, r) => (mask[row + r] >>> column) & 1);
          expect(down.reduce((sum, bit) => sum + bit, 0)).toBe(n);
        }
      }
      expect(verifyMask(mask, 32, 16, { n, m, v: 1 })).toMatchObject({ ok: true });
    }
  });

  test("chooses masks anew every so many steps, and not in between", () => {
    const { sparsity, step } = setup(named("transposable"), sgd({ learningRate: 0.5 }), "2:4", { refresh: 4 });
    const masks = Array.from({ length: STEPS }, () => {
      step();
      return lastMask(sparsity).join();
    });
    for (let i = 1; i < STEPS; i++) expect(masks[i] === masks[i - 1]).toBe(i % 4 !== 0);
  });

  test("says why another pattern does not do", () => {
    expect(() => setup(named("transposable"), sgd({ learningRate: 1 }), "2:4v2")).toThrow("not shared by vectors");
  });
});

describe("a mask that stays for some steps", () => {
  test("is not touched by an evaluation in between, nor is the training after it", () => {
    const numbers = { refresh: 4 };
    const [plain, evaluated] = [0, 1].map(() => setup(named("sr-ste"), sgd({ learningRate: 0.5 }), "2:4", numbers));
    const { device } = evaluated.weight;
    for (let i = 0; i < STEPS; i++) {
      expect(evaluated.step()).toBe(plain.step());
      device.step(() =>
        device.withoutGradients(() => evaluated.model.forward(tensor(device, [1, 16], new Float32Array(16)))),
      );
    }
    expect(evaluated.weight.data).toEqual(plain.weight.data);
  });
});

test("a pattern that fits no layer is refused with every layer's reason", () => {
  expect(() => setup(named("ste"), sgd({ learningRate: 1 }), "3:5")).toThrow(
    /pattern 3:5: expected at least one layer that it fits, got fc1.weight: 16 inputs cannot be cut into groups of 5; fc2.weight: the last layer stays dense/,
  );
});
