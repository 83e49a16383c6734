import { expect, test } from "vitest";
import type { Split } from "../../core/data/dataset.ts";
import { TrisparseError } from "../../core/errors.ts";
import { digitStrokes } from "./digit-strokes.ts";
import { makeDigits } from "./digits.ts";

const PIXELS = 28 * 28;
const small = makeDigits({ limit: { train: 1000, test: 500 } });

/** Share of `test` whose nearest class mean of `train` (Euclidean) is their own class: a linear classifier. */
function nearestMeanAccuracy(train: Split, test: Split): number {
  const means = Array.from({ length: 10 }, () => new Float64Array(PIXELS));
  for (let i = 0; i < train.count; i++) {
    const mean = means[train.labels[i]];
    for (let p = 0; p < PIXELS; p++) mean[p] += train.images[i * PIXELS + p] / (train.count / 10);
  }
  let right = 0;
  for (let i = 0; i < test.count; i++) {
    const distances = means.map((mean) => mean.reduce((sum, m, p) => sum + (m - test.images[i * PIXELS + p]) ** 2, 0));
    if (distances.indexOf(Math.min(...distances)) === test.labels[i]) right++;
  }
  return right / test.count;
}

test("every digit has several styles and each stroke has at least two points inside the box", () => {
  expect(digitStrokes.length).toBe(10);
  for (const styles of digitStrokes) {
    expect(styles.length).toBeGreaterThanOrEqual(3);
    for (const stroke of styles.flat()) {
      expect(stroke.length % 2).toBe(0);
      expect(stroke.length).toBeGreaterThanOrEqual(4);
      expect(Math.min(...stroke)).toBeGreaterThanOrEqual(0);
      expect(Math.max(...stroke)).toBeLessThanOrEqual(100);
    }
  }
});

test("classes are balanced and the shape is that of MNIST", () => {
  expect(small.shape).toEqual([28, 28, 1]);
  expect(small.train.images.length).toBe(1000 * PIXELS);
  for (let digit = 0; digit < 10; digit++) {
    expect(small.train.labels.filter((label) => label === digit).length).toBe(100);
    expect(small.test.labels.filter((label) => label === digit).length).toBe(50);
  }
});

test("the same seed gives the same images, another seed others, and a limited set is a prefix", () => {
  const again = makeDigits({ seed: 0, limit: { train: 20, test: 10 } });
  expect(again.train.images).toEqual(small.train.images.subarray(0, 20 * PIXELS));
  expect(again.test.images).toEqual(small.test.images.subarray(0, 10 * PIXELS));
  const other = makeDigits({ seed: 1, limit: { train: 20, test: 10 } });
  expect(other.train.images).not.toEqual(again.train.images);
});

test("no test image is a training image", () => {
  const key = (split: Split, i: number) => split.images.subarray(i * PIXELS, (i + 1) * PIXELS).join();
  const train = new Set(Array.from({ length: 1000 }, (_, i) => key(small.train, i)));
  expect(train.size).toBe(1000);
  expect(Array.from({ length: 500 }, (_, i) => key(small.test, i)).filter((image) => train.has(image))).toEqual([]);
});

test("digits can be told apart, but not by their class means alone", () => {
  const accuracy = nearestMeanAccuracy(small.train, small.test);
  expect(accuracy).toBeGreaterThan(0.6);
  expect(accuracy).toBeLessThan(0.9);
});

test("the whole set has 12,000 + 5,000 images", () => {
  const { train, test, mean, std } = makeDigits();
  expect([train.count, test.count]).toEqual([12_000, 5_000]);
  expect(mean[0]).toBeCloseTo(0.1333, 3);
  expect(std[0]).toBeCloseTo(0.2677, 3);
});

test("a limit that is no count is refused", () => {
  expect(() => makeDigits({ limit: { train: -1 } })).toThrow(
    new TrisparseError("limit: expected a whole number of images, at least 1, got -1. Leave it out to use all images."),
  );
});
