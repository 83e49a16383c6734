import fc from "fast-check";
import { expect, test } from "vitest";
import { TrisparseError } from "../errors.ts";
import { dataset, type ImageDataset } from "./dataset.ts";
import { flipAndCrop, ImageBatches, type ImageBatchOptions } from "./image-batches.ts";

/** `count` images of 1 x 1 pixel whose value is their index. */
function counted(count: number): ImageDataset {
  const split = { count, images: Uint8Array.from({ length: count }, (_, i) => i), labels: new Uint8Array(count) };
  return {
    ...dataset({ name: "counted", shape: [1, 1, 1], classes: 1, train: split, test: split }),
    mean: [0],
    std: [1],
  };
}

/** The images (by index) of one step of a counted data set. */
function imagesOf(batches: ImageBatches, step: number): number[] {
  const x = new Float32Array(batches.batchSize);
  batches.fill(step, x, new Int32Array(batches.batchSize));
  return Array.from(x, (value) => Math.round(value * 255));
}

function epochOf(batches: ImageBatches, epoch: number): number[] {
  return Array.from({ length: batches.stepsPerEpoch }, (_, s) =>
    imagesOf(batches, epoch * batches.stepsPerEpoch + s),
  ).flat();
}

/** One image of 2 x 3 pixels and 2 channels, values 1..12. */
const single: ImageDataset = {
  ...dataset({
    name: "single",
    shape: [2, 3, 2],
    classes: 1,
    train: { count: 1, images: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12), labels: Uint8Array.of(0) },
    test: { count: 1, images: new Uint8Array(12), labels: Uint8Array.of(0) },
  }),
  mean: [0, 0],
  std: [1, 1],
};

function augmented(options: Omit<ImageBatchOptions, "batchSize">, step: number): number[] {
  const x = new Float32Array(12).fill(NaN);
  new ImageBatches(single, { batchSize: 1, ...options }).fill(step, x, new Int32Array(1));
  return Array.from(x, (value) => Math.round(value * 255));
}

test("every image appears at most once an epoch, and exactly once but for the dropped tail", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 60 }), fc.nat(5), (a, b, epoch) => {
      const [count, batch] = [Math.max(a, b), Math.min(a, b)];
      const batches = new ImageBatches(counted(count), { batchSize: batch, seed: 3 });
      const seen = epochOf(batches, epoch);
      expect(batches.stepsPerEpoch).toBe(Math.floor(count / batch));
      expect(seen.length).toBe(count - (count % batch));
      expect(new Set(seen).size).toBe(seen.length);
      expect(Math.max(...seen)).toBeLessThan(count);
    }),
    { seed: 1 },
  );
});

test("a step is the same whatever was asked before", () => {
  const data = counted(100);
  const forward = new ImageBatches(data, { batchSize: 8, seed: 5 });
  const history = Array.from({ length: 40 }, (_, step) => imagesOf(forward, step));
  const jumping = new ImageBatches(data, { batchSize: 8, seed: 5 });
  for (const step of [39, 0, 13, 12, 25]) expect(imagesOf(jumping, step)).toEqual(history[step]);
});

test("the order differs between epochs and between seeds", () => {
  const orders = [0, 1].flatMap((seed) =>
    [0, 1, 2].map((epoch) => epochOf(new ImageBatches(counted(50), { batchSize: 10, seed }), epoch).join()),
  );
  expect(new Set(orders).size).toBe(6);
});

test("labels travel with their images", () => {
  const images = Uint8Array.of(0, 10, 20, 30);
  const split = { count: 4, images, labels: Uint8Array.of(0, 1, 2, 3) };
  const data = { shape: [1, 1, 1], mean: [0], std: [1 / 255], train: split, test: split } as const;
  const [x, labels] = [new Float32Array(4), new Int32Array(4)];
  new ImageBatches(data, { batchSize: 4 }).fill(0, x, labels);
  expect(Array.from(x, Math.round)).toEqual(Array.from(labels, (label) => label * 10));
});

test("pixels are scaled to 0..1 and normalized by the mean and std of their channel", () => {
  const split = { count: 1, images: Uint8Array.of(0, 51, 255, 204), labels: Uint8Array.of(0) };
  const batches = new ImageBatches(
    { shape: [1, 2, 2], mean: [0.5, 0.2], std: [0.25, 0.5], train: split, test: split },
    { batchSize: 1 },
  );
  const x = new Float32Array(4);
  batches.fill(0, x, new Int32Array(1));
  for (const [i, value] of [-2, 0, 2, 1.2].entries()) expect(x[i]).toBeCloseTo(value, 6);
});

