import { expect, test } from "vitest";
import { TrisparseError } from "../errors.ts";
import { channelStatistics, checkSplit, dataset, limitSplit, type Split } from "./dataset.ts";

/** Two images of 1 x 2 pixels with 2 channels: channel 0 is 0, 255, 255, 0 and channel 1 is always 51. */
const pair: Split = {
  count: 2,
  images: Uint8Array.of(0, 51, 255, 51, 255, 51, 0, 51),
  labels: Uint8Array.of(0, 1),
};

test("mean and std are per channel and of pixels scaled to 0..1; a constant channel has std 1", () => {
  expect(channelStatistics(pair.images, 2)).toEqual({ mean: [0.5, 0.2], std: [0.5, 1] });
});

test("a limit keeps the first images and changes nothing when it is larger than the split", () => {
  expect(limitSplit(pair, 1)).toEqual({ count: 1, images: Uint8Array.of(0, 51, 255, 51), labels: Uint8Array.of(0) });
  expect(limitSplit(pair, 3)).toEqual(pair);
  expect(limitSplit(pair, undefined)).toEqual(pair);
});

test("a data set measures what the limit leaves to train on", () => {
  const parts = { name: "two", shape: [1, 2, 2], classes: 2, train: pair, test: pair } as const;
  const limited = dataset(parts, { train: 1 });
  expect(limited.train.count).toBe(1);
  expect(limited.test.count).toBe(2);
  expect(limited.mean).toEqual([0.5, 0.2]);
});

test.each<[string, () => void, string]>([
  [
    "a limit of none",
    () => limitSplit(pair, 0),
    "limit: expected a whole number of images, at least 1, got 0. Leave it out to use all images.",
  ],
  [
    "no image",
    () => checkSplit({ count: 0, images: new Uint8Array(0), labels: new Uint8Array(0) }, 4, 2, "two"),
    "two: expected at least one image, got none. Use files that hold images.",
  ],
  [
    "missing pixels",
    () => checkSplit(pair, 5, 2, "two"),
    "two: expected 2 images of 5 bytes, got 8 bytes. The file may be of another data set or damaged; get it again.",
  ],
  [
    "missing labels",
    () => checkSplit({ ...pair, labels: Uint8Array.of(0) }, 4, 2, "two"),
    "two: expected a label for each of 2 images, got 1 labels. Use the label file that belongs to these images.",
  ],
  [
    "a label out of range",
    () => checkSplit(pair, 4, 1, "two"),
    "two: expected labels in 0..0, got 1 for image 1. The file may be of another data set or damaged; get it again.",
  ],
])("%s is refused", (_, call, message) => {
  expect(call).toThrow(new TrisparseError(message));
});
