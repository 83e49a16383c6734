import { expect, test } from "vitest";
import { add } from "../autograd/ops/add.ts";
import type { Product } from "../backend/families/products.ts";
import { jsKernels } from "../backend/js.ts";
import { Linear } from "../nn/linear.ts";
import { cnn } from "../nn/models/cnn.ts";
import { mlp } from "../nn/models/mlp.ts";
import { Module } from "../nn/module.ts";
import { valuesOf } from "../nn/state.ts";
import { Random } from "../random.ts";
import { parsePattern } from "../sparse/pattern.ts";
import { Device } from "../tensor/device.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { multiplyingWeights, traceProducts } from "./layers.ts";
import { doublePruned } from "./methods/input-grad/double-pruned.ts";
import { greedy } from "./methods/input-grad/greedy.ts";
import { approxMvue } from "./methods/weight-grad/approx-mvue.ts";
import { mvue } from "./methods/weight-grad/mvue.ts";
import { restored } from "./methods/weight-grad/restored.ts";
import { srSte } from "./methods/weights/sr-ste.ts";
import { ste } from "./methods/weights/ste.ts";
import {
  type Compute,
  coverageOf,
  inAllLayers,
  type LeaveDense,
  type Operands,
  type PlannedLayer,
  type ProductTimes,
  planLayers,
} from "./plan.ts";

const birth = () => ({ device: new Device(jsKernels()), random: new Random(1) });
const pattern = parsePattern("2:4");
const everything: Operands = {
  forward: { method: srSte(), pattern },
  activations: null,
  inputGrad: { method: doublePruned(), pattern },
  weightGrad: { method: mvue(), pattern },
};

const nothing: Operands = { forward: null, activations: null, inputGrad: null, weightGrad: null };

/** The plan of a small MLP where products take these times. */
function planOf(
  times: Record<Product, ProductTimes>,
  compute: Compute = "auto",
  batch = 8,
  leaveDense?: LeaveDense,
): PlannedLayer[] {
  const model = mlp([8, 16, 12, 4], birth());
  const products = traceProducts(model, [8], batch);
  const dispatcher = { times: (product: Product) => times[product] };
  return planLayers(multiplyingWeights(model), inAllLayers(everything), { compute, products, dispatcher, leaveDense });
}
const fast = { dense: 2, sparse: 1, sparseAndCopy: 1.25, emulated: 2.1 };
const slow = { dense: 2, sparse: 3, sparseAndCopy: 3.25, emulated: 2.01 };

test("auto computes sparse where that is faster, layer by layer and product by product", () => {
  const [first, second, last] = planOf({ forward: fast, inputGrad: fast, weightGrad: slow });
  expect(first.computed).toEqual({ forward: "sparse", inputGrad: "emulated", weightGrad: "emulated" });
  expect(first.products.inputGrad.reason).toBe("none: the model's input");
  expect(second.computed).toEqual({ forward: "sparse", inputGrad: "sparse", weightGrad: "emulated" });
  expect(second.products.forward).toEqual({
    ...{ operand: "weight", method: "sr-ste", pattern: "2:4", computed: "sparse" },
    ...{ denseMs: 2, sparseMs: 1, emulatedMs: 2.1, reason: "2.00x dense" },
  });
  expect(second.products.weightGrad.reason).toBe("emulated is 1.49x sparse; dense is 1.00x");
  expect([last.pattern, last.reason]).toEqual([null, "the last layer stays dense"]);
});

test("a copy of the weight with zeros, for an input gradient that is not sparse, is counted", () => {
  const products = traceProducts(mlp([8, 16, 12, 4], birth()), [8], 8);
  expect(products.size).toBe(3);
  const model = mlp([8, 16, 12, 4], birth());
  const [first, second] = planLayers(
    multiplyingWeights(model),
    inAllLayers({ ...nothing, forward: { method: srSte(), pattern } }),
    { compute: "auto", products: traceProducts(model, [8], 8), dispatcher: { times: () => fast } },
  );
  // the first layer's input needs no gradient, and so no copy
  expect([first, second].map((layer) => layer.products.forward.sparseMs)).toEqual([1, 1.25]);
});

test("times decide how products are computed, and never what is pruned", () => {
  const [quick, late] = [fast, { ...slow, emulated: 9 }].map((times) =>
    planOf({ forward: times, inputGrad: times, weightGrad: times }),
  );
  const promise = ({ name, pattern, products }: PlannedLayer): unknown[] => [
    name,
    pattern,
    ...Object.values(products).map(({ operand, method, pattern }) => [operand, method, pattern]),
  ];
  expect(late.map(promise)).toEqual(quick.map(promise));
  expect(coverageOf(late)).toEqual({
    ...{ pruned: 2, eligible: 3, layers: 3 },
    dense: [{ layer: "fc3.weight", reason: "the last layer stays dense" }],
  });
});

