/** SpRe: what its branches compute, that they merge exactly, and that runs with them can be interrupted. */
import { describe, expect, test } from "vitest";
import { denseWeightOf, kindOf, packOf } from "../../../test/operands.ts";
import { buildModel } from "../../lab/recipes/architecture.ts";
import { parseRecipe, type Recipe } from "../../lab/recipes/recipe.ts";
import { Run } from "../../lab/runs/run.ts";
import { crossEntropy } from "../autograd/ops/cross-entropy.ts";
import { backward } from "../autograd/tape.ts";
import { jsKernels } from "../backend/js.ts";
import type { Kernels } from "../backend/kernels.ts";
import { dataset } from "../data/dataset.ts";
import { Conv2d } from "../nn/conv2d.ts";
import { cnn } from "../nn/models/cnn.ts";
import { resnet } from "../nn/models/resnet.ts";
import type { Module } from "../nn/module.ts";
import { SpatialBranch } from "../nn/spatial-branch.ts";
import { loadState, stateOf, valuesOf } from "../nn/state.ts";
import { Random } from "../random.ts";
import { isKept, verifyMask, verifyValues } from "../sparse/mask.ts";
import { parsePattern } from "../sparse/pattern.ts";
import { Device } from "../tensor/device.ts";
import { type OperandPlan, type Parameter, type Tensor, tensor } from "../tensor/tensor.ts";
import { doublePruned } from "./methods/input-grad/double-pruned.ts";
import type { WeightMethod } from "./methods/method.ts";
import { weightMethods } from "./methods/weights/methods.ts";
import { spre } from "./methods/weights/spre.ts";
import { sparsify } from "./sparsify.ts";

const data = (() => {
  const random = new Random(5);
  const split = (count: number) => ({
    count,
    images: Uint8Array.from({ length: count * 64 }, () => random.integer(256)),
    labels: Uint8Array.from({ length: count }, () => random.integer(3)),
  });
  return dataset({ name: "noise", shape: [8, 8, 1], classes: 3, train: split(48), test: split(16) });
})();

const recipe = (method: object = { name: "spre" }, more: object = {}): Recipe =>
  parseRecipe({ model: { name: "cnn", widths: [8, 16, 24] }, epochs: 4, batchSize: 8, method, ...more });
const newRun = (one: Recipe): Run => new Run(one, data, new Device(jsKernels()));
const trained = (one: Recipe, steps = 6): Run => {
  const run = newRun(one);
  for (let i = 0; i < steps; i++) run.advance();
  return run;
};

interface Branched {
  readonly name: string;
  readonly conv: Conv2d;
  readonly branch: SpatialBranch;
}

const branchesOf = (model: Module): Branched[] =>
  [...model.modules()].flatMap(([name, conv]) =>
    conv instanceof Conv2d && conv.branch instanceof SpatialBranch ? [{ name, conv, branch: conv.branch }] : [],
  );

function outputs(model: Module, device: Device): Float32Array {
  const random = new Random(8);
  const x = tensor(
    device,
    [4, 8, 8, 1],
    Array.from({ length: 256 }, () => random.normal()),
  );
  model.eval();
  const y = device.withoutGradients(() => Float32Array.from(model.forward(x).data));
  model.train();
  return y;
}

const backwardToo = { inputGrad: { name: "double-pruned" }, weightGrad: { name: "mvue" } };

