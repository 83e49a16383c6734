import { expect, test } from "vitest";
import { dataset } from "../../core/data/dataset.ts";
import { shuffledPixels } from "./shuffled.ts";

const split = (count: number) => ({
  count,
  images: Uint8Array.from({ length: count * 24 }, (_, i) => (i * 37) % 251),
  labels: new Uint8Array(count),
});
const images = dataset({ name: "ramp", shape: [3, 4, 2], classes: 2, train: split(5), test: split(2) });

test("shuffled pixels keep their channels together and have one order in all images", () => {
  const { train, test: held, mean } = shuffledPixels(images) as typeof images;
  const pixelsOf = (data: Uint8Array, image: number): string[] =>
    Array.from({ length: 12 }, (_, pixel) => data.slice((image * 12 + pixel) * 2, (image * 12 + pixel + 1) * 2).join());
  const order = pixelsOf(train.images, 0).map((pixel) => pixelsOf(images.train.images, 0).indexOf(pixel));
  expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 12 }, (_, i) => i));
  expect(order).not.toEqual([...order].sort((a, b) => a - b));
  const before = pixelsOf(images.test.images, 1);
  expect(pixelsOf(held.images, 1)).toEqual(order.map((from) => before[from]));
  expect(mean).toEqual(images.mean);
});

test("a text has no pixels to shuffle", () => {
  const text = { kind: "text" as const, name: "t", classes: 2, vocabulary: ["a", "b"] };
  const data = { ...text, train: new Uint32Array(4), test: new Uint32Array(4) };
  expect(() => shuffledPixels(data)).toThrow("shuffled: expected images, got a text. Leave it out.");
});
