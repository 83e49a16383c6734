/** Networks with convolutions in groups under methods: these layers stay dense, and the others do as they always do. */
import { describe, expect, test } from "vitest";
import { conv2d } from "../autograd/ops/conv2d.ts";
import { crossEntropy } from "../autograd/ops/cross-entropy.ts";
import { backward } from "../autograd/tape.ts";
import { jsKernels } from "../backend/js.ts";
import { ReLU } from "../nn/activations.ts";
import { BatchNorm } from "../nn/batch-norm.ts";
import { Conv2d } from "../nn/conv2d.ts";
import { Flatten } from "../nn/flatten.ts";
import { Linear } from "../nn/linear.ts";
import { GlobalAveragePool } from "../nn/pooling.ts";
import { Sequential } from "../nn/sequential.ts";
import { sgd } from "../optim/sgd.ts";
import { Random } from "../random.ts";
import { CsrMatrix } from "../sparse/formats/csr-matrix.ts";
import { Device } from "../tensor/device.ts";
import { Parameter, tensor } from "../tensor/tensor.ts";
import { account } from "./accounting.ts";
import { set } from "./methods/unstructured/set.ts";
import { srSte } from "./methods/weights/sr-ste.ts";
import { type SparsifyOptions, sparsify } from "./sparsify.ts";

const GROUPED = "grouped convolution: no sparse kernel";

/** A depthwise block, as MobileNet has them, and a convolution in two groups. */
function setup() {
  const device = new Device(jsKernels());
  const at = { device, random: new Random(5) };
  const model = new Sequential({
    expand: new Conv2d(4, 8, 1, { ...at, bias: false }),
    depthwise: new Conv2d(8, 8, 3, { ...at, padding: 1, groups: 8, bias: false }),
    norm: new BatchNorm(8, at),
    relu: new ReLU(),
    project: new Conv2d(8, 8, 1, at),
    grouped: new Conv2d(8, 4, 3, { ...at, stride: 2, groups: 2 }),
    pool: new GlobalAveragePool(),
    flat: new Flatten(),
    head: new Linear(4, 3, at),
  });
  return { device, model };
}

/** Losses of some steps on one batch. */
function train(options: Partial<SparsifyOptions>): { losses: number[]; explained: [string, string, string][] } {
  const { device, model } = setup();
  const session = sparsify(model, { steps: 12, ...options });
  const optimizer = session.optimizer(sgd({ learningRate: 0.05 }));
  const random = new Random(6);
  const x = Float32Array.from({ length: 6 * 5 * 5 * 4 }, () => random.normal());
  const losses = Array.from({ length: 12 }, () =>
    device.step(() => {
      const loss = crossEntropy(model.forward(tensor(device, [6, 5, 5, 4], x)), [0, 1, 2, 0, 1, 2]);
      optimizer.zeroGrad();
      backward(loss);
      optimizer.step();
      return loss.data[0];
    }),
  );
  const explained = session.explain().map(({ name, computed, reason }): [string, string, string] => {
    return [name, Object.values(computed).join(), reason];
  });
  return { losses, explained };
}

describe("convolutions in groups", () => {
  test("stay dense under N:M and say why, while the others are sparse, and the loss falls", () => {
    const { losses, explained } = train({ weights: srSte(), pattern: "2:4" });
    const dense = "dense,dense,dense";
    expect(explained.filter(([, , reason]) => reason === GROUPED)).toEqual([
      ["depthwise.weight", dense, GROUPED],
      ["grouped.weight", dense, GROUPED],
    ]);
    expect(explained.find(([name]) => name === "project.weight")![1]).toMatch(/^sparse/);
    expect(losses[11]).toBeLessThan(losses[0]);
  });

  test("stay dense where zeros have no pattern", () => {
    const { losses, explained } = train({ weights: set({ sparsity: 0.5 }) });
    expect(explained.filter(([, , reason]) => reason === GROUPED).map(([name]) => name)).toEqual([
      "depthwise.weight",
      "grouped.weight",
    ]);
    expect(losses[11]).toBeLessThan(losses[0]);
  });

  test("refuse an operand that a plan has for them all the same", () => {
    const { device } = setup();
    const w = new Parameter(device, [4, 1, 1, 1]);
    const operand = new CsrMatrix(device.kernels, [0, 5, 10, 15], 4, 4);
    w.plan = { forward: () => operand, inputGrad: () => null, weightGrad: () => null };
    const x = tensor(device, [1, 1, 1, 4], [1, 2, 3, 4]);
    expect(() => conv2d(x, w, null, { groups: 4 })).toThrow(
      "groupedConv2d: expected a weight that its plan leaves dense, got a sparse operand.",
    );
  });

  test("count what they multiply", () => {
    const { model } = setup();
    const { layers } = account(model, [5, 5, 4], 2);
    const macs = (name: string): number[] => {
      const { dense } = layers.find((layer) => layer.name === name)!;
      return [dense.forward.macs, dense.inputGrad.macs, dense.weightGrad.macs];
    };
    const [depthwise, grouped] = [2 * 25 * 9 * 8, 2 * 4 * 9 * 4 * 4];
    expect(macs("depthwise.weight")).toEqual([depthwise, depthwise, depthwise]);
    expect(macs("grouped.weight")).toEqual([grouped, grouped, grouped]);
  });
});