describe("the merged model", () => {
  test.each<[string, Recipe]>([
    ["cnn", recipe()],
    ["resnet", recipe(undefined, { model: { name: "resnet", depth: 8 }, steps: 4, epochs: undefined })],
    [
      "squeezenet",
      recipe(undefined, {
        model: {
          name: "squeezenet",
          width: 8,
          fires: [
            [8, 8, 8],
            [8, 8, 16],
          ],
        },
      }),
    ],
    ["1:8, SGD", recipe({ name: "spre", pattern: "1:8" }, { optimizer: { name: "sgd", clip: 1 } })],
    ["vectors, all products sparse", recipe({ name: "spre", pattern: "2:4v2" }, backwardToo)],
    ["S-STE", recipe({ name: "s-ste" }, { spatialBranches: true })],
    ["transposable", recipe({ name: "transposable" }, { spatialBranches: true })],
    ["ASP after its pruning", recipe({ name: "asp", pruneAt: 0.1 }, { spatialBranches: true })],
    ["ASP before its pruning", recipe({ name: "asp", pruneAt: 0.9 }, { spatialBranches: true })],
  ])("is an ordinary one, N:M, and gives the same in evaluation: %s", (_, one) => {
    const run = trained(one, Math.min(6, one.steps ?? 6));
    const { device, model } = run;
    expect(branchesOf(model).length).toBe(one.model.name === "resnet" ? 6 : 2);
    const ordinary = buildModel(one.model, data, { device, random: new Random(99) });
    const state = run.trainedWeights();
    expect([...state.keys()]).toEqual([...stateOf(ordinary).keys()]);
    loadState(ordinary, state);
    const [expected, found] = [outputs(model, device), outputs(ordinary, device)];
    const scale = Math.max(...expected.map(Math.abs));
    expected.forEach((value, i) => {
      expect(Math.abs(found[i] - value)).toBeLessThan(1e-5 * Math.max(1, scale));
    });
    const pruned = run.session.pruned;
    expect(pruned).toBe(!(one.method.name === "asp" && one.method.pruneAt === 0.9));
    const pattern = parsePattern(one.method.pattern!);
    for (const { name, conv } of branchesOf(model)) {
      const merged = valuesOf(ordinary).get(`${name}.weight`)!.data as Float32Array;
      const rows = conv.weight.shape[0];
      expect(verifyValues(merged, rows, merged.length / rows, pattern).ok).toBe(pruned);
    }
    expect(run.session.verify().checked.every(({ ok }) => ok)).toBe(pruned);
  });
});

test("a branch multiplies by its weight under the parameter's mask at the taps that matter, and nothing else has a gradient", () => {
  const run = trained(recipe(), 5);
  const active = ({ name, branch }: Branched): boolean[] => {
    const state = run.session.checkpoint();
    const mask = state.get(`sparsity/${name}.weight.mask`)!.data as Uint32Array;
    const [taps] = state.get(`sparsity/${name}.weight.taps`)!.data;
    // some do and some do not
    expect(taps).toBeGreaterThan(0);
    expect(taps).toBeLessThan(511);
    const { shape, size } = branch.conv.weight;
    const [rows, , , channels] = shape;
    const k = size / rows;
    expect(verifyMask(mask, rows, k, parsePattern("2:4")).ok).toBe(true);
    return Array.from({ length: size }, (_, i) => {
      const column = i % k;
      return isKept(mask, k, Math.floor(i / k), column) && ((taps >>> Math.floor(column / channels)) & 1) === 1;
    });
  };
  const branches = branchesOf(run.model);
  for (const branched of branches) {
    const { grad } = branched.branch.conv.weight;
    const counts = active(branched);
    expect(grad.every((g, i) => counts[i] === (g !== 0))).toBe(true);
    // the convolution's goes straight through
    expect(branched.conv.weight.grad.every((g) => g !== 0)).toBe(true);
  }
  // packs the weights as they are after the step
  run.evaluate();
  for (const branched of branches) {
    const { weight } = branched.branch.conv;
    const counts = active(branched);
    expect([...denseWeightOf(weight)]).toEqual([...weight.data].map((value, i) => (counts[i] ? value : 0)));
  }
});

test("the gradients are those of central differences", () => {
  const doubles = { ...jsKernels(), float32: (length: number) => new Float64Array(length) } as unknown as Kernels;
  const device = new Device(doubles);
  const model = cnn(4, [8], 3, { device, random: new Random(1) });
  // the last layer, and no other, stays dense; the mask is not chosen anew
  const weights: WeightMethod = {
    ...spre(),
    beforeForward: (parameter) => (parameter.pruned ? parameter.repack() : parameter.prune()),
  };
  sparsify(model, { weights, pattern: "2:4", steps: 1 });
  const random = new Random(2);
  const x = tensor(
    device,
    [3, 4, 4, 4],
    Array.from({ length: 192 }, () => random.normal()),
  );
  const loss = (): Tensor => crossEntropy(model.forward(x), Int32Array.of(0, 2, 1));
  backward(loss());
  const { conv, branch } = branchesOf(model)[0];
  const checked: [Parameter, (i: number) => boolean][] = [
    [branch.conv.weight, () => true],
    [branch.norm.weight, () => true],
    [branch.norm.bias, () => true],
    // beyond its mask the straight-through estimator is no derivative
    [conv.weight, (i) => denseWeightOf(conv.weight)[i] !== 0],
  ];
  let nonZero = 0;
  for (const [parameter, isChecked] of checked) {
    const { data, grad } = parameter;
    const differences = Array.from(data, (value, i) => {
      if (!isChecked(i)) return grad[i];
      const at = (moved: number): number => {
        data[i] = moved;
        parameter.touch();
        return loss().data[0];
      };
      const difference = (at(value + 1e-5) - at(value - 1e-5)) / 2e-5;
      at(value);
      return difference;
    });
    const scale = Math.max(...differences.map(Math.abs));
    differences.forEach((difference, i) => {
      expect(Math.abs(grad[i] - difference)).toBeLessThan(1e-5 * scale + 1e-9);
      if (grad[i] !== 0) nonZero++;
    });
  }
  expect(nonZero).toBeGreaterThan(150);
});

