import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { nativeInstructionSets, nativeKernels } from "../../node/native.ts";
import { jsKernels } from "../backend/js.ts";
import { Random } from "../random.ts";
import { PackedMatrix } from "../sparse/formats/packed-matrix.ts";
import { isKept } from "../sparse/mask.ts";
import { groupsOf, parsePattern } from "../sparse/pattern.ts";
import { keptByBoth, snapshotSteps } from "./early-structure.ts";
import { keptMagnitude } from "./kept-magnitude.ts";
import { flipRatiosOf, type MaskRecord } from "./mask-record.ts";

const backends = [jsKernels(), ...nativeInstructionSets().map((set) => nativeKernels(1, set))];
const random = new Random(3);

function masked(rows: number, k: number, text: string, w?: Float32Array): { w: Float32Array; mask: Uint32Array } {
  const values = w ?? Float32Array.from({ length: rows * k }, () => random.normal());
  const matrix = new PackedMatrix(jsKernels(), rows, k, parsePattern(text));
  matrix.prune(values);
  return { w: values, mask: matrix.mask };
}

describe("kept magnitude", () => {
  test("agrees with brute force on every backend, dead groups and rows too", () => {
    const shapes = fc.record({
      text: fc.constantFrom("2:4", "1:4", "4:8", "3:6", "1:16", "2:4v2", "1:8v4"),
      rows: fc.integer({ min: 1, max: 9 }),
      groups: fc.integer({ min: 1, max: 30 }),
      zeros: fc.constantFrom(1, 2, 40),
    });
    fc.assert(
      fc.property(shapes, ({ text, rows, groups, zeros }) => {
        const pattern = parsePattern(text);
        const { m, v } = pattern;
        const k = groups * m;
        const source = Float32Array.from({ length: rows * k }, () => (random.integer(zeros) < 1 ? 0 : random.normal()));
        const { w, mask } = masked(rows, k, text, source);
        let [sum, all, deadGroups, deadRows] = [0, 0, 0, 0];
        const alive = (row: number, column: number): boolean =>
          isKept(mask, k, row, column) && w[row * k + column] !== 0;
        for (let row = 0; row < rows; row++) {
          const columns = Array.from({ length: k }, (_, i) => i);
          for (const i of columns) all += Math.abs(w[row * k + i]);
          for (const i of columns) if (isKept(mask, k, row, i)) sum += Math.abs(w[row * k + i]);
          if (!columns.some((i) => alive(row, i))) deadRows++;
          if (row % v !== 0) continue;
          for (let begin = 0; begin < k; begin += m) {
            const living = columns
              .slice(begin, begin + m)
              .some((i) => Array.from({ length: Math.min(v, rows - row) }, (_, r) => r).some((r) => alive(row + r, i)));
            if (!living) deadGroups++;
          }
        }
        for (const kernels of backends) {
          const found = keptMagnitude(kernels, w, mask, rows, k, pattern.v, groupsOf(pattern, 1, k));
          expect(found).toMatchObject({ deadGroups, deadRows });
          expect(Math.abs(found.kept - sum)).toBeLessThanOrEqual(1e-6 * all);
          expect(Math.abs(found.all - all)).toBeLessThanOrEqual(1e-6 * all);
        }
      }),
      { numRuns: 60 },
    );
  });

  test("of a matrix by hand", () => {
    const w = Float32Array.of(3, 0, -1, 2, 0, 0, 0, 0);
    const pattern = parsePattern("2:4");
    expect(
      keptMagnitude(jsKernels(), w, Uint32Array.of(0b1001, 0b0011), 2, 4, pattern.v, groupsOf(pattern, 1, 4)),
    ).toEqual({
      ...{ kept: 5, all: 6, deadGroups: 1, deadRows: 1 },
    });
  });
});

describe("early structure", () => {
  test("is looked at in about 20 steps, the first and the last among them", () => {
    for (const steps of [1, 2, 18, 100, 1000, 93_800]) {
      const found = snapshotSteps(steps);
      expect(found[0]).toBe(0);
      expect(found.at(-1)).toBe(steps - 1);
      expect(found).toEqual([...new Set(found)].sort((a, b) => a - b));
      expect(found.length).toBeLessThanOrEqual(20);
    }
    expect(snapshotSteps(93_800).length).toBe(20);
  });

  test("counts what both keep", () => {
    expect(keptByBoth(Uint32Array.of(0b1100, -1), Uint32Array.of(0b0110, 0b101))).toBe(3);
  });
});

describe("flip ratios", () => {
  const record = (step: number, rates: readonly (readonly [string, number])[], pattern = "2:4"): MaskRecord =>
    ({
      step,
      masks: rates.map(([layer, flipRate]) => ({ layer, pattern, weights: layer === "a" ? 100 : 300, flipRate })),
    }) as unknown as MaskRecord;

  test("are of the steps, layers and patterns that both have", () => {
    const dense = [record(0, [["a", 0]]), record(20, [["a", 0.2]]), record(40, [["a", 0.1]]), record(60, [["a", 0.1]])];
    const own = [
      record(0, [["a", 0]]),
      record(20, [
        ["a", 0.1],
        ["b", 0.9],
      ]),
      record(40, [["a", 0.2]]),
      record(50, [["a", 1]]),
      record(60, [["a", 1]], "1:4"),
    ];
    expect(flipRatiosOf(own, dense)).toEqual({
      flipRatio: expect.closeTo(1, 12),
      flipRatios: [
        { step: 20, ratio: 0.5 },
        { step: 40, ratio: 2 },
      ],
    });
    expect(flipRatiosOf(own, [])).toEqual({ flipRatio: null, flipRatios: [] });
  });
});
