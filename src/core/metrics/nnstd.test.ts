import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { maskWords } from "../backend/families/masks.ts";
import { jsKernels } from "../backend/js.ts";
import { Random } from "../random.ts";
import { PackedMatrix } from "../sparse/formats/packed-matrix.ts";
import { divergence } from "../sparse/mask.ts";
import { parsePattern } from "../sparse/pattern.ts";
import { type LayerPair, networkNnstd, nnstd } from "./nnstd.ts";

const random = new Random(3);

function masked(rows: number, k: number, text: string): Uint32Array {
  const matrix = new PackedMatrix(jsKernels(), rows, k, parsePattern(text));
  matrix.prune(Float32Array.from({ length: rows * k }, () => random.normal()));
  return matrix.mask;
}

/** The mask with these rows: the inputs of each neuron. */
function maskOf(neurons: readonly (readonly number[])[], k: number): Uint32Array {
  const words = maskWords(k);
  const mask = new Uint32Array(neurons.length * words);
  neurons.forEach((inputs, row) => {
    for (const input of inputs) mask[row * words + (input >> 5)] |= 1 << (input & 31);
  });
  return mask;
}

const permuted = (mask: Uint32Array, order: ArrayLike<number>, k: number): Uint32Array => {
  const words = maskWords(k);
  return Uint32Array.from(mask, (_, i) => mask[order[Math.floor(i / words)] * words + (i % words)]);
};

/** The distance as the authors' code defines it, of sets: edits / union, 0 of two empty ones. */
function setDistance(a: ReadonlySet<number>, b: ReadonlySet<number>): number {
  const union = new Set([...a, ...b]);
  if (union.size === 0) return 0;
  const edits = [...union].filter((input) => a.has(input) !== b.has(input));
  return edits.length / union.size;
}

function orders(n: number): number[][] {
  if (n === 0) return [[]];
  return orders(n - 1).flatMap((order) => Array.from({ length: n }, (_, at) => order.toSpliced(at, 0, n - 1)));
}

interface SetMatch {
  readonly distance: number;
  readonly order: readonly number[];
}

/** The best match by trying all: neuron i of the first list has order[i] of the second one. */
function bestOfAll(a: readonly (readonly number[])[], b: readonly (readonly number[])[]): SetMatch {
  const [from, to] = [a, b].map((neurons) => neurons.map((inputs) => new Set(inputs)));
  return orders(a.length)
    .map((order) => ({
      order,
      distance: order.reduce((sum, j, i) => sum + setDistance(from[i], to[j]), 0) / a.length,
    }))
    .reduce((best, one) => (one.distance < best.distance ? one : best));
}

const neuronsOf = (rows: number, k: number): fc.Arbitrary<number[][]> =>
  fc.array(fc.subarray(Array.from({ length: k }, (_, input) => input)), { minLength: rows, maxLength: rows });

const twoLayers = fc.record({
  rows: fc.integer({ min: 1, max: 6 }),
  k: fc.constantFrom(4, 7, 33),
});

