import { describe, expect, test } from "vitest";
import { jsKernels } from "../backend/js.ts";
import { Random } from "../random.ts";
import { Device } from "../tensor/device.ts";
import { Parameter, type Tensor, tensor } from "../tensor/tensor.ts";
import { BatchNorm } from "./batch-norm.ts";
import { Conv2d } from "./conv2d.ts";
import { Dropout } from "./dropout.ts";
import { gatherInputs } from "./gathered-linear.ts";
import { Linear } from "./linear.ts";
import { Module } from "./module.ts";
import { Sequential } from "./sequential.ts";
import { loadState, loadValues, type SavedState, type SavedTensor, stateOf, valuesOf } from "./state.ts";

const device = new Device(jsKernels());
const init = { device, random: new Random(1) };

const withOne = (state: SavedState, name: string, one: SavedTensor): SavedState => new Map([...state, [name, one]]);

describe("a state", () => {
  test("has convolutions as [outputs, inputs, height, width]", () => {
    const conv = new Conv2d(3, 1, 2, { ...init, bias: false });
    // place by place, three channels each
    conv.weight.data.set([11, 12, 13, 21, 22, 23, 31, 32, 33, 41, 42, 43]);
    const { shape, data } = stateOf(conv).get("weight")!;
    expect(shape).toEqual([1, 3, 2, 2]);
    expect([...data]).toEqual([11, 21, 31, 41, 12, 22, 32, 42, 13, 23, 33, 43]);
    const other = new Conv2d(3, 1, 2, { ...init, bias: false });
    loadState(other, stateOf(conv));
    expect(other.weight.data).toEqual(conv.weight.data);
  });

  test("is a copy, with the names of PyTorch and counts of 64 bits", () => {
    const norm = new BatchNorm(2, init);
    const state = stateOf(norm);
    expect([...state.keys()]).toEqual(["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]);
    device.step(() => norm.forward(tensor(device, [2, 2], [1, 2, 3, 4])));
    expect(state.get("num_batches_tracked")).toEqual({ shape: [], data: BigInt64Array.of(0n) });
    expect(stateOf(norm).get("num_batches_tracked")!.data[0]).toBe(1n);
    expect([...state.get("running_mean")!.data]).toEqual([0, 0]);
  });

  test("has what modules share under each path, and takes it by one of them", () => {
    class Tied extends Module {
      readonly first = new Linear(2, 2, { ...init, bias: false });
      readonly second = new Linear(2, 2, { ...init, bias: false, tied: this.first.weight });
      override forward(x: Tensor): Tensor {
        return this.second.forward(this.first.forward(x));
      }
    }
    const model = new Tied();
    expect([...stateOf(model).keys()]).toEqual(["first.weight", "second.weight"]);
    expect([...valuesOf(model).keys()]).toEqual(["first.weight"]);
    const given = (...data: number[]) => ({ shape: [2, 2], data });
    loadState(model, new Map([["second.weight", given(1, 2, 3, 4)]]));
    expect([...model.first.weight.data]).toEqual([1, 2, 3, 4]);
    const different = new Map([
      ["first.weight", given(1, 2, 3, 4)],
      ["second.weight", given(1, 2, 3, 5)],
    ]);
    expect(() => loadState(model, different)).toThrow(
      "expected second.weight as first.weight, which is the same tensor here, got other values",
    );
  });

  test("has no draws of dropout, passes over those of a file, and values have them", () => {
    const model = new Sequential({ dropout: new Dropout(0.5, init), fc: new Linear(1, 1, init) });
    const values = valuesOf(model);
    expect([...stateOf(model).keys()]).toEqual(["fc.weight", "fc.bias"]);
    expect([...values.keys()]).toEqual(["fc.weight", "fc.bias", "dropout.draw"]);
    const draw = { shape: [3], data: Uint32Array.of(7, 8, 9) };
    loadState(model, withOne(stateOf(model), "dropout.draw", draw));
    expect([...values.get("dropout.draw")!.data]).not.toEqual([7, 8, 9]);
    loadValues(model, withOne(values, "dropout.draw", draw));
    expect([...valuesOf(model).get("dropout.draw")!.data]).toEqual([7, 8, 9]);
  });

  test("may lack the number of batches, and may have whole numbers of any width", () => {
    const norm = new BatchNorm(1, init);
    const state = stateOf(norm);
    state.delete("num_batches_tracked");
    loadState(norm, state);
    expect(norm.batchesTracked.data[0]).toBe(0);
    for (const data of [Int32Array.of(5), BigInt64Array.of(5n), Uint8Array.of(5)]) {
      norm.batchesTracked.data[0] = 0;
      loadState(norm, withOne(state, "num_batches_tracked", { shape: [], data }));
      expect(norm.batchesTracked.data[0]).toBe(5);
    }
    const negative = { shape: [], data: BigInt64Array.of(-1n) };
    expect(() => loadState(norm, withOne(state, "num_batches_tracked", negative))).toThrow(
      "load state: num_batches_tracked: expected whole numbers of 32 bits, got -1",
    );
  });

  test("is refused where codes of a quantized model stand for weights", () => {
    const fc = new Linear(2, 1, { ...init, bias: false });
    const before = [...fc.weight.data];
    for (const data of [Uint8Array.of(1, 2), BigInt64Array.of(1n, 2n)])
      expect(() => loadState(fc, new Map([["weight", { shape: [1, 2], data }]]))).toThrow(
        `load state: weight: expected real numbers, got ${data.constructor.name}`,
      );
    expect([...fc.weight.data]).toEqual(before);
  });

  test("keeps the columns that a layer gathers, which it cannot do without", () => {
    const model = gatherInputs(new Sequential({ fc: new Linear(4, 1, { ...init, bias: false }) }), { fc: 2 }, init);
    expect(stateOf(model).get("fc.columns")).toEqual({ shape: [2], data: BigInt64Array.of(0n, 1n) });
    const columns = { shape: [2], data: BigInt64Array.of(1n, 3n) };
    loadState(model, withOne(stateOf(model), "fc.columns", columns));
    expect([...valuesOf(model).get("fc.columns")!.data]).toEqual([1, 3]);
    const without = new Map([...stateOf(model)].filter(([name]) => name !== "fc.columns"));
    expect(() => loadState(model, without)).toThrow("expected a tensor fc.columns, got none of this name");
  });

  test("of a parameter of another rank is as it lies in memory", () => {
    class Own extends Module {
      readonly positions = new Parameter(device, [1, 2, 3]);
      override forward(x: Tensor): Tensor {
        return x;
      }
    }
    expect(stateOf(new Own()).get("positions")!.shape).toEqual([1, 2, 3]);
  });
});
