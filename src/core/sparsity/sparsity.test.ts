/** A step with all three products sparse: each runs on its sparse kernel, with a legal operand and the right result. */
import { expect, test } from "vitest";
import { packOf } from "../../../test/operands.ts";
import { crossEntropy } from "../autograd/ops/cross-entropy.ts";
import { backward } from "../autograd/tape.ts";
import { jsKernels } from "../backend/js.ts";
import { cnn } from "../nn/models/cnn.ts";
import { mlp } from "../nn/models/mlp.ts";
import type { Module } from "../nn/module.ts";
import { Optimizer } from "../optim/optimizer.ts";
import { sgd } from "../optim/sgd.ts";
import { Random } from "../random.ts";
import { PackedMatrix, type PackedOperand, unpack } from "../sparse/formats/packed-matrix.ts";
import { verifyValues } from "../sparse/mask.ts";
import { parsePattern } from "../sparse/pattern.ts";
import { Device } from "../tensor/device.ts";
import { tensor } from "../tensor/tensor.ts";
import { doublePruned } from "./methods/input-grad/double-pruned.ts";
import { mvue as mvueRows } from "./methods/input-grad/mvue.ts";
import { mvue } from "./methods/weight-grad/mvue.ts";
import { ste } from "./methods/weights/ste.ts";
import { type SparsifyOptions, sparsify } from "./sparsify.ts";

const models: Record<string, [(device: Device) => Module, readonly number[]]> = {
  mlp: [(device) => mlp([16, 32, 24, 4], { device, random: new Random(1) }), [16]],
  cnn: [(device) => cnn(4, [8, 16], 4, { device, random: new Random(1) }), [8, 8, 4]],
};
const BATCH = 8;

interface Seen {
  readonly inputGrads: PackedOperand[];
  readonly samples: PackedOperand[];
}

/** Takes one step; notes the packs that the backward products were given. */
function step(name: string, options: Partial<SparsifyOptions>, weights = true) {
  const device = new Device(jsKernels());
  const [build, shape] = models[name];
  const model = build(device);
  const sparsity = sparsify(model, { weights: weights ? ste() : null, pattern: "2:4", steps: 1, ...options });
  const seen: Seen = { inputGrads: [], samples: [] };
  for (const parameter of model.parameters()) {
    const { plan } = parameter;
    if (plan === null) continue;
    parameter.plan = {
      forward: (x, geometry) => plan.forward(x, geometry),
      inputGrad: (dy) => {
        const operand = plan.inputGrad(dy);
        const pack = packOf(operand);
        if (pack !== null) seen.inputGrads.push(pack);
        return operand;
      },
      weightGrad: (dy, x, geometry) => {
        const operand = plan.weightGrad(dy, x, geometry);
        const pack = packOf(operand);
        if (pack !== null) seen.samples.push(pack);
        return operand;
      },
    };
  }
  const optimizer = new Optimizer(model, sparsity.around(sgd({ learningRate: 0.1 })));
  const random = new Random(2);
  const size = BATCH * shape.reduce((a, b) => a * b, 1);
  const before = device.kernels.multiplies();
  device.step(() => {
    const x = tensor(
      device,
      [BATCH, ...shape],
      Array.from({ length: size }, () => random.normal()),
    );
    backward(
      crossEntropy(
        model.forward(x),
        Int32Array.from({ length: BATCH }, (_, i) => i % 4),
      ),
    );
    optimizer.step();
  });
  return { model, sparsity, seen, multiplies: device.kernels.multiplies() - before };
}

/** The dense matrix [rows, k] of a pack. */
function unpacked(packed: PackedOperand): Float32Array {
  const w = new Float32Array(packed.rows * packed.k);
  unpack(packed, w);
  return w;
}

const all = { inputGrad: doublePruned(), weightGrad: mvue() };

