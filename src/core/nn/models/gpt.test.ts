import { describe, expect, test } from "vitest";
import { crossEntropy } from "../../autograd/ops/cross-entropy.ts";
import { backward } from "../../autograd/tape.ts";
import { jsKernels } from "../../backend/js.ts";
import { adamW } from "../../optim/adamw.ts";
import { Optimizer } from "../../optim/optimizer.ts";
import { Random } from "../../random.ts";
import { multiplyingWeights } from "../../sparsity/layers.ts";
import { Device } from "../../tensor/device.ts";
import { tensor } from "../../tensor/tensor.ts";
import { loadState, stateOf } from "../state.ts";
import { type GptOptions, gpt } from "./gpt.ts";

const options: GptOptions = { vocabulary: 7, context: 6, layers: 2, width: 8, heads: 2 };
const device = new Device(jsKernels());
const born = (more: Partial<GptOptions> = {}, seed = 1) =>
  gpt({ ...options, ...more, device, random: new Random(seed) });
const tokens = (...values: number[]) => tensor(device, [1, values.length], values);

describe("a GPT", () => {
  test("has the parameters of its description, the table of tokens once, and in a file under both of its names", () => {
    const [d, block] = [8, 12 * 8 * 8 + 13 * 8];
    const sizes = born()
      .parameters()
      .map(({ size }) => size);
    expect(sizes.reduce((a, b) => a + b, 0)).toBe(7 * d + 6 * d + 2 * block + 2 * d);
    const names = [...stateOf(born()).keys()];
    expect(names.filter((name) => /^(tokens|head)\./.test(name))).toEqual(["tokens.weight", "head.weight"]);
    expect(new Set(names).size).toBe(names.length);
  });

  test("multiplies by four weights a block and last by the table of tokens", () => {
    const model = born();
    const weights = multiplyingWeights(model);
    expect(weights.map(({ name, weight }) => `${name} ${weight.shape.join("x")}`)).toEqual([
      ...[0, 1].flatMap((i) => [
        `blocks.${i}.attention.qkv.weight 24x8`,
        `blocks.${i}.attention.projection.weight 8x8`,
        `blocks.${i}.mlp.fc1.weight 32x8`,
        `blocks.${i}.mlp.fc2.weight 8x32`,
      ]),
      "head.weight 7x8",
    ]);
    expect(weights[8].weight).toBe(model.namedParameters().get("tokens.weight"));
  });

  test("sees a place and those before it, not those behind", () => {
    const model = born();
    const logits = (...values: number[]) => [...device.withoutGradients(() => model.forward(tokens(...values))).data];
    const [a, b] = [logits(1, 2, 3, 4), logits(1, 2, 5, 4)];
    expect(a.slice(0, 14)).toEqual(b.slice(0, 14));
    expect(a.slice(14, 21)).not.toEqual(b.slice(14, 21));
    // and a shorter text gives the beginning of a longer one
    logits(1, 2).forEach((value, i) => {
      expect(value).toBeCloseTo(a[i], 6);
    });
  });

  test("begins as GPT-2: normal of 0.02, smaller where branches end, biases zero, gains one", () => {
    const parameters = born({ width: 64, heads: 4, vocabulary: 50 }).namedParameters();
    const deviation = (name: string): number => {
      const { data } = parameters.get(name)!;
      return Math.sqrt(data.reduce((sum, x) => sum + x * x, 0) / data.length);
    };
    for (const name of ["tokens.weight", "blocks.0.attention.qkv.weight", "blocks.1.mlp.fc1.weight"])
      expect(deviation(name)).toBeCloseTo(0.02, 2.7);
    for (const name of ["blocks.0.attention.projection.weight", "blocks.1.mlp.fc2.weight"])
      expect(deviation(name)).toBeCloseTo(0.01, 2.7);
    for (const [name, { data, shape }] of parameters) {
      if (shape.length > 1) continue;
      expect(data.every((x) => x === (name.endsWith("bias") ? 0 : 1))).toBe(true);
    }
  });

  test("adds both gradients of the table: as an embedding and as the head", () => {
    const model = born({ layers: 1, activation: "squared-relu" });
    const table = model.namedParameters().get("tokens.weight")!;
    const x = tokens(1, 2, 3, 1, 0, 6);
    const labels = Int32Array.of(2, 3, 1, 0, 6, 5);
    const loss = () => crossEntropy(model.forward(x), labels);
    for (const parameter of model.parameters()) parameter.zeroGrad();
    backward(loss());
    // a token of the text and one that only the head knows
    for (const at of [8, 9, 4 * 8]) {
      const before = table.data[at];
      const at2 = (value: number): number => {
        table.data[at] = value;
        return device.withoutGradients(loss).data[0];
      };
      const slope = (at2(before + 1e-2) - at2(before - 1e-2)) / 2e-2;
      table.data[at] = before;
      expect(Math.abs(slope - table.grad[at])).toBeLessThan(2e-3);
    }
  });

  test("learns a sequence by heart", () => {
    const model = born({ dropout: 0.05, width: 16 });
    const optimizer = new Optimizer(model, adamW({ learningRate: 1e-2 }));
    let value = 0;
    for (let step = 0; step < 60; step++) {
      value = device.step(() => {
        const loss = crossEntropy(model.forward(tokens(0, 1, 2, 3, 4, 5)), Int32Array.of(1, 2, 3, 4, 5, 6));
        optimizer.zeroGrad();
        backward(loss);
        optimizer.step();
        return loss.data[0];
      });
    }
    expect(value).toBeLessThan(0.3);
  });

  test("is saved and loaded with its table", () => {
    const [a, b] = [born({}, 1), born({}, 2)];
    loadState(b, stateOf(a));
    const of = (model: typeof a) => [...device.withoutGradients(() => model.forward(tokens(1, 2, 3))).data];
    expect(of(b)).toEqual(of(a));
  });

  test("is refused with heads that do not divide its width, and reads no more than its context", () => {
    expect(() => born({ heads: 3 })).toThrow("gpt: expected heads that divide the width of 8, got 3");
    expect(() => born().forward(tokens(0, 0, 0, 0, 0, 0, 0))).toThrow(
      "addRows: rows: expected shape [7, 8], got [6, 8]",
    );
  });
});