test("a range is in order, not augmented, and may be shorter than the arrays", () => {
  const batches = new ImageBatches(counted(6), { batchSize: 2, augment: { flip: true, pad: 1 } });
  const x = new Float32Array(4).fill(9);
  batches.fillRange(counted(6).test, 3, 6, x, new Int32Array(4));
  expect(Array.from(x, (value) => Math.round(value * 255))).toEqual([3, 4, 5, 9 * 255]);
});

test("a flip mirrors the columns of about half of the images", () => {
  const plain = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
  const mirrored = [5, 6, 3, 4, 1, 2, 11, 12, 9, 10, 7, 8];
  const results = Array.from({ length: 400 }, (_, step) => augmented({ augment: { flip: true, pad: 0 } }, step));
  const flips = results.filter((result) => result.join() === mirrored.join()).length;
  const plains = results.filter((result) => result.join() === plain.join()).length;
  expect(flips + plains).toBe(400);
  expect(Math.abs(flips - 200)).toBeLessThan(50); // five standard deviations
});

test("a crop takes any window of the image padded with zeros, mirrored or not", () => {
  const pixel = (y: number, x: number) =>
    y < 0 || y > 1 || x < 0 || x > 2 ? [0, 0] : [1 + 6 * y + 2 * x, 2 + 6 * y + 2 * x];
  const windows = new Set<string>();
  for (const down of [-1, 0, 1]) {
    for (const right of [-1, 0, 1]) {
      for (const mirror of [false, true]) {
        const rows = [0, 1].map((y) => [0, 1, 2].flatMap((x) => pixel(y + down, mirror ? 2 - x + right : x + right)));
        windows.add(rows.flat().join());
      }
    }
  }
  const seen = new Set(
    Array.from({ length: 600 }, (_, step) => augmented({ augment: { flip: true, pad: 1 } }, step).join()),
  );
  expect([...seen].sort()).toEqual([...windows].sort());
});

test("padding is zero after normalization, even where the crop leaves the image altogether", () => {
  const data = { ...single, mean: [0.5, 0.5], std: [0.5, 0.5] };
  const batches = new ImageBatches(data, { batchSize: 1, augment: flipAndCrop });
  const x = new Float32Array(12);
  const empty = Array.from({ length: 100 }, (_, step) => {
    batches.fill(step, x.fill(NaN), new Int32Array(1));
    expect(x.every((value) => value === 0 || (value > -1.01 && value < -0.9))).toBe(true);
    return x.every((value) => value === 0);
  });
  expect(empty).toContain(true);
  expect(empty).toContain(false);
});

test("augmentation is the same for the same seed and step, and differs between seeds", () => {
  const steps = [...Array(20).keys()];
  const run = (seed: number) => steps.map((step) => augmented({ seed, augment: flipAndCrop }, step).join());
  expect(run(1)).toEqual(run(1));
  expect(run(1)).not.toEqual(run(2));
});

test.each<[string, () => void, string]>([
  [
    "a batch larger than the data",
    () => new ImageBatches(counted(5), { batchSize: 6 }),
    "batchSize: expected a whole number in 1..5 (the training images), got 6. Choose a smaller batch or load more images.",
  ],
  [
    "a negative padding",
    () => new ImageBatches(counted(5), { batchSize: 1, augment: { flip: false, pad: -1 } }),
    "augment.pad: expected a whole number of pixels, 0 or more, got -1. Use 4 for CIFAR-10.",
  ],
  [
    "a negative step",
    () => new ImageBatches(counted(5), { batchSize: 2 }).fill(-1, new Float32Array(2), new Int32Array(2)),
    "fill: expected a step of 0 or more, got -1. Steps count batches from the start of training.",
  ],
  [
    "an array too short",
    () => new ImageBatches(counted(5), { batchSize: 2 }).fill(0, new Float32Array(1), new Int32Array(2)),
    "batch: expected room for 2 images: 2 values and 2 labels, got 1 and 2. Allocate the arrays for the largest batch.",
  ],
  [
    "a range beyond the split",
    () =>
      new ImageBatches(counted(5), { batchSize: 2 }).fillRange(
        counted(5).test,
        4,
        6,
        new Float32Array(2),
        new Int32Array(2),
      ),
    "fillRange: expected a range within 0..5, got 4..6. Cut the last range short.",
  ],
])("%s is refused", (_, call, message) => {
  expect(call).toThrow(new TrisparseError(message));
});
