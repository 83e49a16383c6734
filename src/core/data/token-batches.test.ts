import { describe, expect, test } from "vitest";
import { jsKernels } from "../backend/js.ts";
import { TrisparseError } from "../errors.ts";
import { Device } from "../tensor/device.ts";
import { TokenBatches } from "./token-batches.ts";

const device = new Device(jsKernels());
/** Tokens that are their place: a window shows where it was cut. */
const places = (length: number): Uint32Array => Uint32Array.from({ length }, (_, i) => i);
const data = { train: places(1000), test: places(50) };
const batches = new TokenBatches(data, { batchSize: 4, context: 8, seed: 3 });

/** The windows of a batch, each checked to be followed by its labels. */
function windowsOf(x: { readonly shape: readonly number[]; readonly data: Float32Array }, labels: Int32Array) {
  const [count, length] = x.shape;
  expect(Array.from(labels, (label) => label - 1)).toEqual([...x.data]);
  return Array.from({ length: count }, (_, i) => [...x.data.subarray(i * length, (i + 1) * length)]);
}
const training = (from: TokenBatches, step: number): number[][] => {
  const { x, labels } = from.training(device, step);
  return windowsOf(x, labels);
};

describe("batches of a text", () => {
  test("are windows of neighbors; the label of a place is what comes behind it", () => {
    for (const window of training(batches, 0)) {
      expect(window).toEqual(Array.from({ length: 8 }, (_, i) => window[0] + i));
    }
  });

  test("are the same whatever was asked before, and others for other steps and seeds", () => {
    const first = training(batches, 5);
    training(batches, 9);
    expect(training(batches, 5)).toEqual(first);
    expect(training(batches, 6)).not.toEqual(first);
    expect(training(new TokenBatches(data, { batchSize: 4, context: 8, seed: 4 }), 5)).not.toEqual(first);
  });

  test("begin anywhere in the training split, and never so late that a label is missing", () => {
    const short = new TokenBatches({ train: places(12), test: places(12) }, { batchSize: 100, context: 8 });
    const starts = new Set(training(short, 0).map(([start]) => start));
    expect([...starts].sort()).toEqual([0, 1, 2, 3]);
  });

  test("make an epoch of as many steps as the training split takes", () => {
    expect(batches.stepsPerEpoch).toBe(Math.ceil(1000 / 32));
  });

  test.each([50, 49, 33, 32, 9])("ask for every character of %i but the first once, in order", (length) => {
    const some = new TokenBatches({ train: data.train, test: places(length) }, { batchSize: 4, context: 8 });
    const asked = Array.from({ length: some.parts("test") }, (_, part) => {
      const { x, labels } = some.part(device, "test", part);
      windowsOf(x, labels);
      return [...labels];
    });
    expect(asked.flat()).toEqual(Array.from({ length: length - 1 }, (_, i) => i + 1));
    expect(asked.every(({ length: labels }) => labels > 0)).toBe(true);
  });
});

test.each<[string, () => void, string]>([
  [
    "a text shorter than a window and its last label",
    () => new TokenBatches({ train: places(9), test: places(8) }, { batchSize: 1, context: 8 }),
    "text test: expected at least 9 characters, a window of 8 and the one behind it, got 8. Use a longer text or a smaller model.context; the last tenth of a text is for tests.",
  ],
  [
    "no window",
    () => new TokenBatches(data, { batchSize: 0, context: 8 }),
    "batchSize: expected a whole number of at least 1, got 0. Choose 32 windows of 128 characters.",
  ],
  [
    "a negative step",
    () => batches.training(device, -1),
    "training: expected a step of 0 or more, got -1. Steps count from the start of training.",
  ],
])("%s is refused", (_, call, message) => {
  expect(call).toThrow(new TrisparseError(message));
});
