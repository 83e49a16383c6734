import { describe, expect, test } from "vitest";
import { jsKernels } from "../../../backend/js.ts";
import { Random } from "../../../random.ts";
import {
  blocks,
  type GroupStructure,
  groupCount,
  groupNorms,
  groupSizes,
  groupStructure,
  groupStructures,
} from "./groups.ts";
import { groupLasso, l1, l2, type Penalty, sumOf } from "./penalties.ts";

const kernels = jsKernels();
const random = new Random(4);
const shape = { rows: 5, taps: 4, channels: 3 };
const K = shape.taps * shape.channels;
const draw = (): Float64Array => Float64Array.from({ length: shape.rows * K }, () => random.normal());
const all: readonly GroupStructure[] = [...groupStructures, blocks(2, 5), blocks(1, 1), blocks(9, 100)];

/** The groups by definition: a key for each entry, as the table of algorithms.md says it. */
const keyOf = (name: string, o: number, tap: number, c: number): string => {
  const [y, x] = (/^block (\d+)x(\d+)$/.exec(name) ?? []).slice(1).map(Number);
  const column = tap * shape.channels + c;
  switch (name) {
    case "filter":
    case "row":
    case "neuron":
      return `${o}`;
    case "channel":
      return `${c}`;
    case "shape":
    case "column":
      return `${column}`;
    case "filter-2d":
      return `${o} ${c}`;
    case "layer":
    case "body":
      return "";
    default:
      return `${Math.floor(o / y)} ${Math.floor(column / x)}`;
  }
};

function groupsOf(name: string): number[][] {
  const groups = new Map<string, number[]>();
  for (let o = 0; o < shape.rows; o++)
    for (let tap = 0; tap < shape.taps; tap++)
      for (let c = 0; c < shape.channels; c++) {
        const key = keyOf(name, o, tap, c);
        groups.set(key, [...(groups.get(key) ?? []), o * K + tap * shape.channels + c]);
      }
  return [...groups.values()];
}
const norm = (w: ArrayLike<number>, group: readonly number[]): number => Math.hypot(...group.map((i) => w[i]));
const sorted = (values: ArrayLike<number>): number[] => Array.from(values).sort((a, b) => a - b);
const asF32 = (w: Float64Array): Float32Array => w as unknown as Float32Array;
const close = (a: ArrayLike<number>, b: ArrayLike<number>, tolerance = 1e-6): void => {
  expect(a.length).toBe(b.length);
  for (let i = 0; i < a.length; i++) expect(Math.abs(a[i] - b[i])).toBeLessThan(tolerance);
};

describe.each(all.map((structure) => [structure.name, structure] as const))("groups of %s", (name, structure) => {
  const w = asF32(draw());
  const groups = groupsOf(name);

  test("are those of the definition: count, sizes, norms", () => {
    expect(groupCount(structure, shape)).toBe(groups.length);
    close(sorted(groupSizes(structure, shape)), sorted(groups.map(({ length }) => length)));
    close(sorted(groupNorms(kernels, structure, w, shape)), sorted(groups.map((group) => norm(w, group))));
  });

  test.each([false, true])("have the penalty, gradient and proximal step of the definition, by size: %s", (bySize) => {
    const lambda = 0.3;
    const penalty = groupLasso(kernels, lambda, structure, shape, { bySize });
    const weight = (group: readonly number[]): number => lambda * (bySize ? Math.sqrt(group.length) : 1);
    expect(penalty.value(w)).toBeCloseTo(
      groups.reduce((sum, group) => sum + weight(group) * norm(w, group), 0),
      9,
    );
    const gradient = asF32(new Float64Array(w.length).fill(1));
    penalty.addGradient(gradient, w);
    const expected = new Float64Array(w.length);
    for (const group of groups) for (const i of group) expected[i] = 1 + (weight(group) * w[i]) / norm(w, group);
    close(gradient, expected);
    const rate = 2;
    const moved = w.slice();
    penalty.proximal(moved, rate);
    for (const group of groups) {
      const factor = Math.max(0, 1 - (rate * weight(group)) / norm(w, group));
      close(
        group.map((i) => moved[i]),
        group.map((i) => w[i] * factor),
      );
    }
  });

  test("the smallest alone are those of the first use", () => {
    const penalty = groupLasso(kernels, 0.1, structure, shape, { smallest: 0.4 });
    const mean = (group: readonly number[]): number => norm(w, group) / Math.sqrt(group.length);
    const order = [...groups].sort((a, b) => mean(a) - mean(b));
    const chosen = order.slice(0, Math.max(1, Math.round(0.4 * groups.length)));
    expect(penalty.value(w)).toBeCloseTo(
      chosen.reduce((sum, group) => sum + 0.1 * norm(w, group), 0),
      6,
    );
    // now they are the largest
    const grown = w.slice();
    for (const group of chosen) for (const i of group) grown[i] *= 100;
    const gradient = asF32(new Float64Array(w.length));
    penalty.addGradient(gradient, grown);
    const moved = grown.slice();
    penalty.proximal(moved, 1);
    for (const group of groups) {
      const changed = chosen.includes(group);
      // of doubles some kernels give floats
      const far = (i: number): boolean => Math.abs(moved[i] / grown[i] - 1) > 1e-6;
      for (const i of group) expect([gradient[i] !== 0, far(i)]).toEqual([changed, changed]);
    }
  });

  test("the smallest are gone within the rates that are named, whatever their norms", () => {
    const penalty = groupLasso(kernels, { within: 2 }, structure, shape, { smallest: 0.4 });
    const moved = w.slice();
    const left = (): number => groups.filter((group) => norm(moved, group) > 1e-6).length;
    // a gradient that makes all of them larger again does not hold them
    const step = (): void => {
      for (let i = 0; i < moved.length; i++) moved[i] *= 1.5;
      penalty.proximal(moved, 0.25);
    };
    for (let i = 0; i < 7; i++) step();
    expect(left()).toBe(groups.length);
    step();
    expect(left()).toBe(groups.length - Math.max(1, Math.round(0.4 * groups.length)));
  });

  test("that are zero have no gradient and stay zero", () => {
    const zero = w.slice();
    for (const i of groups[0]) zero[i] = 0;
    const penalty = groupLasso(kernels, 0.1, structure, shape);
    const gradient = asF32(new Float64Array(w.length));
    penalty.addGradient(gradient, zero);
    penalty.proximal(zero, 1);
    for (const i of groups[0]) expect([gradient[i], zero[i]]).toEqual([0, 0]);
  });
});