test("masks are legal at every step, and all products of both convolutions are sparse", () => {
  const run = newRun(recipe(undefined, backwardToo));
  const operands = new Set<string>();
  for (const { name, conv, branch } of branchesOf(run.model)) {
    const { weight } = branch.conv;
    const plan = weight.plan!;
    const sampled = (one: OperandPlan, ...of: Parameters<OperandPlan["weightGrad"]>): number[] => {
      const pack = packOf(one.weightGrad(...of));
      return pack === null ? [] : [...pack.index];
    };
    weight.plan = {
      forward: (x, geometry) => {
        const operand = plan.forward(x, geometry);
        operands.add(`${name} forward ${kindOf(operand)}`);
        return operand;
      },
      inputGrad: (dy) => {
        const operand = plan.inputGrad(dy);
        operands.add(`${name} inputGrad ${kindOf(operand)}`);
        return operand;
      },
      weightGrad: (dy, x, geometry) => {
        const operand = plan.weightGrad(dy, x, geometry);
        operands.add(`${name} weightGrad ${kindOf(operand)}`);
        // of one gradient both would draw others
        expect(sampled(conv.weight.plan!, dy, x, geometry)).not.toEqual(sampled(plan, dy, x, geometry));
        return operand;
      },
    };
  }
  while (!run.done) {
    run.advance();
    for (const [name, { data }] of run.session.checkpoint()) {
      const weight = run.model.namedParameters().get(name.replace(/^sparsity\/(.*)\.mask$/, "$1"));
      if (!name.endsWith(".mask") || weight === undefined) continue;
      const [rows] = weight.shape;
      expect(verifyMask(data as Uint32Array, rows, weight.size / rows, parsePattern("2:4")).ok).toBe(true);
    }
  }
  expect(operands).toEqual(
    new Set(
      ["conv2", "conv3"].flatMap((name) => [
        `${name} forward weight`,
        `${name} inputGrad transpose`,
        `${name} weightGrad transpose`,
      ]),
    ),
  );
});

describe("a run with branches", () => {
  const bits = (run: Run): Map<string, readonly number[]> =>
    new Map([...run.state()].map(([name, { data: values }]) => [name, [...values]]));

  test.each([
    ["spre", recipe(undefined, backwardToo)],
    ["spre, masks kept for some steps", recipe({ name: "spre", refresh: 5 })],
    ["with a frozen phase", recipe(undefined, { phases: { sparseFrom: 0.2, frozenFrom: 0.4 } })],
    ["ASP", recipe({ name: "asp", pruneAt: 0.4 }, { spatialBranches: true })],
  ])("goes on with the same bits: %s", (_, one) => {
    const whole = newRun(one);
    while (!whole.done) whole.advance();
    for (const step of [3, 7, 12, 23]) {
      const first = newRun(one);
      while (first.step < step) first.advance();
      const saved = new Map([...first.state()].map(([name, { shape, data }]) => [name, { shape, data: data.slice() }]));
      const second = newRun(one);
      second.restore(saved, step);
      while (!second.done) second.advance();
      const [found, expected] = [bits(second), bits(whole)];
      const other = [...expected].filter(([name, values]) => found.get(name)?.join() !== values.join());
      expect([step, other.map(([name]) => name)]).toEqual([step, []]);
      expect(found.size).toBe(expected.size);
    }
  });

  test("keeps its taps while masks are frozen", () => {
    const run = newRun(recipe(undefined, { phases: { frozenFrom: 0.5 } }));
    const taps = (): number[] =>
      [...run.session.checkpoint()].flatMap(([name, { data }]) => (name.endsWith(".taps") ? [data[0]] : []));
    while (run.step < run.steps / 2) run.advance();
    const before = taps();
    expect(before).toHaveLength(2);
    while (!run.done) run.advance();
    expect(taps()).toEqual(before);
  });

  test("reports the gradients of branches beside those of convolutions", () => {
    const reports = trained(recipe(undefined, backwardToo)).probeGradients(2);
    expect(reports.map(({ layer }) => layer).sort()).toEqual([
      "conv1.weight",
      "conv2.branch.conv.weight",
      "conv2.weight",
      "conv3.branch.conv.weight",
      "conv3.weight",
    ]);
    for (const { cosine } of reports) expect(cosine).toBeGreaterThan(0.1);
  });
});

