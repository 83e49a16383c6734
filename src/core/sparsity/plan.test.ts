import { expect, test } from "vitest";
import type { Product } from "../backend/families/products.ts";
import { jsKernels } from "../backend/js.ts";
import { cnn } from "../nn/models/cnn.ts";
import { mlp } from "../nn/models/mlp.ts";
import { valuesOf } from "../nn/state.ts";
import { Random } from "../random.ts";
import { parsePattern } from "../sparse/pattern.ts";
import { Device } from "../tensor/device.ts";
import { multiplyingWeights, traceProducts } from "./layers.ts";
import { doublePruned } from "./methods/input-grad/double-pruned.ts";
import { greedy } from "./methods/input-grad/greedy.ts";
import { approxMvue } from "./methods/weight-grad/approx-mvue.ts";
import { mvue } from "./methods/weight-grad/mvue.ts";
import { restored } from "./methods/weight-grad/restored.ts";
import { srSte } from "./methods/weights/sr-ste.ts";
import { ste } from "./methods/weights/ste.ts";
import { inAllLayers, type Operands, type PlannedLayer, type ProductTimes, planLayers, type Routing } from "./plan.ts";

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
function planOf(times: Record<Product, ProductTimes>, routing: Routing = "auto", batch = 8): PlannedLayer[] {
  const model = mlp([8, 16, 12, 4], birth());
  const products = traceProducts(model, [8], batch);
  const dispatcher = { times: (product: Product) => times[product] };
  return planLayers(multiplyingWeights(model), inAllLayers(everything), { routing, products, dispatcher });
}
const fast = { dense: 2, sparse: 1, sparseAndCopy: 1.25, masked: 2.1 };
const slow = { dense: 2, sparse: 3, sparseAndCopy: 3.25, masked: 2.01 };

test("auto takes the sparse route where it is faster, layer by layer and product by product", () => {
  const [first, second, last] = planOf({ forward: fast, inputGrad: fast, weightGrad: slow });
  expect(first.routes).toEqual({ forward: "sparse", inputGrad: "masked", weightGrad: "dense" });
  expect(first.products.inputGrad.reason).toBe("none: the model's input");
  expect(second.routes).toEqual({ forward: "sparse", inputGrad: "sparse", weightGrad: "dense" });
  expect(second.products.forward).toEqual({
    ...{ operand: "weight", method: "sr-ste", pattern: "2:4", route: "sparse" },
    ...{ denseMs: 2, sparseMs: 1, reason: "2.00x dense" },
  });
  expect(second.products.weightGrad.reason).toBe("dense is 1.50x");
  expect([last.pattern, last.reason]).toEqual([null, "the last layer stays dense"]);
});

test("a copy of the weight with zeros, for an input gradient that is not sparse, is counted", () => {
  const [first, second] = planOf({ forward: fast, inputGrad: slow, weightGrad: slow });
  // the first layer's input needs no gradient, and so no copy
  expect([first, second].map(({ products }) => products.forward.sparseMs)).toEqual([1, 1.25]);
});

test("auto computes a sparse weight densely where that costs no more than the noise", () => {
  const [, layer] = planOf({ forward: slow, inputGrad: slow, weightGrad: slow });
  expect(layer.pattern).toBe("2:4");
  expect(layer.routes).toEqual({ forward: "masked", inputGrad: "masked", weightGrad: "dense" });
});

test("auto leaves a layer dense that would be more than 3 % slower, and keeps the times that say so", () => {
  const costly = { ...slow, masked: 2.3 };
  const [, layer] = planOf({ forward: costly, inputGrad: slow, weightGrad: slow });
  expect(layer.pattern).toBeNull();
  expect(layer.routes).toEqual({ forward: "dense", inputGrad: "dense", weightGrad: "dense" });
  expect(layer.reason).toBe("layer: dense 6.00 ms, sparse 6.31 ms");
  expect(layer.products.forward).toMatchObject({ denseMs: 2, sparseMs: 3.25, reason: layer.reason });
});

test("what was asked for is done, whatever the times", () => {
  const times = { forward: slow, inputGrad: slow, weightGrad: slow };
  expect(planOf(times, "sparse")[1].routes).toEqual({ forward: "sparse", inputGrad: "sparse", weightGrad: "sparse" });
  const fastest = { forward: fast, inputGrad: fast, weightGrad: fast };
  const routes = { forward: "masked", inputGrad: "masked", weightGrad: "dense" };
  expect(planOf(fastest, "dense")[1].routes).toEqual(routes);
});

test("a sample of gradients needs positions that its groups tile", () => {
  const [, layer] = planOf({ forward: fast, inputGrad: fast, weightGrad: fast }, "auto", 6);
  expect(layer.products.weightGrad).toMatchObject({
    ...{ operand: null, route: "dense", reason: "6 positions cannot be cut into groups of 4" },
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
      routing: "sparse",
      products: traceProducts(model, shape, 8),
    });
  const [linear] = plan(mlp([8, 16, 12, 4], birth()), [8]);
  expect(linear.products.weightGrad).toMatchObject({
    route: "dense",
    operand: null,
    reason: "no rows of images: neighboring positions are not alike",
  });
  const [convolution] = plan(cnn(4, [8, 16], 4, birth()), [8, 8, 4]);
  expect(convolution.products.weightGrad).toMatchObject({ route: "sparse", operand: "activations", pattern: "1:2" });
});

test("a backward product stays dense where its method has no such pattern", () => {
  const weights = multiplyingWeights(mlp([8, 16, 12, 4], birth()));
  const [fits] = planLayers(weights, inAllLayers({ ...everything, weightGrad: { method: approxMvue(), pattern } }));
  expect(fits.products.weightGrad).toMatchObject({ method: "approx-mvue", route: "sparse" });
  const wide = { method: approxMvue(), pattern: parsePattern("2:4v2") };
  const [misfit] = planLayers(weights, inAllLayers({ ...everything, weightGrad: wide }));
  expect(misfit.products.weightGrad).toMatchObject({
    ...{ method: null, route: "dense", reason: "approx-mvue samples 2:4, not 2:4v2" },
  });
});

test("weights whose names hold a word of skip stay dense, and a word that no name holds is refused", () => {
  const weights = multiplyingWeights(mlp([8, 16, 12, 4], birth()));
  const plan = (skip: string[]) => planLayers(weights, inAllLayers(everything), { routing: "sparse", skip });
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

test("a sparse gradient in a convolution's inputGrad, which has no kernel, is simulated unless dense routes are asked for", () => {
  const model = cnn(4, [8, 16], 4, birth());
  const products = traceProducts(model, [8, 8, 4], 8);
  const operands = { ...everything, inputGrad: { method: greedy(), pattern } };
  const route = (routing: Routing) =>
    planLayers(multiplyingWeights(model), inAllLayers(operands), { routing, products })[1].products.inputGrad;
  for (const routing of ["auto", "sparse"] as const) {
    expect(route(routing)).toMatchObject({ operand: "gradient", route: "masked" });
  }
  expect(route("dense")).toMatchObject({ route: "dense" });
});
