/** Remainders as shorter groups: exactly ceil(r N / M) kept, in each of the methods that leave the choice to the pattern. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { crossEntropy } from "../autograd/ops/cross-entropy.ts";
import { backward } from "../autograd/tape.ts";
import { jsKernels } from "../backend/js.ts";
import { saveModel } from "../io/model-file.ts";
import { decodeSafetensors } from "../io/safetensors.ts";
import { cnn } from "../nn/models/cnn.ts";
import { mlp } from "../nn/models/mlp.ts";
import type { Module } from "../nn/module.ts";
import { adamW } from "../optim/adamw.ts";
import { Random } from "../random.ts";
import { PackedMatrix } from "../sparse/formats/packed-matrix.ts";
import { ShortGroupMatrix } from "../sparse/formats/short-group-matrix.ts";
import { isKept } from "../sparse/mask.ts";
import { groupsOf, keptOf, parsePattern } from "../sparse/pattern.ts";
import { Device } from "../tensor/device.ts";
import { tensor } from "../tensor/tensor.ts";
import { doublePruned } from "./methods/input-grad/double-pruned.ts";
import { lbc } from "./methods/weights/lbc.ts";
import { weightMethods } from "./methods/weights/methods.ts";
import { srSte } from "./methods/weights/sr-ste.ts";
import { ste } from "./methods/weights/ste.ts";
import type { Session } from "./session.ts";
import { sparsify } from "./sparsify.ts";

const device = new Device(jsKernels());
const kernels = device.kernels;

test("the groups of a row: whole ones, then what is left of each segment", () => {
  expect(groupsOf(parsePattern("2:4"), 2, 6)).toEqual([
    ...[
      { begin: 0, length: 4, kept: 2 },
      { begin: 4, length: 2, kept: 1 },
    ],
    ...[
      { begin: 6, length: 4, kept: 2 },
      { begin: 10, length: 2, kept: 1 },
    ],
  ]);
  expect([1, 2, 3, 5, 7].map((r) => keptOf(parsePattern("3:8"), r))).toEqual([1, 1, 2, 2, 3]);
});

test("by hand: 2:4 of six inputs keeps two of four and one of two, ties the lower", () => {
  const matrix = new ShortGroupMatrix(kernels, 2, 6, 6, parsePattern("2:4"));
  const w = Float32Array.of(1, -4, 3, 2, 5, -6, 0, 0, 0, 0, 1, 1);
  matrix.prune(w);
  expect([...matrix.masked]).toEqual([0, -4, 3, 0, 0, -6, 0, 0, 0, 0, 1, 0]);
  expect([...matrix.mask]).toEqual([0b100110, 0b010011]);
  expect(matrix.verify(matrix.masked)).toMatchObject({ ok: true, groups: 4 });
  expect(matrix.verify(w)).toMatchObject({ ok: false, first: "row 0, inputs 0..3: 4 of 4 are not zero, 2:4 allows 2" });
});

test("each group keeps exactly so many of its largest, whatever the pattern and the length", () => {
  const anyPattern = fc.constantFrom("2:4", "1:4", "2:4v2", "3:8", "1:16", "4:8v4");
  fc.assert(
    fc.property(
      anyPattern,
      fc.integer({ min: 2, max: 37 }),
      fc.integer({ min: 1, max: 3 }),
      fc.integer({ min: 1, max: 9 }),
      fc.nat(),
      (text, length, taps, rows, seed) => {
        const pattern = parsePattern(text);
        const random = new Random(seed);
        const k = taps * length;
        const w = Float32Array.from({ length: rows * k }, () => Math.round(4 * random.normal()) / 4);
        const matrix = new ShortGroupMatrix(kernels, rows, k, length, pattern);
        matrix.prune(w);
        for (let first = 0; first < rows; first += pattern.v) {
          const vector = Array.from({ length: Math.min(pattern.v, rows - first) }, (_, r) => first + r);
          for (const { begin, length: entries, kept } of groupsOf(pattern, taps, length)) {
            const score = (j: number): number => vector.reduce((sum, row) => sum + Math.abs(w[row * k + j]), 0);
            const places = Array.from({ length: entries }, (_, i) => begin + i);
            const best = [...places].sort((a, b) => score(b) - score(a) || a - b).slice(0, kept);
            for (const row of vector)
              for (const j of places) {
                expect(isKept(matrix.mask, k, row, j)).toBe(best.includes(j));
                expect(matrix.masked[row * k + j]).toBe(best.includes(j) ? w[row * k + j] : 0);
              }
          }
        }
      },
    ),
    { numRuns: 60 },
  );
});

test("where M divides the inputs it is the packed matrix, soft thresholds too", () => {
  const pattern = parsePattern("2:4");
  const w = Float32Array.from({ length: 5 * 24 }, (_, i) => Math.sin(7 * i));
  for (const soft of [0, 1.5]) {
    const [short, packed] = [
      new ShortGroupMatrix(kernels, 5, 24, 24, pattern),
      new PackedMatrix(kernels, 5, 24, pattern),
    ];
    short.prune(w, soft);
    packed.prune(w, soft);
    expect(short.mask).toEqual(packed.mask);
    expect(short.masked).toEqual(packed.masked);
    expect(short.storedBytes()).toBe(packed.storedBytes(w));
  }
});

const remainder = "short-group";
const odd = (): Module => mlp([10, 18, 14, 3], { device });

function trained(model: Module, session: Session, inputs: readonly number[], steps = 4): number[] {
  const optimizer = session.optimizer(adamW({ learningRate: 0.01 }));
  const random = new Random(3);
  const size = inputs.reduce((a, b) => a * b, 1);
  return Array.from({ length: steps }, () =>
    device.step(() => {
      const x = tensor(
        device,
        [4, ...inputs],
        Float32Array.from({ length: 4 * size }, () => random.normal()),
      );
      const loss = crossEntropy(model.forward(x), [0, 1, 2, 0]);
      optimizer.zeroGrad();
      backward(loss);
      optimizer.step();
      return loss.data[0];
    }),
  );
}

describe("a session with remainders as shorter groups", () => {
  test("prunes layers that would stay dense, says so, and records it in the file", () => {
    const plain = sparsify(mlp([8, 18, 14, 3], { device }), { weights: ste(), pattern: "2:4", steps: 4 });
    expect(plain.coverage()).toMatchObject({ pruned: 1, eligible: 2 - 1 });
    expect(plain.coverage().dense[0]).toEqual({
      layer: "fc2.weight",
      reason: "18 inputs cannot be cut into groups of 4",
    });
    const model = odd();
    const session = sparsify(model, { weights: ste(), pattern: "2:4", steps: 4, remainder });
    expect(session.coverage()).toMatchObject({ pruned: 2, eligible: 3, layers: 3 });
    expect(session.explain()[0]).toMatchObject({
      ...{ pattern: "2:4", reason: "groups of 4 along inputs, the last of them shorter" },
      products: { forward: { computed: "emulated", reason: "no kernel for shorter groups" } },
    });
    trained(model, session, [10]);
    expect(session.verify()).toMatchObject({ ok: true, pruned: 2 });
    const { tensors, metadata } = decodeSafetensors(saveModel(session), "saved");
    const weight = Array.from(tensors.get("fc1.weight")!.data, Number);
    // of ten inputs 2, 2 and 1
    for (let row = 0; row < 18; row++)
      expect(weight.slice(10 * row, 10 * row + 10).filter((x) => x !== 0)).toHaveLength(5);
    expect(JSON.parse(metadata.trisparse_patterns)).toEqual({
      "fc1.weight": { pattern: "2:4", axis: "inputs", remainder },
      "fc2.weight": { pattern: "2:4", axis: "inputs", remainder },
    });
  });

  test("cuts the channels of a convolution at each tap of its kernel", () => {
    const model = cnn(3, [6, 8], 3, { device });
    const session = sparsify(model, { weights: srSte(), pattern: "2:4", steps: 4, remainder });
    trained(model, session, [8, 8, 3]);
    expect(session.verify()).toMatchObject({ ok: true, pruned: 2 });
    const weight = session.state().get("conv1.weight")!;
    // [outputs, inputs, kernel, kernel]: two of three channels at each tap
    for (let output = 0; output < 6; output++)
      for (let tap = 0; tap < 9; tap++) {
        const channels = [0, 1, 2].map((c) => Number(weight.data[(output * 3 + c) * 9 + tap]));
        expect(channels.filter((x) => x !== 0)).toHaveLength(2);
      }
  });

  test("cuts the outputs that inputGrad sums over likewise", () => {
    const model = odd();
    const session = sparsify(model, { weights: ste(), pattern: "2:4", inputGrad: doublePruned(), steps: 4, remainder });
    const [, second] = session.explain();
    expect(second.products.inputGrad).toMatchObject({ computed: "emulated", reason: "no kernel for shorter groups" });
    trained(model, session, [10], 1);
    const parameter = model.namedParameters().get("fc2.weight")!;
    // what the input gradient multiplies by, entry by entry: dx = dy W for dy of one output
    const dx = kernels.float32(18);
    const columns = Array.from({ length: 14 }, (_, output) => {
      const dy = kernels.float32(14);
      dy[output] = 1;
      parameter.plan!.inputGrad(dy)!.inputGrad(dx, dy, Int32Array.of(1, 1, 1, 18, 1, 1, 1, 0, 1, 1, 14));
      return [...dx];
    });
    for (let input = 0; input < 18; input++) {
      const along = columns.map((column) => column[input] !== 0);
      // 14 outputs: three groups of four, and one of two that keeps one
      expect(along.slice(12).filter(Boolean).length).toBeLessThanOrEqual(1);
      for (let begin = 0; begin < 12; begin += 4)
        expect(along.slice(begin, begin + 4).filter(Boolean).length).toBeLessThanOrEqual(2);
    }
  });

  test("outputs that M does not divide are not pruned a second time unless that is asked for", () => {
    const model = mlp([12, 16, 14, 3], { device });
    const session = sparsify(model, { weights: ste(), pattern: "2:4", inputGrad: doublePruned(), steps: 4 });
    const { inputGrad } = session.explain()[1].products;
    expect(inputGrad).toMatchObject({ operand: null, reason: "14 outputs cannot be cut into groups of 4" });
    trained(model, session, [12], 1);
    const parameter = model.namedParameters().get("fc2.weight")!;
    const weight = [...session.state().get("fc2.weight")!.data];
    const [dx, dy] = [kernels.float32(16), kernels.float32(14)];
    dy[0] = 1;
    parameter.plan!.inputGrad(dy)!.inputGrad(dx, dy, Int32Array.of(1, 1, 1, 16, 1, 1, 1, 0, 1, 1, 14));
    // the first row of the weight, as forward has it
    expect([...dx]).toEqual(weight.slice(0, 16));
  });

  test.each(weightMethods.filter(({ sparse }) => sparse).map((method) => [method.name, method] as const))(
    "the method %s either prunes shorter groups or leaves the layer dense with a reason",
    (_, method) => {
      const model = mlp([16, 20, 14, 12, 3], { device });
      const weights = method();
      if (weights.spatialBranches === true) return;
      const session = sparsify(model, { weights, pattern: "2:4", steps: 4, remainder });
      const third = session.explain()[2];
      if (weights.shortGroups !== true) {
        expect(third.pattern).toBeNull();
        expect(third.reason).not.toBe("");
        return;
      }
      trained(model, session, [16]);
      expect(session.verify()).toMatchObject({ ok: true, pruned: 3 });
    },
  );

  test("goes on from a checkpoint with the same bits", () => {
    const whole = odd();
    const session = sparsify(whole, { weights: srSte(), pattern: "2:4", steps: 8, remainder });
    trained(whole, session, [10], 4);
    const saved = session.checkpoint();
    const masks = [...saved.keys()].filter((name) => name.endsWith(".mask"));
    expect(masks).toHaveLength(2);
    const other = sparsify(odd(), { weights: srSte(), pattern: "2:4", steps: 8, remainder });
    other.restore(saved, 4);
    expect([...other.checkpoint().get(masks[0])!.data]).toEqual([...saved.get(masks[0])!.data]);
  });

  test("a method that chooses by itself is not offered what it cannot do", () => {
    const session = sparsify(mlp([8, 18, 14, 3], { device }), { weights: lbc(), pattern: "2:4", steps: 4, remainder });
    expect(session.coverage().dense[0]).toEqual({
      layer: "fc2.weight",
      reason: "18 inputs cannot be cut into groups of 4",
    });
  });
});
