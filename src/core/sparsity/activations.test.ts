/** Sparse activations in forward: which layers have them, what they compute, and that the gradient is theirs. */
import { expect, test } from "vitest";
import { operandsOf } from "../../lab/recipes/operands.ts";
import { parseRecipe } from "../../lab/recipes/recipe.ts";
import { withMethod } from "../../lab/runs/compare.ts";
import { add } from "../autograd/ops/add.ts";
import { crossEntropy } from "../autograd/ops/cross-entropy.ts";
import { backward } from "../autograd/tape.ts";
import { jsKernels } from "../backend/js.ts";
import type { Kernels } from "../backend/kernels.ts";
import { SquaredReLU } from "../nn/activations.ts";
import type { InitOptions } from "../nn/init-options.ts";
import { Linear } from "../nn/linear.ts";
import { gpt } from "../nn/models/gpt.ts";
import { Module } from "../nn/module.ts";
import { Random } from "../random.ts";
import { PackedActivations } from "../sparse/formats/packed-activations.ts";
import type { PackedMatrix } from "../sparse/formats/packed-matrix.ts";
import { verifyValues } from "../sparse/mask.ts";
import { parsePattern } from "../sparse/pattern.ts";
import { Device } from "../tensor/device.ts";
import { type Tensor, tensor } from "../tensor/tensor.ts";
import { multiplyingWeights, traceProducts } from "./layers.ts";
import { magnitude } from "./methods/activations/magnitude.ts";
import { doublePruned } from "./methods/input-grad/double-pruned.ts";
import { mvue } from "./methods/weight-grad/mvue.ts";
import { ste } from "./methods/weights/ste.ts";
import { PatternSparsifier } from "./pattern-sparsifier.ts";
import { type Phases, phaseAt } from "./phases.ts";
import { inAllLayers, type Operands, type Planning, type ProductTimes, planLayers } from "./plan.ts";

const init = (kernels: Kernels = jsKernels()) => ({ device: new Device(kernels), random: new Random(1) });
const activations = (pattern = "2:4"): Operands => ({
  forward: null,
  activations: { method: magnitude(), pattern: parsePattern(pattern) },
  inputGrad: null,
  weightGrad: null,
});
const pattern = parsePattern("2:4");
const all: Operands = {
  ...activations(),
  forward: { method: ste(), pattern },
  inputGrad: { method: doublePruned(), pattern },
  weightGrad: { method: mvue(), pattern },
};

/** fc2 meets two inputs in one step. */
class Twice extends Module {
  readonly fc1: Linear;
  readonly fc2: Linear;
  readonly last: Linear;
  readonly squared = new SquaredReLU();

  constructor(one: InitOptions) {
    super();
    this.fc1 = new Linear(6, 16, one);
    this.fc2 = new Linear(16, 8, one);
    this.last = new Linear(8, 3, one);
  }

  override forward(x: Tensor): Tensor {
    const first = this.fc2.forward(this.squared.forward(this.fc1.forward(x)), true);
    const second = this.fc2.forward(this.squared.forward(this.fc1.forward(add(x, x))));
    return this.last.forward(add(first, second));
  }
}

const planOf = (model: Module, operands: Operands, computed: Partial<Planning> = {}) =>
  planLayers(multiplyingWeights(model), inAllLayers(operands), {
    compute: "sparse",
    products: traceProducts(model, [6], 8),
    ...computed,
  });

/** The model with what its forward products were given. */
function sparsified(kernels: Kernels, operands: Operands, phases?: Phases) {
  const model = new Twice(init(kernels));
  const layers = planOf(model, operands);
  const sparsity = new PatternSparsifier(model, multiplyingWeights(model), inAllLayers(operands), layers, {
    ...{ steps: 4, seed: 1, phases },
  });
  const seen: { packed: PackedMatrix; x: Tensor }[] = [];
  const { plan } = model.fc2.weight;
  if (plan === null) throw new Error("fc2 has no plan");
  const forward = plan.forward.bind(plan);
  plan.forward = (x, geometry) => {
    const operand = forward(x, geometry);
    if (operand instanceof PackedActivations) seen.push({ packed: operand.x, x });
    return operand;
  };
  return { model, layers, sparsity, seen };
}

const inputs = (device: Device): Tensor => {
  const random = new Random(2);
  return tensor(
    device,
    [8, 6],
    Array.from({ length: 48 }, () => random.normal()),
  );
};
const labels = Int32Array.from({ length: 8 }, (_, i) => i % 3);

