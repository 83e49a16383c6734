/** What a session promises to a user of the library: nothing is lost by composing, and nothing that looks changes anything. */
import { describe, expect, test } from "vitest";
import { crossEntropy } from "../autograd/ops/cross-entropy.ts";
import { backward } from "../autograd/tape.ts";
import { jsKernels } from "../backend/js.ts";
import { cnn } from "../nn/models/cnn.ts";
import { mlp } from "../nn/models/mlp.ts";
import type { Module } from "../nn/module.ts";
import { loadState, type State, stateOf } from "../nn/state.ts";
import { adamW } from "../optim/adamw.ts";
import { clipByGlobalNorm } from "../optim/clip.ts";
import type { Optimizer } from "../optim/optimizer.ts";
import { sgd } from "../optim/sgd.ts";
import { chain } from "../optim/transform.ts";
import { Random } from "../random.ts";
import { Device } from "../tensor/device.ts";
import { tensor } from "../tensor/tensor.ts";
import { rigl } from "./methods/unstructured/rigl.ts";
import { asp } from "./methods/weights/asp.ts";
import { ast } from "./methods/weights/ast.ts";
import { spre } from "./methods/weights/spre.ts";
import { srSte } from "./methods/weights/sr-ste.ts";
import { ste } from "./methods/weights/ste.ts";
import type { Session } from "./session.ts";
import { type SparsifyOptions, sparsify } from "./sparsify.ts";

const STEPS = 6;

interface Training {
  readonly device: Device;
  readonly model: Module;
  step(optimizer: Optimizer): void;
  outputs(): number[];
}

function training(build: (device: Device) => Module, shape: readonly number[]): Training {
  const device = new Device(jsKernels());
  const model = build(device);
  const random = new Random(5);
  const size = [8, ...shape].reduce((a, b) => a * b, 1);
  const values = Float32Array.from({ length: size }, () => random.normal());
  const labels = Int32Array.from({ length: 8 }, (_, i) => i % 4);
  const input = () => tensor(device, [8, ...shape], values);
  return {
    device,
    model,
    step: (optimizer) =>
      device.step(() => {
        optimizer.zeroGrad();
        backward(crossEntropy(model.forward(input()), labels));
        optimizer.step();
      }),
    outputs: () => {
      model.eval();
      const found = device.step(() => device.withoutGradients(() => [...model.forward(input()).data]));
      model.train();
      return found;
    },
  };
}

const ofMlp = (): Training => training((device) => mlp([16, 32, 16, 4], { device, random: new Random(1) }), [16]);
const ofCnn = (): Training => training((device) => cnn(4, [8, 8], 4, { device, random: new Random(1) }), [6, 6, 4]);

const bits = (state: State): Map<string, (number | bigint)[]> =>
  new Map([...state].map(([name, { data }]) => [name, [...data]]));

function trained(
  { model, step }: Training,
  options: Partial<SparsifyOptions>,
  transform = adamW({ learningRate: 0.01 }),
): { session: Session; optimizer: Optimizer } {
  const session = sparsify(model, { weights: srSte(), pattern: "2:4", steps: STEPS, ...options });
  const optimizer = session.optimizer(transform, { clip: 5 });
  for (let i = 0; i < STEPS; i++) step(optimizer);
  return { session, optimizer };
}

const zeros = (values: ArrayLike<number | bigint>): number =>
  Array.from(values as ArrayLike<number>).filter((value) => value === 0).length;

describe("the state of a session", () => {
  test("is what the products multiply by: half of each sparse weight is zero, and it gives the same outputs", () => {
    const one = ofMlp();
    const { session } = trained(one, {});
    const state = session.state();
    expect(zeros(state.get("fc1.weight")!.data)).toBe((16 * 32) / 2);
    expect(zeros(state.get("fc2.weight")!.data)).toBe((32 * 16) / 2);
    expect(zeros(state.get("fc3.weight")!.data)).toBe(0);
    // the weights that are trained stay dense
    expect(zeros(stateOf(one.model).get("fc1.weight")!.data)).toBe(0);
    const other = ofMlp();
    loadState(other.model, state);
    expect(other.outputs()).toEqual(one.outputs());
  });

  test("has one convolution in the place of each that has a branch", () => {
    const one = ofCnn();
    const { session } = trained(one, { weights: spre() });
    expect([...session.state().keys()]).toEqual([...stateOf(ofCnn().model).keys()]);
  });
});

describe("looking changes nothing", () => {
  test("verify, state, report, weightBytes and explain leave all values as they are, before the first step and after", () => {
    const one = ofMlp();
    const session = sparsify(one.model, { weights: asp({ pruneAt: 0 }), pattern: "2:4", steps: STEPS });
    const optimizer = session.optimizer(adamW({ learningRate: 0.01 }));
    const looked = ofMlp();
    const other = sparsify(looked.model, { weights: asp({ pruneAt: 0 }), pattern: "2:4", steps: STEPS });
    const watched = other.optimizer(adamW({ learningRate: 0.01 }));
    for (let i = 0; i < STEPS; i++) {
      const before = bits(stateOf(looked.model));
      const saved = [...other.checkpoint()].map(([name, { data }]) => [name, [...data]]);
      other.verify();
      other.state();
      other.report();
      other.weightBytes();
      other.explain();
      expect(bits(stateOf(looked.model))).toEqual(before);
      expect([...other.checkpoint()].map(([name, { data }]) => [name, [...data]])).toEqual(saved);
      one.step(optimizer);
      looked.step(watched);
      expect(bits(stateOf(looked.model))).toEqual(bits(stateOf(one.model)));
    }
    expect(other.verify().checked.map(({ ok }) => ok)).toEqual([true, true]);
  });
});