test("follows a method that changes the pattern, or multiplies by values of its own", () => {
  const device = new Device(jsKernels());
  const model = cnn(8, [8, 16], 3, { device, random: new Random(1) });
  const patterns = ["2:4", "1:4", "dense", "1:8"];
  let turn = 0;
  const weights: WeightMethod = {
    name: "changing",
    spatialBranches: true,
    beforeForward: (parameter) => {
      const pattern = patterns[turn];
      if (pattern === "dense") return parameter.multiplyBy(parameter.weight.map((value) => value / 2));
      parameter.changePattern(parsePattern(pattern));
      parameter.prune();
    },
  };
  const inputGrad = doublePruned();
  const sparsity = sparsify(model, { weights, pattern: "1:8", steps: 4, inputGrad, inputGradPattern: "2:4" });
  const random = new Random(3);
  for (turn = 0; turn < patterns.length; turn++) {
    device.step(() => {
      const x = tensor(
        device,
        [2, 8, 8, 8],
        Array.from({ length: 1024 }, () => random.normal()),
      );
      backward(crossEntropy(model.forward(x), Int32Array.of(0, 1)));
    });
    for (const { conv, branch } of branchesOf(model)) {
      const rows = conv.weight.shape[0];
      const [main, used] = [conv, branch.conv].map(({ weight }) => Float32Array.from(denseWeightOf(weight)));
      const k = main.length / rows;
      expect(used.some((value) => value !== 0)).toBe(true);
      if (patterns[turn] === "dense") continue;
      expect(verifyValues(used, rows, k, parsePattern(patterns[turn])).ok).toBe(true);
      expect(used.every((value, i) => value === 0 || main[i] !== 0)).toBe(true);
    }
    expect(sparsity.verify().checked.every(({ ok }) => ok)).toBe(patterns[turn] !== "dense");
    for (const parameter of model.parameters()) parameter.touch();
  }
});

test("every method may have branches; the method spre has them, a dense one none", () => {
  for (const { name } of weightMethods) {
    const run = newRun(recipe({ name }, { spatialBranches: true }));
    expect(branchesOf(run.model).map((one) => one.name)).toEqual(name === "dense" ? [] : ["conv2", "conv3"]);
  }
  expect(branchesOf(newRun(recipe({ name: "sr-ste" })).model)).toEqual([]);
  const reasons = newRun(recipe()).plan.map(({ products }) =>
    products.forward.reason.endsWith("; twice, with a branch"),
  );
  expect(reasons).toEqual([false, true, true, false]);
  expect(branchesOf(newRun(recipe(undefined, { skip: ["conv3"] })).model).map(({ name }) => name)).toEqual(["conv2"]);
  expect(() => parseRecipe({ model: { name: "mlp" }, spatialBranches: true })).toThrow(
    "only cnn, resnet, squeezenet and detector have convolutions that a batch norm follows",
  );
  const one = recipe({ name: "sr-ste" }, { layers: { conv3: { method: { name: "spre" } } } });
  expect(branchesOf(newRun(one).model).map(({ name }) => name)).toEqual(["conv3"]);
  const birth = { device: new Device(jsKernels()), random: new Random(1) };
  const model = resnet(8, 4, 3, birth);
  sparsify(model, { weights: spre(), pattern: "2:4", steps: 1 });
  expect(branchesOf(model)).toHaveLength(7);
});
