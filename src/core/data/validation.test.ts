import { describe, expect, test } from "vitest";
import { jsKernels } from "../backend/js.ts";
import { Device } from "../tensor/device.ts";
import { batchesOf } from "./batches-of.ts";
import { boxDataset, channelStatistics, dataset, type ImageDataset, type Split } from "./dataset.ts";
import { textDataset } from "./text-dataset.ts";
import { withValidation } from "./validation.ts";

/** Images of one pixel, each with a value of its own: image i is 2 i, and its class is given. */
const images = (labels: readonly number[]): Split => ({
  count: labels.length,
  images: Uint8Array.from(labels, (_, i) => 2 * i),
  labels: Uint8Array.from(labels),
});
const classes = [0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2];
const data = dataset({
  ...{ name: "dots", shape: [1, 1, 1], classes: 3 },
  ...{ train: images(classes), test: images([0, 1]) },
});
const heldOf = (options: Parameters<typeof withValidation>[1]) => withValidation(data, options) as ImageDataset;

describe("a validation split", () => {
  test("takes its share of each class, and training loses exactly that", () => {
    const { train, validation } = heldOf({ fraction: 0.5 });
    expect(Array.from(validation!.labels)).toEqual([0, 0, 0, 1, 1, 2]);
    expect(Array.from(train.labels)).toEqual([0, 0, 0, 1, 1, 2]);
    const all = [...train.images, ...validation!.images].sort((a, b) => a - b);
    expect(all).toEqual(Array.from(data.train.images));
    // both keep their order, and images keep their labels
    for (const { images: pixels, labels } of [train, validation!]) {
      expect(Array.from(pixels)).toEqual([...pixels].sort((a, b) => a - b));
      for (const [i, pixel] of pixels.entries()) expect(labels[i]).toBe(classes[pixel / 2]);
    }
  });

  test("holds round(fraction * count) examples also where classes do not divide", () => {
    for (const fraction of [0.1, 0.2, 0.3, 0.4, 0.7])
      expect(heldOf({ fraction }).validation!.count).toBe(Math.round(fraction * 12));
  });

  test("is the same for a seed, another for another, and not bound to classes if it is not stratified", () => {
    const of = (seed: number, stratified = true) =>
      Array.from(heldOf({ fraction: 0.5, seed, stratified }).validation!.images);
    expect(of(3)).toEqual(of(3));
    expect(of(3)).not.toEqual(of(4));
    const counts = Array.from({ length: 20 }, (_, seed) => {
      const { labels } = heldOf({ fraction: 0.5, seed, stratified: false }).validation!;
      expect(labels).toHaveLength(6);
      return labels.filter((label) => label === 0).length;
    });
    expect(new Set(counts).size).toBeGreaterThan(1);
  });

  test("has no part in mean and deviation", () => {
    const { train, mean, std } = heldOf({ fraction: 0.5 });
    expect({ mean, std }).toEqual(channelStatistics(train.images, 1));
    expect(mean).not.toEqual(data.mean);
  });

  test("of a text is its end before the test split", () => {
    const text = textDataset("abcdefghijklmnopqrst");
    const held = withValidation(text, { fraction: 0.25 });
    const parts = [held.train, (held as typeof text).validation!, held.test] as Uint32Array[];
    expect(parts.map(({ length }) => length)).toEqual([13, 5, 2]);
    expect(parts.flatMap((part) => Array.from(part))).toEqual(Array.from({ length: 20 }, (_, i) => i));
  });

  test("of scenes keeps objects with their images", () => {
    const scenes = boxDataset({
      ...{ name: "boxes", shape: [1, 1, 1], classes: 4 },
      train: {
        count: 4,
        images: Uint8Array.from([0, 1, 2, 3]),
        objects: [0, 1, 2, 3].map((label) => [{ label, box: [0, 0, 1, 1] as const }]),
      },
      test: { count: 1, images: new Uint8Array(1), objects: [[]] },
    });
    const held = withValidation(scenes, { fraction: 0.5 }) as typeof scenes;
    for (const { images: pixels, objects, count } of [held.train, held.validation!]) {
      expect(count).toBe(2);
      for (const [i, pixel] of pixels.entries()) expect(objects[i][0].label).toBe(pixel);
    }
  });

  test("that would be empty, or leave nothing, is refused", () => {
    for (const fraction of [0, 1, -0.1, 0.01, 0.99, Number.NaN])
      expect(() => heldOf({ fraction }), String(fraction)).toThrow("validation.fraction: expected a share of 12");
  });
});

test("batches have the validation split where there is one, and say what to do where not", () => {
  const device = new Device(jsKernels());
  const held = batchesOf(heldOf({ fraction: 0.5 }), { batchSize: 2 });
  expect(held.validates).toBe(true);
  device.step(() => {
    expect(Array.from(held.part(device, "validation", 0).labels)).toEqual([0, 0, 0, 1, 1, 2]);
  });
  const plain = batchesOf(data, { batchSize: 2 });
  expect(plain.validates).toBe(false);
  expect(() => plain.parts("validation")).toThrow("data: expected a validation split, got none. Set data.validation");
});