describe("NNSTD", () => {
  test("does not see the order of neurons, and SAD does", () => {
    for (const [rows, k, text] of [
      [30, 64, "2:4"],
      [64, 40, "1:4"],
      [17, 48, "1:16"],
    ] as const) {
      const [a, b] = [masked(rows, k, text), masked(rows, k, text)];
      const anyOrder = (mask: Uint32Array): Uint32Array => permuted(mask, random.permutation(rows), k);
      const other = anyOrder(a);
      expect(nnstd(a, other, rows, k)!.distance).toBe(0);
      expect(divergence(a, other)).toBeGreaterThan(0);
      for (const matching of ["optimal", "greedy"] as const) {
        const { distance } = nnstd(a, b, rows, k, matching)!;
        expect(distance).toBeGreaterThan(0.2);
        expect(distance).toBeLessThan(1);
        for (let i = 0; i < 5; i++) expect(nnstd(anyOrder(a), anyOrder(b), rows, k, matching)!.distance).toBe(distance);
      }
    }
  });

  test("is the least over all matches of neurons, by the definition of the authors' code", () => {
    const pairs = twoLayers.chain(({ rows, k }) =>
      fc.record({ rows: fc.constant(rows), k: fc.constant(k), a: neuronsOf(rows, k), b: neuronsOf(rows, k) }),
    );
    fc.assert(
      fc.property(pairs, ({ rows, k, a, b }) => {
        const [from, to] = [maskOf(a, k), maskOf(b, k)];
        const best = nnstd(from, to, rows, k)!;
        expect(best.matching).toBe("optimal");
        expect(Math.abs(best.distance - bestOfAll(a, b).distance)).toBeLessThanOrEqual(1e-12);
        const greedy = nnstd(from, to, rows, k, "greedy")!;
        expect(greedy.matching).toBe("greedy");
        expect(greedy.distance).toBeGreaterThanOrEqual(best.distance - 1e-12);
        for (const { pairs, distance } of [best, greedy]) {
          const sum = [...pairs[0]].reduce(
            (sum, row, at) => sum + setDistance(new Set(a[row]), new Set(b[pairs[1][at]])),
            0,
          );
          expect(Math.abs(sum / rows - distance)).toBeLessThanOrEqual(1e-12);
          for (const side of pairs) expect([...side].sort((x, y) => x - y)).toEqual([...side.keys()]);
        }
      }),
      { numRuns: 300 },
    );
  });

  test("by hand: matching the nearest first leaves the others what is far", () => {
    // 0b0011 is equal in both; 0b1100 has then only 0b0110, which shares one of three inputs with it
    const equal = [Uint32Array.of(0b1100, 0b0011), Uint32Array.of(0b0011, 0b0110)] as const;
    expect(nnstd(...equal, 2, 4)!.distance).toBeCloseTo(2 / 3 / 2, 12);
    // six inputs each: b1 from 0, a0 from 2, b0 from 3, a1 from 5. a0 and b0 are nearest, and a1 has one of b1's
    const six = (begin: number): number => 0b111111 << begin;
    const [a, b] = [Uint32Array.of(six(2), six(5)), Uint32Array.of(six(3), six(0))];
    expect(nnstd(a, b, 2, 11, "greedy")!.distance).toBeCloseTo((2 / 7 + 10 / 11) / 2, 12);
    expect(nnstd(a, b, 2, 11)!.distance).toBeCloseTo((4 / 8 + 4 / 8) / 2, 12);
    expect(nnstd(Uint32Array.of(0b0011), Uint32Array.of(0b1100), 1, 4)!.distance).toBe(1);
    expect(nnstd(Uint32Array.of(0), Uint32Array.of(0), 1, 4)!.distance).toBe(0);
  });

  test("matches greedily, and says so, where the best match takes too long", () => {
    const [rows, k] = [2048, 64];
    expect(nnstd(masked(rows, k, "2:4"), masked(rows, k, "2:4"), rows, k)!.matching).toBe("greedy");
  });

  test("is none for a layer that would take too long", () => {
    expect(nnstd(new Uint32Array(5000), new Uint32Array(5000), 5000, 4)).toBeNull();
  });
});

