/** Losses and convolutions in groups against PyTorch, on every backend: golden/make_losses.py wrote the numbers. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { ops } from "../src/core/autograd/ops/ops.ts";
import { backward, record } from "../src/core/autograd/tape.ts";
import { jsKernels } from "../src/core/backend/js.ts";
import type { Kernels } from "../src/core/backend/kernels.ts";
import { Device } from "../src/core/tensor/device.ts";
import { Parameter, type Tensor, tensor } from "../src/core/tensor/tensor.ts";
import { nativeInstructionSets, nativeKernels } from "../src/node/native.ts";
import { openWasm, wasmInstructionSets } from "../src/node/wasm.ts";

interface Values {
  readonly shape: number[];
  readonly data: number[];
}
interface Case {
  readonly op: string;
  readonly options: Readonly<Record<string, never>>;
  readonly inputs: Readonly<Record<string, Values>>;
  readonly outputs: Readonly<Record<string, Values>>;
}
const file = readFileSync(new URL("golden/losses.json", import.meta.url), "utf8");
const { cases } = JSON.parse(file) as { cases: Case[] };

const losses: Readonly<
  Record<string, (x: Tensor, targets: readonly number[] | Tensor, options: Case["options"]) => Tensor>
> = {
  mse: ops.mse,
  mae: ops.mae,
  huber: ops.huber,
  binaryCrossEntropyWithLogits: ops.binaryCrossEntropyWithLogits,
  crossEntropy: ops.crossEntropy,
};

const backends: [string, () => Kernels][] = [
  ...nativeInstructionSets().map((set): [string, () => Kernels] => [`native ${set}`, () => nativeKernels(2, set)]),
  ...wasmInstructionSets().map((set): [string, () => Kernels] => [`wasm ${set}`, () => openWasm(set)]),
  ["js", jsKernels],
];

function close(got: ArrayLike<number>, { data }: Values): void {
  expect(got.length).toBe(data.length);
  const largest = Math.max(1e-6, ...data.map(Math.abs));
  data.forEach((value, i) => {
    expect(Math.abs(got[i] - value) / largest).toBeLessThan(2e-6);
  });
}

describe.each(backends)("on %s", (_, make) => {
  cases.forEach(({ op, options, inputs, outputs }, number) => {
    test(`${op} equals PyTorch's (case ${number})`, () => {
      const device = new Device(make());
      const given = (name: string): Parameter => {
        const { shape, data } = inputs[name];
        const parameter = new Parameter(device, shape);
        parameter.data.set(data);
        return parameter;
      };
      const x = given("x");
      if (op === "conv2d") {
        const [w, bias] = [given("w"), given("bias")];
        const y = ops.conv2d(x, w, bias, options);
        const seed = record("seed", [y], [1], device.buffer(1), (_, grads) => {
          grads.into(0)?.set(inputs.dy.data);
        });
        backward(seed);
        close(y.data, outputs.y);
        close(w.grad, outputs.dw);
        close(bias.grad, outputs.dbias);
      } else {
        const { shape, data } = inputs.targets;
        const loss = losses[op](x, data, options);
        backward(loss);
        close(loss.data, outputs.loss);
        // the same of a tensor
        expect(losses[op](x, tensor(device, shape, data), options).data[0]).toBe(loss.data[0]);
      }
      close(x.grad, outputs.dx);
    });
  });
});