test("layers whose input is of a squared ReLU multiply sparse activations by a dense weight, others sparse weights", () => {
  const one = init();
  const shape = { vocabulary: 5, context: 8, layers: 2, width: 16, heads: 2 };
  const model = gpt({ ...shape, ...one, activation: "squared-relu" });
  const products = traceProducts(model, [1], 8);
  const plan = planLayers(multiplyingWeights(model), inAllLayers(all), { compute: "sparse", products });
  const operands = plan.map(({ products: { forward } }) => forward.operand);
  expect(operands).toEqual([
    "weight",
    "weight",
    "weight",
    "activations",
    ...Array(3).fill("weight"),
    "activations",
    null,
  ]);
  const fc2 = plan[3];
  expect(fc2).toMatchObject({ name: "blocks.0.mlp.fc2.weight", pattern: null });
  expect(fc2.computed).toEqual({ forward: "sparse", inputGrad: "dense", weightGrad: "sparse" });
  expect(fc2.products.forward).toMatchObject({ method: "magnitude", pattern: "2:4" });
  expect(fc2.products.inputGrad.reason).toBe("the weight is dense");

  const gelu = gpt({ ...shape, ...init() });
  const none = planLayers(multiplyingWeights(gelu), inAllLayers(activations()), {
    ...{ compute: "sparse", products: traceProducts(gelu, [1], 8) },
  });
  expect(none.slice(0, -1).every(({ reason }) => reason === "its input is not of a squared ReLU")).toBe(true);
});

test("where they do not pay they leave forward to the weight", () => {
  const [fast, slow]: ProductTimes[] = [1, 3].map((sparse) => ({
    ...{ dense: 2, emulated: 2 },
    sparse,
    sparseAndCopy: sparse,
  }));
  const model = new Twice(init());
  const fc2 = (times: ProductTimes, operands = all) =>
    planOf(model, operands, {
      compute: "auto",
      dispatcher: { times: (product, operand) => (product === "forward" && operand === "activations" ? times : fast) },
    })[1];
  expect(fc2(fast).products.forward).toMatchObject({ operand: "activations", reason: "2.00x dense" });
  expect(fc2(slow)).toMatchObject({ pattern: "2:4", products: { forward: { operand: "weight", computed: "sparse" } } });
  expect(fc2(slow, activations()).products.forward).toMatchObject({
    ...{ operand: "activations", computed: "emulated", reason: "emulated is 1.50x sparse; dense is 1.00x" },
  });
});

test.each(["2:4", "1:4", "2:8", "3:16"])(
  "operands are %s along the inputs, the result is that of the masked input, and zeros are not multiplied",
  (text) => {
    const { device } = init();
    const { kernels } = device;
    const { model, seen } = sparsified(kernels, activations(text));
    const { n, m } = parsePattern(text);
    const before = kernels.multiplies();
    const y = model.forward(inputs(model.fc1.weight.device));
    const [fc1, fc2, last] = [6 * 16, 16 * 8, 8 * 3].map((size) => 8 * size);
    expect(kernels.multiplies() - before).toBe(2 * (fc1 + (fc2 * n) / m) + last);
    expect(seen.length).toBe(2);
    for (const { packed, x } of seen) {
      const values = new Float32Array(8 * 16);
      packed.unpackInto(values);
      expect(verifyValues(values, 8, 16, parsePattern(text))).toMatchObject({ ok: true });
      values.forEach((value, i) => {
        expect([0, x.data[i]]).toContain(value);
      });
      expect(packed.masked).toEqual(values);
    }
    const weight = model.fc2.weight;
    const [first, second] = seen.map(({ packed }) => packed.masked.slice());
    weight.plan = null;
    const dense = (masked: Float32Array, relu: boolean): Tensor =>
      model.fc2.forward(tensor(weight.device, [8, 16], masked), relu);
    const wanted = model.last.forward(add(dense(first, true), dense(second, false)));
    wanted.data.forEach((value, i) => {
      expect(y.data[i]).toBeCloseTo(value, 5);
    });
  },
);