describe("NNSTD of a network", () => {
  const layer = (
    name: string,
    a: Uint32Array,
    b: Uint32Array,
    rows: number,
    k: number,
    before?: string,
  ): LayerPair => ({
    ...{ name, a, b, rows, k },
    inputs: before === undefined ? [] : [{ layer: before, columns: Int32Array.from({ length: k }, (_, i) => i) }],
  });
  /** The mask whose input c is input order[c] of the given one. */
  const withInputs = (neurons: readonly number[][], order: readonly number[]): number[][] =>
    neurons.map((inputs) => inputs.map((input) => order.indexOf(input)));
  const random2 = (rows: number, k: number): number[][] =>
    Array.from({ length: rows }, () => Array.from({ length: k }, (_, i) => i).filter(() => random.integer(2) === 0));

  test("is 0 of a network with its neurons in another order, only if the match is carried on", () => {
    const [k, hidden, outputs] = [40, 12, 9];
    const [first, second] = [random2(hidden, k), random2(outputs, hidden)];
    const [order, order2] = [[...random.permutation(hidden)], [...random.permutation(outputs)]];
    const [a1, a2] = [maskOf(first, k), maskOf(second, hidden)];
    const b1 = permuted(a1, order, k);
    const b2 = permuted(maskOf(withInputs(second, order), hidden), order2, hidden);
    const lists = [undefined, "one"].map((before) =>
      networkNnstd([layer("one", a1, b1, hidden, k), layer("two", a2, b2, outputs, hidden, before)]),
    );
    expect(lists.map((list) => list.get("one")!.distance)).toEqual([0, 0]);
    expect(lists[0].get("two")!).toMatchObject({ carried: false });
    expect(lists[0].get("two")!.distance).toBeGreaterThan(0.1);
    expect(lists[1].get("two")!).toMatchObject({ carried: true, distance: 0 });
  });

  test("agrees with the definition written out, where one match is the best", () => {
    // the source renames the inputs of the second network by the match of the layer before, and so on
    let compared = 0;
    for (let trial = 0; trial < 40; trial++) {
      const [k, hidden, outputs] = [40, 5, 4];
      const [a1, b1, a2, b2] = [
        random2(hidden, k),
        random2(hidden, k),
        random2(outputs, hidden),
        random2(outputs, hidden),
      ];
      const all = orders(hidden).map((order) =>
        order.reduce((sum, j, i) => sum + setDistance(new Set(a1[i]), new Set(b1[j])), 0),
      );
      const [best, next] = [...all].sort((x, y) => x - y);
      if (next - best < 1e-9) continue;
      compared++;
      const match = bestOfAll(a1, b1);
      const found = networkNnstd([
        layer("one", maskOf(a1, k), maskOf(b1, k), hidden, k),
        layer("two", maskOf(a2, hidden), maskOf(b2, hidden), outputs, hidden, "one"),
      ]);
      expect(Math.abs(found.get("one")!.distance - match.distance)).toBeLessThanOrEqual(1e-12);
      const expected = bestOfAll(a2, withInputs(b2, match.order));
      expect(Math.abs(found.get("two")!.distance - expected.distance)).toBeLessThanOrEqual(1e-12);
    }
    expect(compared).toBeGreaterThan(20);
  });

  test("does not depend on the order of either network's neurons", () => {
    const [k, hidden, outputs] = [40, 12, 9];
    const [a1, b1, a2, b2] = [
      random2(hidden, k),
      random2(hidden, k),
      random2(outputs, hidden),
      random2(outputs, hidden),
    ];
    const distances = (): (number | undefined)[] => {
      const [orderA, orderB] = [[...random.permutation(hidden)], [...random.permutation(hidden)]];
      const list = networkNnstd([
        layer("one", permuted(maskOf(a1, k), orderA, k), permuted(maskOf(b1, k), orderB, k), hidden, k),
        layer(
          "two",
          maskOf(withInputs(a2, orderA), hidden),
          maskOf(withInputs(b2, orderB), hidden),
          outputs,
          hidden,
          "one",
        ),
      ]);
      return [...list.values()].map((match) => match?.distance);
    };
    const [one, two] = distances();
    for (let trial = 0; trial < 5; trial++) expect(distances()).toEqual([one, two]);
    expect(two).toBeGreaterThan(0.1);
  });

  test("goes on in the order given behind a layer that is too large", () => {
    const [rows, k] = [5000, 4];
    const large = new Uint32Array(rows);
    const after = { a: new Uint32Array(157).fill(5), b: new Uint32Array(157).fill(5) };
    const list = networkNnstd([
      layer("one", large, large, rows, k),
      { ...layer("two", after.a, after.b, 1, rows, "one") },
    ]);
    expect(list.get("one")).toBeNull();
    expect(list.get("two")).toMatchObject({ carried: false, distance: 0 });
  });
});
