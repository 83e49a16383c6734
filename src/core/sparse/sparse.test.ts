import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { matrixGeometry } from "../backend/geometry.ts";
import { jsKernels } from "../backend/js.ts";
import { decodeMatrix, encodedBytes, encodeMatrix } from "./formats/encoding.ts";
import { PackedMatrix } from "./formats/packed-matrix.ts";
import { SlicedMatrix } from "./formats/sliced-matrix.ts";
import { countKept, divergence, isKept, verifyMask, verifyValues } from "./mask.ts";
import { indexBits, misfit, type Pattern, packedBytes, parsePattern, patternName } from "./pattern.ts";

const patterns = ["1:2", "2:4", "1:4", "4:8", "2:8", "1:16", "3:6", "2:4v2", "2:4v4", "1:8v2"];
const weights = fc.float({ noNaN: true, noDefaultInfinity: true, min: -8, max: 8 });
/** A pattern with a matrix that it fits. */
const matrices = fc
  .record({
    text: fc.constantFrom(...patterns),
    rows: fc.integer({ min: 1, max: 9 }),
    groups: fc.integer({ min: 1, max: 40 }),
  })
  .chain(({ text, rows, groups }) => {
    const pattern = parsePattern(text);
    const k = groups * pattern.m;
    return fc
      .array(weights, { minLength: rows * k, maxLength: rows * k })
      .map((values) => ({ pattern, rows, k, w: Float32Array.from(values) }));
  });

function packed(w: Float32Array, rows: number, k: number, pattern: Pattern): PackedMatrix {
  const matrix = new PackedMatrix(jsKernels(), rows, k, pattern);
  matrix.prune(w);
  return matrix;
}

describe("patterns", () => {
  test.each(patterns)("%s reads and prints as itself", (text) => {
    expect(patternName(parsePattern(text))).toBe(text);
  });

  test.each(["", "4:2", "2:2", "0:4", "2:32", "2:4v3", "2-4", "2:4v", "a:b"])(
    "%j is refused with what N and M mean",
    (text) => {
      expect(() => parsePattern(text)).toThrow(/^pattern: expected N:M .* N is the number kept of M neighbors/);
    },
  );

  test("an axis that groups cannot tile is named", () => {
    expect(misfit(parsePattern("2:4"), 8)).toBeUndefined();
    expect(misfit(parsePattern("2:4"), 3)).toBe("3 inputs cannot be cut into groups of 4");
    expect(() => new PackedMatrix(jsKernels(), 2, 6, parsePattern("2:4"))).toThrow(
      "expected a contraction dimension that is a multiple of 4, got 6",
    );
  });

  test("an index takes the bits of a place in its group", () => {
    expect(["1:2", "2:4", "3:6", "2:8", "1:16"].map((text) => indexBits(parsePattern(text)))).toEqual([1, 2, 3, 3, 4]);
  });
});

describe("magnitude masks", () => {
  test("keep the largest, and the lower index of equals", () => {
    const { mask } = packed(Float32Array.of(1, -3, 2, 0, 5, 5, -5, 5), 1, 8, parsePattern("2:4"));
    expect([...Array(8).keys()].map((column) => isKept(mask, 8, 0, column))).toEqual([
      false,
      true,
      true,
      false,
      true,
      true,
      false,
      false,
    ]);
  });

  test("with v2 two rows share the choice that their sum of magnitudes makes", () => {
    const { mask } = packed(Float32Array.of(4, 0, 0, 1, 0, 3, 2, 1.5), 2, 4, parsePattern("2:4v2"));
    for (const row of [0, 1])
      expect([0, 1, 2, 3].map((column) => isKept(mask, 4, row, column))).toEqual([true, true, false, false]);
  });

  test("hold exactly n of every m, in every pattern", () => {
    fc.assert(
      fc.property(matrices, ({ pattern, rows, k, w }) => {
        const { mask } = packed(w, rows, k, pattern);
        expect(verifyMask(mask, rows, k, pattern)).toMatchObject({ ok: true, violations: 0 });
        expect(countKept(mask)).toBe((rows * k * pattern.n) / pattern.m);
      }),
    );
  });
});

describe("a packed matrix", () => {
  test("unpacks to the masked weights, which the verifier accepts", () => {
    fc.assert(
      fc.property(matrices, ({ pattern, rows, k, w }) => {
        const matrix = packed(w, rows, k, pattern);
        const dense = new Float32Array(rows * k).fill(9);
        matrix.unpackInto(dense);
        dense.forEach((value, i) => {
          expect(value).toBe(isKept(matrix.mask, k, Math.floor(i / k), i % k) ? w[i] : 0);
        });
        expect([...matrix.masked]).toEqual([...dense]);
        expect(verifyValues(dense, rows, k, pattern).ok).toBe(true);
      }),
    );
  });

  test("repacks new values under the old mask", () => {
    const matrix = packed(Float32Array.of(1, 2, 3, 4), 1, 4, parsePattern("2:4"));
    matrix.repack(Float32Array.of(9, 8, 7, 6));
    expect([...matrix.masked]).toEqual([0, 0, 7, 6]);
    matrix.repack(Float32Array.of(9, 8, 0.5, 0.25));
    expect([...matrix.masked]).toEqual([0, 0, 0.5, 0.25]);
  });
});