test("the gradient is that of the product with the mask held", () => {
  const doubles = { ...jsKernels(), float32: (length: number) => new Float64Array(length) } as unknown as Kernels;
  for (const text of ["2:4", "1:4"]) {
    const { model } = sparsified(doubles, activations(text));
    const { device } = model.fc1.weight;
    const loss = (): Tensor => crossEntropy(model.forward(inputs(device)), labels);
    device.step(() => backward(loss()));
    const value = (): number => device.step(() => device.withoutGradients(() => loss().data[0]));
    const step = 1e-6;
    for (const { data, grad } of model.parameters()) {
      data.forEach((held, i) => {
        data[i] = held + step;
        const above = value();
        data[i] = held - step;
        const below = value();
        data[i] = held;
        expect(grad[i]).toBeCloseTo((above - below) / (2 * step), 6);
      });
    }
  }
});

test("a sample of the gradient is multiplied by what forward kept", () => {
  const { model, seen } = sparsified(jsKernels(), { ...activations(), weightGrad: all.weightGrad });
  const { plan } = model.fc2.weight;
  const given: Float32Array[] = [];
  const weightGrad = plan!.weightGrad.bind(plan);
  plan!.weightGrad = (dy, x, geometry) => {
    given.push(x);
    return weightGrad(dy, x, geometry);
  };
  const { device } = model.fc1.weight;
  device.step(() => backward(crossEntropy(model.forward(inputs(device)), labels)));
  expect(given.length).toBe(2);
  expect(new Set(given)).toEqual(new Set(seen.map(({ packed }) => packed.masked)));
});

test("packs are used again in the next step, and in a dense phase there are none", () => {
  const phases: Phases = { sparseFrom: 0.5, frozenFrom: 1, denseFrom: 1 };
  const { model, sparsity, seen } = sparsified(jsKernels(), activations(), phases);
  const { device } = model.fc1.weight;
  const optimizer = sparsity.around({ update: () => {}, state: () => [] } as never);
  for (const step of [0, 1, 2, 3]) {
    device.step(() => model.forward(inputs(device)));
    optimizer.update([], step);
    expect(seen.length).toBe(phaseAt(phases, step, 4) === "dense" ? 0 : 2 * (step - 1));
  }
  expect(new Set(seen.map(({ packed }) => packed)).size).toBe(2);
});

test("no place of a text knows of those behind it: rows share no mask", () => {
  const one = init();
  const options = { vocabulary: 5, context: 8, layers: 1, width: 16, heads: 2, activation: "squared-relu" } as const;
  const model = gpt({ ...options, ...one });
  const products = traceProducts(model, [1], 8);
  const plan = (text: string) =>
    planLayers(multiplyingWeights(model), inAllLayers(activations(text)), { compute: "sparse", products });
  expect(plan("2:4v2")[3].reason).toBe("rows of activations share no mask, as in 2:4v2");
  const layers = plan("1:4");
  expect(layers[3].computed.forward).toBe("sparse");
  new PatternSparsifier(model, multiplyingWeights(model), inAllLayers(activations("1:4")), layers, {
    steps: 1,
    seed: 1,
  });
  const logits = (tokens: number[]): Float32Array => model.forward(tensor(one.device, [1, 8], tokens)).data;
  const [before, after] = [logits([0, 1, 2, 3, 4, 3, 2, 1]), logits([0, 1, 2, 3, 4, 3, 2, 4])];
  const ahead = 7 * options.vocabulary;
  expect(before.subarray(0, ahead)).toEqual(after.subarray(0, ahead));
  expect(before.subarray(ahead)).not.toEqual(after.subarray(ahead));
});

test("a recipe names them, by default with the pattern of the weights without vectors", () => {
  const patternOf = (recipe: object) => operandsOf(parseRecipe(recipe)).activations?.pattern;
  expect(patternOf({})).toBeUndefined();
  expect(patternOf({ activations: { name: "magnitude" } })).toEqual(parsePattern("2:4"));
  const method = { name: "sr-ste", pattern: "1:4v2" };
  expect(patternOf({ method, activations: { name: "magnitude" } })).toEqual(parsePattern("1:4"));
  expect(patternOf({ method, activations: { name: "magnitude", pattern: "2:8" } })).toEqual(parsePattern("2:8"));
  expect(() => parseRecipe({ activations: { name: "magnitud" } })).toThrow('perhaps you mean "magnitude"');
  expect(withMethod(parseRecipe({ activations: { name: "magnitude" } }), { name: "dense" }).activations.name).toBe(
    "dense",
  );
});
