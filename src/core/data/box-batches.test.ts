import fc from "fast-check";
import { expect, test } from "vitest";
import { jsKernels } from "../backend/js.ts";
import { Device } from "../tensor/device.ts";
import { BoxBatches } from "./box-batches.ts";
import { boxAt, cellOf, offsetsOf } from "./cells.ts";
import { type BoxedObject, boxDataset } from "./dataset.ts";

const device = new Device(jsKernels());

/** Images of 16 x 24, image i of pixels i, with one object that says i. */
const counted = (count: number, objects = (i: number): BoxedObject[] => [{ label: i, box: [i, 0, i + 4, 4] }]) => {
  const split = {
    count,
    images: Uint8Array.from({ length: count * 384 }, (_, i) => Math.floor(i / 384)),
    objects: Array.from({ length: count }, (_, i) => objects(i)),
  };
  return {
    ...boxDataset({ name: "n", shape: [16, 24, 1], classes: 10, train: split, test: split }),
    mean: [0],
    std: [1 / 255],
  };
};

test("a box goes to four numbers in its cell and back", () => {
  const edge = fc.integer({ min: 0, max: 40 });
  fc.assert(
    fc.property(edge, edge, fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 30 }), (x, y, width, height) => {
      const box = [x, y, x + width, y + height] as const;
      const [row, column] = cellOf(box);
      const offsets = offsetsOf(box, row, column);
      for (const offset of offsets.slice(0, 2)) expect(Math.abs(offset)).toBeLessThanOrEqual(0.5);
      boxAt([9, ...offsets], 1, row, column).forEach((value, i) => {
        expect(value).toBeCloseTo(box[i], 9);
      });
    }),
    { seed: 1 },
  );
  expect(offsetsOf([4, 0, 20, 16], 1, 1)).toEqual([0, -0.5, 0, 0]);
});

test("a cell says the object whose center is in it, the others the background", () => {
  const batches = new BoxBatches(
    counted(1, () => [
      { label: 3, box: [10, 2, 18, 8] },
      { label: 4, box: [0, 0, 24, 16] },
      { label: 5, box: [10, 8, 18, 13] },
    ]),
    { batchSize: 1 },
  );
  const { x, labels, boxes } = batches.training(device, 0);
  expect(x.shape).toEqual([1, 16, 24, 1]);
  // the last two have their centers in one cell: the smaller counts
  expect([...labels]).toEqual([10, 3, 10, 10, 5, 10]);
  expect([...boxes!.offsets.subarray(4, 6)]).toEqual([0.25, 0.125]);
  expect(boxes!.offsets[18]).toBeCloseTo(Math.log(8 / 16), 6);
  expect([...boxes!.offsets.subarray(8, 16)]).toEqual(Array(8).fill(0));
});

test("objects travel with their images, in training as in evaluation", () => {
  const data = counted(9);
  const batches = new BoxBatches(data, { batchSize: 4, seed: 2 });
  expect(batches.stepsPerEpoch).toBe(2);
  const seen = [0, 1].flatMap((step) => {
    const { x, boxes } = batches.training(device, step);
    const images = Array.from({ length: 4 }, (_, i) => Math.round(x.data[384 * i]));
    expect(boxes!.objects).toEqual(images.map((image) => data.train.objects[image]));
    return images;
  });
  expect(new Set(seen).size).toBe(8);
  expect(batches.parts("test")).toBe(1);
  expect(batches.part(device, "test", 0).boxes!.objects).toEqual(data.test.objects);
});

test("images that cells do not tile are refused", () => {
  const split = { count: 1, images: new Uint8Array(100), objects: [[]] };
  const data = boxDataset({ name: "n", shape: [10, 10, 1], classes: 2, train: split, test: split });
  expect(() => new BoxBatches(data, { batchSize: 1 })).toThrow("expected sides that are multiples of 8, got 10x10");
});