describe("the verifier", () => {
  test("names the first group with too many, and counts all", () => {
    const w = Float32Array.of(1, 1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 1);
    expect(verifyValues(w, 1, 12, parsePattern("2:4"))).toEqual({
      ...{ ok: false, groups: 3, violations: 2 },
      first: "row 0, inputs 4..7: 3 of 4 are not zero, 2:4 allows 2",
    });
  });

  test("with v2 counts the places that two rows use together", () => {
    const w = Float32Array.of(1, 1, 0, 0, 0, 0, 1, 1);
    expect(verifyValues(w, 2, 4, parsePattern("2:4")).ok).toBe(true);
    expect(verifyValues(w, 2, 4, parsePattern("2:4v2")).ok).toBe(false);
  });

  test("finds a mask whose groups or vectors differ", () => {
    const matrix = packed(Float32Array.of(1, 2, 3, 4, 4, 3, 2, 1), 2, 4, parsePattern("2:4"));
    expect(verifyMask(matrix.mask, 2, 4, parsePattern("2:4")).ok).toBe(true);
    expect(verifyMask(matrix.mask, 2, 4, parsePattern("2:4v2")).first).toBe(
      "row 1, inputs 0..3: another choice than row 0 of its vector",
    );
    matrix.mask[0] |= 1;
    expect(verifyMask(matrix.mask, 2, 4, parsePattern("2:4")).first).toBe("row 0, inputs 0..3: 3 kept, 2:4 keeps 2");
  });
});

describe("divergence (SAD)", () => {
  const masks = fc.uint32Array({ minLength: 3, maxLength: 3 });
  test("is 0 for a mask and itself, symmetric, and obeys the triangle inequality", () => {
    fc.assert(
      fc.property(masks, masks, masks, (a, b, c) => {
        expect(divergence(a, a)).toBe(0);
        expect(divergence(a, b)).toBe(divergence(b, a));
        expect(divergence(a, c)).toBeLessThanOrEqual(divergence(a, b) + divergence(b, c));
      }),
    );
  });

  test("of two N:M masks is even in each group and at most 2 min(N, M - N)", () => {
    fc.assert(
      fc.property(matrices, ({ pattern, rows, k, w }) => {
        const a = packed(w, rows, k, pattern).mask;
        const b = packed(
          w.map((x) => 8 - Math.abs(x)),
          rows,
          k,
          pattern,
        ).mask;
        const most = (rows * k * 2 * Math.min(pattern.n, pattern.m - pattern.n)) / pattern.m;
        expect(divergence(a, b) % 2).toBe(0);
        expect(divergence(a, b)).toBeLessThanOrEqual(most);
      }),
    );
  });

  test("counts entries kept in exactly one mask", () => {
    expect(divergence(Uint32Array.of(0b1100), Uint32Array.of(0b1010))).toBe(2);
    expect(() => divergence(new Uint32Array(1), new Uint32Array(2))).toThrow("two masks of one shape");
  });
});

describe("the N:M encoding", () => {
  test("comes back whole, in the bytes that were promised", () => {
    fc.assert(
      fc.property(matrices, ({ pattern, rows, k, w }) => {
        const matrix = packed(w, rows, k, pattern);
        const compact = encodeMatrix(w, matrix.mask, rows, k, pattern);
        expect(encodedBytes(compact)).toBe(packedBytes(pattern, rows, k));
        expect([...decodeMatrix(compact)]).toEqual([...matrix.masked]);
      }),
    );
  });

  test("of 2:4 takes 17/32 of the dense bytes", () => {
    expect(packedBytes(parsePattern("2:4"), 64, 64) / (4 * 64 * 64)).toBe(17 / 32);
  });

  test("refuses a mask that does not keep n", () => {
    expect(() => encodeMatrix(new Float32Array(4), Uint32Array.of(0b0111), 1, 4, parsePattern("2:4"))).toThrow(
      "expected 2 kept in each group of 4",
    );
  });
});

describe("slices", () => {
  test("a product with few rows and one with many, bias and relu are those of the masked matrix", () => {
    fc.assert(
      fc.property(matrices, fc.constantFrom(1, 3, 20), fc.boolean(), ({ pattern, rows, k, w }, t, relu) => {
        const kernels = jsKernels();
        const matrix = packed(w, rows, k, pattern);
        const sliced = new SlicedMatrix(kernels, matrix);
        const x = Float32Array.from({ length: t * k }, (_, i) => (i % 7) - 3);
        const bias = Float32Array.from({ length: rows }, (_, i) => i - 2);
        const [got, wanted] = [new Float32Array(t * rows), new Float32Array(t * rows)];
        sliced.multiply(got, x, t, bias, relu);
        kernels.forward(wanted, x, matrix.masked, bias, matrixGeometry(t, k, rows), relu ? 1 : 0);
        expect(got.map((y) => y + 0)).toEqual(wanted.map((y) => y + 0));
      }),
    );
  });

  test("follow the pack when asked", () => {
    const matrix = packed(Float32Array.of(1, 2, 3, 4), 1, 4, parsePattern("2:4"));
    const sliced = new SlicedMatrix(jsKernels(), matrix);
    const y = new Float32Array(1);
    matrix.repack(Float32Array.of(0, 0, 10, 20));
    sliced.multiply(y, Float32Array.of(1, 1, 1, 1), 1);
    expect(y[0]).toBe(7);
    sliced.refresh();
    sliced.multiply(y, Float32Array.of(1, 1, 1, 1), 1);
    expect(y[0]).toBe(30);
  });

  test("2:4 takes 4.25 bytes a kept entry, 17 of the dense 32", () => {
    const { values, places } = new SlicedMatrix(
      jsKernels(),
      packed(new Float32Array(32 * 64), 32, 64, parsePattern("2:4")),
    );
    expect((values.byteLength + places.byteLength) / (4 * 32 * 64)).toBe(17 / 32);
  });
});