describe("nothing is lost by composing", () => {
  test("a method acts the same whether clipping is an option, in a chain within or around", () => {
    const ways = [
      (session: Session) => session.optimizer(adamW({ learningRate: 0.01 }), { clip: 1e6 }),
      (session: Session) => session.optimizer(chain(clipByGlobalNorm(1e6), adamW({ learningRate: 0.01 }))),
      (session: Session) => session.optimizer(chain(chain(clipByGlobalNorm(1e6), adamW({ learningRate: 0.01 })))),
    ];
    const weights = ways.map((way) => {
      const one = ofMlp();
      const session = sparsify(one.model, { weights: ast({ lambda: 50, rise: 0 }), pattern: "2:4", steps: STEPS });
      const optimizer = way(session);
      for (let i = 0; i < STEPS; i++) one.step(optimizer);
      return [...stateOf(one.model).get("fc1.weight")!.data];
    });
    expect(weights[1]).toEqual(weights[0]);
    expect(weights[2]).toEqual(weights[0]);
    // and it does act: AST without its decay is STE
    const plain = ofMlp();
    trained(plain, { weights: ste() });
    expect([...stateOf(plain.model).get("fc1.weight")!.data]).not.toEqual(weights[0]);
  });

  test("masks are watched by the optimizer of the session", () => {
    const { session } = trained(ofMlp(), { weights: ste() }, sgd({ learningRate: 3 }));
    expect(session.report().flipRate).toBeGreaterThan(0);
    expect(session.report().sparsity).toBeCloseTo((512 + 512) / 2 / (512 + 512 + 64));
  });
});

describe("detaching", () => {
  test.each([
    ["an MLP under SR-STE", ofMlp, { weights: srSte() }],
    ["a CNN with branches", ofCnn, { weights: spre() }],
    ["an MLP without a pattern", ofMlp, { weights: rigl({ sparsity: 0.5 }) }],
  ])("gives an ordinary module with the same outputs: %s", (_, make, options) => {
    const one = make();
    const { session, optimizer } = trained(one, options);
    const [before, state] = [one.outputs(), bits(session.state())];
    const model = session.detach();
    expect(model).toBe(one.model);
    const after = one.outputs();
    // the merged convolution adds in another order
    before.forEach((value, i) => {
      expect(Math.abs(after[i] - value)).toBeLessThan(1e-5);
    });
    expect(bits(stateOf(model))).toEqual(state);
    expect(model.parameters().every(({ plan }) => plan === null)).toBe(true);
    expect(() => one.step(optimizer)).toThrow(
      "optimizer of a sparse model: expected a model under its methods, got one that was detached from them.",
    );
    // it can be made sparse again
    expect(sparsify(model, { weights: ste(), pattern: "2:4", steps: 1 }).explain()).not.toEqual([]);
  });
});

describe("what is wrong is refused", () => {
  test("a second session of a model, with what to do", () => {
    const { model } = ofMlp();
    sparsify(model, { weights: ste(), pattern: "2:4", steps: 1 });
    expect(() => sparsify(model, { weights: ste(), pattern: "2:4", steps: 1 })).toThrow(
      "sparsify: expected a model that no session holds, got one whose fc1.weight is under a method. Call detach() on its session first.",
    );
  });

  test.each([{ compute: "auto" }, { leaveDense: "slower" }] as const)(
    "times without a size to measure at: %o",
    (how) => {
      expect(() => sparsify(ofMlp().model, { weights: ste(), steps: 1, ...how })).toThrow(
        /sparsify: expected the shape of an input beside (compute "auto"|leaveDense "slower"), got none/,
      );
    },
  );
});

test("layers and skip choose as recipes do", () => {
  const { model } = ofMlp();
  const session = sparsify(model, {
    ...{ weights: srSte(), pattern: "2:4", steps: 1, skip: ["first"] },
    layers: { fc3: { pattern: "1:4" } },
  });
  expect(session.explain().map(({ name, pattern, reason }) => [name, pattern, reason])).toEqual([
    ["fc1.weight", null, "the first layer stays dense"],
    ["fc2.weight", "2:4", "groups of 4 along inputs"],
    ["fc3.weight", "1:4", "groups of 4 along inputs"],
  ]);
});

test.each([
  ["SR-STE", srSte(), (name: string) => name],
  ["ASP, which keeps state", asp({ pruneAt: 0, recompute: 2 }), (name: string) => name],
  [
    "ASP, as 0.1 wrote it",
    asp({ pruneAt: 0, recompute: 2 }),
    (name: string) => name.replace("/state of ", "/memory of "),
  ],
])("a checkpoint brings a session to the same bits: %s", (_, weights, written) => {
  const whole = ofMlp();
  const { session, optimizer } = trained(whole, { weights, steps: 2 * STEPS });
  const other = ofMlp();
  const resumed = sparsify(other.model, { weights, pattern: "2:4", steps: 2 * STEPS });
  const again = resumed.optimizer(adamW({ learningRate: 0.01 }), { clip: 5 });
  loadState(other.model, stateOf(whole.model));
  for (const [name, array] of again.state()) array.set(optimizer.state().get(name)!);
  resumed.restore(new Map([...session.checkpoint()].map(([name, saved]) => [written(name), saved])), STEPS);
  again.steps = STEPS;
  for (let i = 0; i < STEPS; i++) {
    whole.step(optimizer);
    other.step(again);
  }
  expect(bits(stateOf(other.model))).toEqual(bits(stateOf(whole.model)));
  expect(resumed.report()).toEqual(session.report());
});