test("a layer that gains nothing stays dense only where that is asked for, and keeps the times that say so", () => {
  const costly = { ...slow, emulated: 2.3 };
  const times = { forward: costly, inputGrad: slow, weightGrad: slow };
  expect(planOf(times)[1].pattern).toBe("2:4");
  const left = planOf(times, "auto", 8, "slower");
  const [, layer] = left;
  expect(layer.pattern).toBeNull();
  expect(layer.computed).toEqual({ forward: "dense", inputGrad: "dense", weightGrad: "dense" });
  expect(layer.reason).toBe("slower: dense 6.00 ms, sparse 6.32 ms");
  expect(layer.products.forward).toMatchObject({ denseMs: 2, sparseMs: 3, emulatedMs: 2.3, reason: layer.reason });
  expect(coverageOf(left)).toMatchObject({ pruned: 0, eligible: 3, layers: 3 });
  // within the noise of 3 % it is pruned
  expect(planOf({ forward: slow, inputGrad: slow, weightGrad: slow }, "auto", 8, "slower")[1].pattern).toBe("2:4");
});

test("a list of leaveDense leaves these layers dense, and a name that no layer has is refused", () => {
  const times = { forward: fast, inputGrad: fast, weightGrad: fast };
  const [first, second] = planOf(times, "auto", 8, ["fc2"]);
  expect([first.pattern, second.pattern]).toEqual(["2:4", null]);
  expect([second.eligible, second.reason]).toEqual([true, 'left dense: skipped by "fc2"']);
  expect(() => planOf(times, "auto", 8, ["fc9"])).toThrow(/leaveDense: expected "slower" or a list of .* got "fc9"/);
  const weights = multiplyingWeights(mlp([8, 16, 12, 4], birth()));
  expect(() => planLayers(weights, inAllLayers(everything), { compute: "sparse", leaveDense: "slower" })).toThrow(
    'leaveDense: expected the shape of an input and measured times for "slower", got none.',
  );
});

test("what was asked for is done, whatever the times", () => {
  const times = { forward: slow, inputGrad: slow, weightGrad: slow };
  expect(planOf(times, "sparse")[1].computed).toEqual({ forward: "sparse", inputGrad: "sparse", weightGrad: "sparse" });
  const fastest = { forward: fast, inputGrad: fast, weightGrad: fast };
  const computed = { forward: "emulated", inputGrad: "emulated", weightGrad: "emulated" };
  expect(planOf(fastest, "emulated")[1].computed).toEqual(computed);
});

/** Two outputs behind one layer. */
class TwoHeads extends Module {
  // declared first, though it multiplies last
  readonly left: Linear;
  readonly body: Linear;
  readonly right: Linear;
  constructor() {
    super();
    this.left = new Linear(16, 4, birth());
    this.body = new Linear(8, 16, birth());
    this.right = new Linear(16, 4, birth());
  }
  forward(x: Tensor): Tensor {
    const y = this.body.forward(x);
    return add(this.left.forward(y), this.right.forward(y));
  }
}

test("first and last are what the model multiplies first and last, whatever the order of its properties", () => {
  const model = new TwoHeads();
  const plan = planLayers(multiplyingWeights(model), inAllLayers(everything), {
    ...{ compute: "sparse", products: traceProducts(model, [8], 8) },
  });
  expect(plan.map(({ name, reason }) => [name, reason])).toEqual([
    ["left.weight", "the last layer stays dense"],
    ["body.weight", "groups of 4 along inputs"],
    ["right.weight", "the last layer stays dense"],
  ]);
  const first = planLayers(multiplyingWeights(model), inAllLayers(everything), {
    ...{ compute: "sparse", skip: ["first"], products: traceProducts(model, [8], 8) },
  });
  expect(first.map(({ pattern }) => pattern)).toEqual(["2:4", null, "2:4"]);
});

test("a sample of gradients needs positions that its groups tile", () => {
  const [, layer] = planOf({ forward: fast, inputGrad: fast, weightGrad: fast }, "auto", 6);
  expect(layer.products.weightGrad).toMatchObject({
    ...{ operand: null, computed: "dense", reason: "6 positions cannot be cut into groups of 4" },
  });
});

test("a trace knows every product of a batch and leaves the model as it was", () => {
  const model = cnn(3, [4, 8], 5, birth());
  const before = [...valuesOf(model)].map(([name, { data }]) => [name, [...data]]);
  const products = traceProducts(model, [8, 8, 3], 10);
  const found = multiplyingWeights(model).map(({ name, weight }) => {
    const { geometry, inputGrad } = products.get(weight)!;
    return [name, [...geometry].join(" "), inputGrad];
  });
  expect(found).toEqual([
    ["conv1.weight", "10 8 8 3 3 3 1 1 8 8 4", false],
    ["conv2.weight", "10 4 4 4 3 3 1 1 4 4 8", true],
    ["fc.weight", "10 1 1 8 1 1 1 0 1 1 5", true],
  ]);
  expect([...valuesOf(model)].map(([name, { data }]) => [name, [...data]])).toEqual(before);
  expect(multiplyingWeights(model).every(({ weight }) => weight.plan === null)).toBe(true);
});

