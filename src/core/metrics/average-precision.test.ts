import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { averagePrecision, type Box, type Detection, type Judged, overlapOf, suppress } from "./average-precision.ts";

const at = (x: number, y: number, side = 10): Box => [x, y, x + side, y + side];
const said = (score: number, box: Box, label = 0): Detection => ({ label, score, box });
const there = (box: Box, label = 0) => ({ label, box });

test("overlap: intersection over union", () => {
  expect(overlapOf(at(0, 0), at(0, 0))).toBe(1);
  expect(overlapOf(at(0, 0), at(5, 0))).toBeCloseTo(50 / 150, 12);
  expect(overlapOf(at(0, 0), at(10, 0))).toBe(0);
  expect(overlapOf(at(0, 0), at(20, 20))).toBe(0);
  expect(overlapOf(at(0, 0, 0), at(0, 0, 0))).toBe(0);
});

test("suppression keeps the surest of a class that overlap, other classes, and at most 100", () => {
  const [weak, sure, other, far] = [
    said(0.5, at(0, 0)),
    said(0.9, at(1, 0)),
    said(0.6, at(0, 0), 1),
    said(0.1, at(30, 0)),
  ];
  expect(suppress([weak, sure, other, far])).toEqual([sure, other, far]);
  expect(suppress([weak, sure], 0.9)).toEqual([sure, weak]);
  const many = Array.from({ length: 120 }, (_, i) => said(i / 120, at(20 * i, 0)));
  expect(suppress(many)).toEqual(many.slice(20).reverse());
});

describe("average precision by hand", () => {
  const of = (...images: Judged[]): number[] => Object.values(averagePrecision(images));

  test("is 1 where all is found, 0 where nothing is, NaN where nothing is there", () => {
    const truths = [there(at(0, 0)), there(at(20, 20), 3)];
    expect(of({ truths, detections: truths.map((truth) => ({ ...truth, score: 0.5 })) })).toEqual([1, 1]);
    expect(of({ truths, detections: [] })).toEqual([0, 0]);
    expect(of({ truths: [], detections: [said(1, at(0, 0))] })).toEqual([NaN, NaN]);
  });

  test("one of two found, after a wrong one: precision 1/2 up to recall 1/2, which are 51 of 101 recalls", () => {
    const truths = [there(at(0, 0)), there(at(20, 20))];
    const [ap50] = of({ truths, detections: [said(0.9, at(40, 0)), said(0.8, at(0, 0))] });
    expect(ap50).toBeCloseTo((51 * 0.5) / 101, 12);
  });

  test("a second detection of the same object is wrong", () => {
    const truths = [there(at(0, 0)), there(at(20, 0))];
    const [ap50] = of({ truths, detections: [said(0.9, at(0, 0)), said(0.8, at(0, 0)), said(0.7, at(20, 0))] });
    expect(ap50).toBeCloseTo((51 + 50 * (2 / 3)) / 101, 12);
  });

  test("an object goes to the surest detection, and a detection takes what it overlaps most", () => {
    // both detections overlap both objects by more than half; the surer one takes the second object
    const truths = [there(at(0, 0)), there(at(2, 0))];
    expect(of({ truths, detections: [said(0.9, at(1.9, 0)), said(0.8, at(0.1, 0))] })[0]).toBe(1);
  });

  test("a box that overlaps by 0.72 counts at the five overlaps from 0.5 to 0.7", () => {
    const truths = [there([0, 0, 100, 100])];
    expect(of({ truths, detections: [said(1, [0, 0, 100, 72])] })).toEqual([1, 0.5]);
  });

  test("of a class that is nowhere nothing is counted, of one that is somewhere what is wrong elsewhere", () => {
    const found = { truths: [there(at(0, 0))], detections: [said(0.5, at(0, 0)), said(0.9, at(0, 0), 7)] };
    expect(of(found)[0]).toBe(1);
    expect(of(found, { truths: [], detections: [said(0.9, at(0, 0))] })[0]).toBe(0.5);
  });
});

/** Straight from the definition: at each recall the best precision of all cuts of the list that reach it. */
function byDefinition(images: readonly Judged[], overlap: number): number {
  const all = images.flatMap(({ truths, detections }, image) =>
    detections.map((one) => ({ image, one, truths })).sort((a, b) => b.one.score - a.one.score),
  );
  const list = [...all].sort((a, b) => b.one.score - a.one.score);
  const taken = new Set<object>();
  const rights = list.map(({ one, truths }) => {
    const free = truths.filter((truth) => !taken.has(truth) && overlapOf(truth.box, one.box) >= overlap);
    const best = free.sort((a, b) => overlapOf(b.box, one.box) - overlapOf(a.box, one.box))[0];
    if (best !== undefined) taken.add(best);
    return best !== undefined;
  });
  const count = images.reduce((sum, { truths }) => sum + truths.length, 0);
  let sum = 0;
  for (let recall = 0; recall <= 100; recall++) {
    let best = 0;
    for (let cut = 1; cut <= list.length; cut++) {
      const right = rights.slice(0, cut).filter(Boolean).length;
      if (100 * right >= recall * count) best = Math.max(best, right / cut);
    }
    sum += best;
  }
  return sum / 101;
}

test("equals the definition, by brute force", () => {
  const box = fc
    .tuple(fc.integer({ min: 0, max: 900 }), fc.integer({ min: 0, max: 900 }), fc.integer({ min: 500, max: 1500 }))
    .map(([x, y, side]) => at(x / 97, y / 89, side / 101));
  const image = fc.record({
    truths: fc.array(
      box.map((one) => there(one)),
      { minLength: 1, maxLength: 4 },
    ),
    detections: fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), box), { maxLength: 6 }),
  });
  fc.assert(
    fc.property(fc.array(image, { minLength: 1, maxLength: 4 }), (list) => {
      const images = list.map(({ truths, detections }) => ({
        truths,
        detections: detections.map(([score, one]) => said(score, one)),
      }));
      expect(averagePrecision(images).ap50).toBeCloseTo(byDefinition(images, 0.5), 10);
    }),
    { seed: 1 },
  );
});

test("equals pycocotools", () => {
  const file = new URL("../../../test/golden/average-precision.json", import.meta.url);
  const { cases } = JSON.parse(readFileSync(file, "utf8")) as {
    cases: { images: Judged[]; ap50: number; ap: number }[];
  };
  expect(cases.length).toBeGreaterThan(5);
  for (const { images, ap50, ap } of cases) {
    const own = averagePrecision(images);
    expect(own.ap50).toBeCloseTo(ap50, 9);
    expect(own.ap).toBeCloseTo(ap, 9);
  }
});
