/** What optimizers, schedules and clipping refuse. */
import { expect, test } from "vitest";
import { TrisparseError } from "../errors.ts";
import { adamW } from "./adamw.ts";
import { clipByGlobalNorm } from "./clip.ts";
import { regularize } from "./regularize.ts";
import { stepwise, warmupCosine } from "./schedule.ts";
import { sgd } from "./sgd.ts";

const { NaN: nan } = Number;

test.each([
  [() => adamW({ learningRate: nan }), "adamW: expected learningRate of 0 or more, got NaN."],
  [() => adamW({ learningRate: "1" as never }), 'adamW: expected learningRate of 0 or more, got "1".'],
  [() => adamW({} as never), "adamW: expected learningRate of 0 or more, got undefined."],
  [() => adamW({ learningRate: 1, betas: [0.9, 1] }), "adamW: expected betas[1] of 0 or more and below 1, got 1."],
  [
    () => adamW({ learningRate: 1, betas: [-0.1, 0.9] }),
    "adamW: expected betas[0] of 0 or more and below 1, got -0.1.",
  ],
  [() => adamW({ learningRate: 1, epsilon: -1 }), "adamW: expected epsilon of 0 or more, got -1."],
  [() => adamW({ learningRate: 1, weightDecay: nan }), "adamW: expected weightDecay of 0 or more, got NaN."],
  [
    () => adamW({ learningRate: 1, ...{ weightdecay: 1 } }),
    'adamW: expected an option (learningRate, betas, epsilon, weightDecay, decays), got "weightdecay". Perhaps you mean "weightDecay".',
  ],
  [() => sgd({ learningRate: -1 }), "sgd: expected learningRate of 0 or more, got -1."],
  [() => sgd({ learningRate: 1, momentum: 1 }), "sgd: expected momentum of 0 or more and below 1, got 1."],
  [
    () => sgd({ learningRate: 1, weightDecay: Number.POSITIVE_INFINITY }),
    "sgd: expected weightDecay of 0 or more, got Infinity.",
  ],
  [() => sgd({ learningRate: 1, nesterov: 1 as never }), "sgd: expected nesterov true or false, got 1."],
  [
    () => sgd({ learningRate: 1, ...{ decay: 1 } }),
    "sgd: expected an option (learningRate, momentum, nesterov, weightDecay), got",
  ],
  [() => clipByGlobalNorm(nan), "clipByGlobalNorm: expected norm above 0, got NaN."],
  [() => clipByGlobalNorm(0), "clipByGlobalNorm: expected norm above 0, got 0."],
  [() => warmupCosine({ learningRate: nan, steps: 5 }), "warmupCosine: expected learningRate of 0 or more, got NaN."],
  [() => warmupCosine({ learningRate: 1, steps: nan }), "warmupCosine: expected steps of 1 or more, got NaN."],
  [() => warmupCosine({ learningRate: 1, steps: 5, final: -1 }), "warmupCosine: expected final of 0 or more, got -1."],
  [
    () => warmupCosine({ learningRate: 1, steps: 5, warmup: -1 }),
    "warmupCosine: expected warmup of 0 or more, got -1.",
  ],
  [() => warmupCosine({ learningRate: 1, steps: 5, ...{ warm: 1 } }), 'got "warm". Perhaps you mean "warmup".'],
  [() => stepwise(1, [2, nan]), "stepwise: expected milestone as a finite number, got NaN."],
  [() => stepwise(1, [2], nan), "stepwise: expected factor of 0 or more, got NaN."],
  [
    () => regularize(sgd({ learningRate: 1 }), new Map(), { form: "prox" as never }),
    'regularize: expected form "subgradient" or "proximal", got "prox".',
  ],
  [
    () => regularize(sgd({ learningRate: 1 }), new Map(), { threshold: -1 }),
    "regularize: expected threshold of 0 or more",
  ],
  [
    () => regularize(sgd({ learningRate: 1 }), new Map(), { momentum: 1 }),
    "regularize: expected momentum of 0 or more and below 1",
  ],
  [
    () => regularize(sgd({ learningRate: 1 }), new Map(), { form: "proximal", ...{ forms: 1 } }),
    'got "forms". Perhaps you mean "form".',
  ],
])("%s is refused: %s", (make, message) => {
  expect(make).toThrow(TrisparseError);
  expect(make).toThrow(message);
});

test("what lies on the bounds is taken", () => {
  expect(() => adamW({ learningRate: 0, betas: [0, 0], epsilon: 0, weightDecay: 0 })).not.toThrow();
  expect(() => sgd({ learningRate: () => 1, momentum: 0, nesterov: true, weightDecay: 0 })).not.toThrow();
  expect(() => warmupCosine({ learningRate: 0, steps: 1, warmup: 0, final: 0 })).not.toThrow();
});
