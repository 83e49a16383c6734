import { expect, test } from "vitest";
import { cellOf } from "../../core/data/cells.ts";
import { boxDataset } from "../../core/data/dataset.ts";
import { makeScenes } from "./scenes.ts";

const small = makeScenes({ limit: { train: 400, test: 100 } });
const all = [...small.train.objects, ...small.test.objects];

test("scenes hold one to four digits of all classes and many sizes", () => {
  expect(small.shape).toEqual([48, 48, 1]);
  expect(small.train.images.length).toBe(400 * 48 * 48);
  expect(new Set(all.map((objects) => objects.length))).toEqual(new Set([1, 2, 3, 4]));
  const counts = Array.from({ length: 10 }, (_, label) => all.flat().filter((one) => one.label === label).length);
  expect(Math.min(...counts)).toBeGreaterThan(70);
  const heights = all.flat().map(({ box: [, top, , bottom] }) => bottom - top);
  expect(Math.min(...heights)).toBeLessThan(13);
  expect(Math.max(...heights)).toBeGreaterThan(26);
});

test("a box lies within the canvas with ink at each of its edges", () => {
  small.train.objects.forEach((objects, image) => {
    for (const { box } of objects) {
      const [left, top, right, bottom] = box;
      expect(Math.min(left, top)).toBeGreaterThan(0);
      expect(Math.max(right, bottom)).toBeLessThan(48);
      const darkest = (rows: readonly [number, number], columns: readonly [number, number]): number => {
        let most = 0;
        for (let y = rows[0]; y < rows[1]; y++) {
          for (let x = columns[0]; x < columns[1]; x++) {
            most = Math.max(most, small.train.images[(image * 48 + y) * 48 + x]);
          }
        }
        return most;
      };
      const edges = [
        darkest([top, top + 1], [left, right]),
        darkest([bottom - 1, bottom], [left, right]),
        darkest([top, bottom], [left, left + 1]),
        darkest([top, bottom], [right - 1, right]),
      ];
      expect(Math.min(...edges)).toBeGreaterThan(0);
    }
  });
});

test("no two digits share a cell, and their boxes hardly overlap", () => {
  for (const objects of all) {
    expect(new Set(objects.map(({ box }) => cellOf(box).join())).size).toBe(objects.length);
    for (const [i, { box: a }] of objects.entries()) {
      for (const { box: b } of objects.slice(i + 1)) {
        const width = Math.max(0, Math.min(a[2], b[2]) - Math.max(a[0], b[0]));
        const height = Math.max(0, Math.min(a[3], b[3]) - Math.max(a[1], b[1]));
        const smaller = Math.min((a[2] - a[0]) * (a[3] - a[1]), (b[2] - b[0]) * (b[3] - b[1]));
        expect(width * height).toBeLessThanOrEqual(0.15 * smaller);
      }
    }
  }
});

test("the same seed gives the same scenes, another seed others, and a limited set is a prefix", () => {
  const again = makeScenes({ seed: 0, limit: { train: 20, test: 10 } });
  expect(again.train.images).toEqual(small.train.images.subarray(0, 20 * 48 * 48));
  expect(again.test.objects).toEqual(small.test.objects.slice(0, 10));
  const other = makeScenes({ seed: 1, limit: { train: 20, test: 10 } });
  expect(other.train.objects).not.toEqual(again.train.objects);
  const images = new Set(small.train.objects.map((objects) => JSON.stringify(objects)));
  expect(small.test.objects.filter((objects) => images.has(JSON.stringify(objects)))).toEqual([]);
});

test("boxes outside of their image, labels that are no class and lists that are missing are refused", () => {
  const of = (box: [number, number, number, number], label = 0, lists = 1): (() => unknown) => {
    const split = { count: 1, images: new Uint8Array(64), objects: Array(lists).fill([{ label, box }]) };
    return () => boxDataset({ name: "one", shape: [8, 8, 1], classes: 2, train: split, test: split });
  };
  expect(of([0, 0, 8, 8])).not.toThrow();
  expect(of([0, 0, 9, 8])).toThrow(
    "one train: expected labels in 0..1 and boxes within 8x8 pixels, got label 0, box 0, 0, 9",
  );
  expect(of([3, 0, 3, 8])).toThrow("box 3, 0, 3, 8 in image 0");
  expect(of([0, 0, 8, 8], 2)).toThrow("got label 2");
  expect(of([0, 0, 8, 8], 0, 2)).toThrow("one train: expected the objects of each of 1 images, got 2 lists");
});