test("multiplies half as much in each product", () => {
  const [fc1, fc2, fc3] = [16 * 32, 32 * 24, 24 * 4].map((size) => BATCH * size);
  expect(step("mlp", {}).multiplies).toBe(fc1 / 2 + fc1 + fc2 / 2 + 2 * fc2 + 3 * fc3);
  expect(step("mlp", { inputGrad: doublePruned() }).multiplies).toBe(fc1 / 2 + fc1 + fc2 + fc2 + 3 * fc3);
  expect(step("mlp", { weightGrad: mvue() }).multiplies).toBe(fc1 + fc2 + fc2 + 3 * fc3);
  expect(step("mlp", all).multiplies).toBe(fc1 + (3 * fc2) / 2 + 3 * fc3);
  expect(step("mlp", { weightGrad: mvue(), weightGradPattern: "1:4" }, false).multiplies).toBe(
    (fc1 * 5) / 4 + (fc2 * 9) / 4 + 3 * fc3,
  );
});

test.each(["2:4", "1:4", "2:4v2", "1:8v4"])(
  "every operand of %s is N:M along what its product sums over",
  (pattern) => {
    for (const name of Object.keys(models)) {
      const { sparsity, seen } = step(name, { ...all, pattern });
      expect(sparsity.verify().checked.every(({ ok }) => ok)).toBe(true);
      // of the two layers before the last, the first's input needs no gradient
      expect([seen.inputGrads.length, seen.samples.length]).toEqual([1, 2]);
      for (const packed of [...seen.inputGrads, ...seen.samples]) {
        expect(verifyValues(unpacked(packed), packed.rows, packed.k, parsePattern(pattern))).toMatchObject({
          ok: true,
        });
      }
    }
  },
);

test("inputGrad's weight is a part of forward's", () => {
  const { model, seen } = step("mlp", { ...all, weightGrad: undefined });
  // the weights of the step before the update, as forward multiplied by them
  const before = models.mlp[0](new Device(jsKernels()));
  const w = before.namedParameters().get("fc2.weight")!;
  const packed = new PackedMatrix(jsKernels(), 24, 32, parsePattern("2:4"));
  packed.prune(w.data);
  const transposed = unpacked(seen.inputGrads[0]);
  let kept = 0;
  for (let row = 0; row < 24; row++) {
    for (let column = 0; column < 32; column++) {
      const value = transposed[column * 24 + row];
      if (value === 0) continue;
      kept++;
      expect(value).toBe(packed.masked[row * 32 + column]);
    }
  }
  expect(kept).toBeGreaterThan((24 * 32) / 4);
  expect(model.namedParameters().get("fc2.weight")!.data).not.toEqual(w.data);
});

test("samples differ from layer to layer, step to step and seed to seed, and the bias's gradient is the whole one", () => {
  const one = step("mlp", { ...all, inputGrad: undefined, seed: 1 });
  const two = step("mlp", { ...all, inputGrad: undefined, seed: 2 });
  const again = step("mlp", { ...all, inputGrad: undefined, seed: 1 });
  const places = ({ seen }: typeof one): string => seen.samples.map(({ index }) => index.join()).join(";");
  expect(places(again)).toBe(places(one));
  expect(places(two)).not.toBe(places(one));
  const bias = ({ model }: typeof one): number[] => [...model.namedParameters().get("fc2.bias")!.grad];
  expect(bias(two)).toEqual(bias(one));
});

test.each(["2:4", "1:4", "2:4v2", "1:8v4"])(
  "samples of the gradient are %s along the outputs for inputGrad too",
  (pattern) => {
    const { seen, multiplies } = step("mlp", { inputGrad: mvueRows(), weightGrad: mvue(), pattern }, false);
    expect([seen.inputGrads.length, seen.samples.length]).toEqual([1, 2]);
    const { n, m } = parsePattern(pattern);
    const [fc1, fc2, fc3] = [16 * 32, 32 * 24, 24 * 4].map((size) => BATCH * size);
    expect(multiplies).toBe(fc1 + fc2 + ((fc1 + 2 * fc2) * n) / m + 3 * fc3);
    const [rows] = seen.inputGrads;
    expect([rows.rows, rows.k]).toEqual([BATCH, 24]);
    expect(verifyValues(unpacked(rows), rows.rows, rows.k, parsePattern(pattern))).toMatchObject({ ok: true });
  },
);