test("what takes neighbors for alike stays away from layers without rows of images", () => {
  const operands = { ...everything, weightGrad: { method: restored(), pattern: parsePattern("1:2") } };
  const plan = (model: Parameters<typeof multiplyingWeights>[0], shape: readonly number[]): PlannedLayer[] =>
    planLayers(multiplyingWeights(model), inAllLayers(operands), {
      compute: "sparse",
      products: traceProducts(model, shape, 8),
    });
  const [linear] = plan(mlp([8, 16, 12, 4], birth()), [8]);
  expect(linear.products.weightGrad).toMatchObject({
    computed: "dense",
    operand: null,
    reason: "no rows of images: neighboring positions are not alike",
  });
  const [convolution] = plan(cnn(4, [8, 16], 4, birth()), [8, 8, 4]);
  expect(convolution.products.weightGrad).toMatchObject({ computed: "sparse", operand: "activations", pattern: "1:2" });
});

test("a product with a fixed mask is timed by the slowest mask that its method may choose", () => {
  const model = cnn(4, [8, 16], 4, birth());
  const products = traceProducts(model, [8, 8, 4], 8);
  const timed = (method: Operands["weightGrad"]): unknown[] => {
    const masks: unknown[] = [];
    const dispatcher = {
      times: (product: Product, _operand: unknown, _geometry: unknown, _pattern: unknown, mask?: number) => {
        if (product === "weightGrad") masks.push(mask);
        return fast;
      },
    };
    planLayers(multiplyingWeights(model), inAllLayers({ ...everything, weightGrad: method }), {
      ...{ compute: "auto", products, dispatcher },
    });
    return masks;
  };
  expect(timed({ method: restored(), pattern: parsePattern("1:2") })).toContain(7);
  expect(timed({ method: restored({ mask: "columns" }), pattern: parsePattern("1:2") })).toContain(6);
  expect(timed(everything.weightGrad).every((mask) => mask === undefined)).toBe(true);
});

test("a backward product stays dense where its method has no such pattern", () => {
  const weights = multiplyingWeights(mlp([8, 16, 12, 4], birth()));
  const [fits] = planLayers(weights, inAllLayers({ ...everything, weightGrad: { method: approxMvue(), pattern } }));
  expect(fits.products.weightGrad).toMatchObject({ method: "approx-mvue", computed: "sparse" });
  const wide = { method: approxMvue(), pattern: parsePattern("2:4v2") };
  const [misfit] = planLayers(weights, inAllLayers({ ...everything, weightGrad: wide }));
  expect(misfit.products.weightGrad).toMatchObject({
    ...{ method: null, computed: "dense", reason: "approx-mvue samples 2:4, not 2:4v2" },
  });
});

test("weights whose names hold a word of skip stay dense, and a word that no name holds is refused", () => {
  const weights = multiplyingWeights(mlp([8, 16, 12, 4], birth()));
  const plan = (skip: string[]) => planLayers(weights, inAllLayers(everything), { compute: "sparse", skip });
  expect(plan(["fc1", "last"]).map(({ pattern, reason }) => [pattern, reason])).toEqual([
    [null, 'skipped by "fc1"'],
    ["2:4", "groups of 4 along inputs"],
    [null, "the last layer stays dense"],
  ]);
  const reasons = (skip: string[]) => plan(skip).map(({ reason }) => reason);
  expect(reasons(["first", "outputs<5"])).toEqual([
    "the first layer stays dense",
    "groups of 4 along inputs",
    "4 outputs, below 5",
  ]);
  expect(reasons(["inputs<9"])[0]).toBe("8 inputs, below 9");
  expect(reasons([])[2]).toBe("groups of 4 along inputs");
  expect(() => plan(["fc9"])).toThrow(/skip: expected a part of a name, .* of fc1.weight, fc2.weight, fc3.weight/);
});

test("layers whose names hold a word of layers have operands of their own", () => {
  const weights = multiplyingWeights(mlp([8, 16, 12, 4], birth()));
  const other = { ...nothing, forward: { method: ste(), pattern: parsePattern("1:4") } };
  const operands = {
    ...inAllLayers({ ...nothing, forward: { method: srSte(), pattern: parsePattern("2:4") } }),
    parts: ["fc2"],
  };
  const of = (name: string): Operands => (name.includes("fc2") ? other : operands.all);
  const plan = planLayers(weights, { ...operands, of });
  expect(plan.map(({ pattern }) => pattern)).toEqual(["2:4", "1:4", null]);
  expect(plan.map(({ products }) => products.forward.method)).toEqual(["sr-ste", "ste", null]);
  expect(() => planLayers(weights, { ...operands, parts: ["conv"], of })).toThrow(
    /layers: expected parts of the names fc1.weight/,
  );
});

test("a sparse gradient in a convolution's inputGrad, which has no kernel, is emulated", () => {
  const model = cnn(4, [8, 16], 4, birth());
  const products = traceProducts(model, [8, 8, 4], 8);
  const operands = { ...everything, inputGrad: { method: greedy(), pattern } };
  const computed = (compute: Compute) =>
    planLayers(multiplyingWeights(model), inAllLayers(operands), { compute, products })[1].products.inputGrad;
  for (const compute of ["auto", "sparse", "emulated"] as const) {
    expect(computed(compute)).toMatchObject({ operand: "gradient", computed: "emulated" });
  }
});