describe("penalties", () => {
  const structure = groupStructure("filter");
  const list: [string, Penalty][] = [
    ["l1", l1(kernels, 0.2)],
    ["l2", l2(kernels, 0.2)],
    ["group lasso", groupLasso(kernels, 0.2, structure, shape)],
    ["sparse group lasso", sumOf(l1(kernels, 0.1), groupLasso(kernels, 0.2, structure, shape))],
    [
      "row and column",
      sumOf(
        groupLasso(kernels, 0.2, groupStructure("row"), shape),
        groupLasso(kernels, 0.1, groupStructure("column"), shape),
      ),
    ],
  ];

  test.each(list)("of %s have the gradient of their value", (_, penalty) => {
    const w = asF32(draw());
    const gradient = asF32(new Float64Array(w.length));
    penalty.addGradient(gradient, w);
    for (let i = 0; i < w.length; i++) {
      const at = (value: number): number => penalty.value(Object.assign(w.slice(), { [i]: value }));
      const slope = (at(w[i] + 1e-6) - at(w[i] - 1e-6)) / 2e-6;
      expect(Math.abs(slope - gradient[i])).toBeLessThan(1e-6);
    }
  });

  test.each(list.slice(0, 4))("of %s have a proximal step that no other point beats", (_, penalty) => {
    const w = asF32(draw().map((x) => x / 3));
    const rate = 1.5;
    const moved = w.slice();
    penalty.proximal(moved, rate);
    const cost = (v: Float32Array): number =>
      v.reduce((sum, x, i) => sum + (x - w[i]) ** 2 / 2, 0) + rate * penalty.value(v);
    const best = cost(moved);
    for (let trial = 0; trial < 300; trial++) {
      const size = 10 ** (-4 * random.uniform());
      expect(cost(moved.map((x) => x + size * random.normal()))).toBeGreaterThan(best);
    }
  });

  test.each(["row, column", "column, row"])(
    "of %s take their proximal steps one after another, rows first",
    (order) => {
      const [w, rate] = [asF32(draw()), 0.5];
      const of = (name: string): Penalty => groupLasso(kernels, 0.4, groupStructure(name), shape);
      const [moved, apart] = [w.slice(), w.slice()];
      sumOf(...order.split(", ").map(of)).proximal(moved, rate);
      for (const name of ["row", "column"]) of(name).proximal(apart, rate);
      close(moved, apart);
    },
  );

  test("of rows and columns in one pass choose the smallest of each", () => {
    const w = asF32(draw());
    const of = (name: string): Penalty => groupLasso(kernels, 0.4, groupStructure(name), shape, { smallest: 0.2 });
    const both = sumOf(of("row"), of("column"));
    expect(both.name).toBe("group lasso of row + group lasso of column");
    expect(both.value(w)).toBeCloseTo(of("row").value(w) + of("column").value(w), 6);
  });

  test("of l1 shrink softly", () => {
    const w = Float32Array.of(3, -3, 0.5, -0.5, 0);
    l1(kernels, 1).proximal(w, 1);
    expect([...w]).toEqual([2, -2, 0, 0, 0]);
  });

  test("know their words", () => {
    expect(groupStructure("block 4x8").name).toBe("block 4x8");
    expect(() => groupStructure("fiter")).toThrow("groups: expected one of filter, row");
  });
});

describe("what penalties are made of", () => {
  const lasso = (lambda: number | { within: number }, options?: object): Penalty =>
    groupLasso(kernels, lambda, groupStructure("row"), { rows: 2, taps: 1, channels: 4 }, options);

  test.each([
    [() => l1(kernels, Number.NaN), "l1: expected lambda of 0 or more, got NaN."],
    [() => l2(kernels, -1), "l2: expected lambda of 0 or more, got -1."],
    [() => lasso(Number.NaN), "groupLasso: expected lambda of 0 or more, got NaN."],
    [() => lasso({ within: -1 }), "groupLasso: expected lambda.within of 0 or more, got -1."],
    [() => lasso(1, { smallest: 0 }), "groupLasso: expected smallest above 0 and of at most 1, got 0."],
    [() => lasso(1, { bySize: "yes" }), 'groupLasso: expected bySize true or false, got "yes".'],
    [() => lasso(1, { bysize: true }), 'got "bysize". Perhaps you mean "bySize".'],
  ])("%s is refused: %s", (make, message) => {
    expect(make).toThrow(message);
  });

  test("may lie on the bounds", () => {
    expect(() => lasso({ within: 0 }, { smallest: 1, bySize: true, among: undefined })).not.toThrow();
  });
});
