import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Random } from "../../random.ts";
import { blockCsr, countMatrix, storageFormats, storedBytes, structuredFormat } from "./storage.ts";

/** A matrix [rows, k] with about this share of non-zeros. */
function matrix(rows: number, k: number, density: number, seed: number): Float32Array {
  const random = new Random(seed);
  return Float32Array.from({ length: rows * k }, () => {
    const value = random.normal();
    return random.uniform() < density ? value : 0;
  });
}

const shapes = fc.record({
  rows: fc.integer({ min: 1, max: 20 }),
  k: fc.integer({ min: 1, max: 70 }),
  density: fc.constantFrom(0, 0.02, 0.1, 0.5, 0.9, 1),
  seed: fc.integer({ min: 1, max: 1e6 }),
});

describe.each([...storageFormats, blockCsr(1, 8), blockCsr(3, 5)])("$name", (format) => {
  test("gives back what it was given, in the bytes of its formula", () => {
    fc.assert(
      fc.property(shapes, ({ rows, k, density, seed }) => {
        const w = matrix(rows, k, density, seed);
        const stored = format.encode(w, rows, k);
        expect(format.decode(stored)).toEqual(w);
        expect(storedBytes(stored)).toBe(format.bytes(countMatrix(w, rows, k)));
      }),
    );
  });
});

describe.each(["1:2", "2:4", "1:4v2", "4:8", "3:5v4", "1:16"])("%s", (name) => {
  const [n, m, v] = [...name.split(/[:v]/).map(Number), 1];
  test("gives back what it was given, in the bytes of its formula", () => {
    fc.assert(
      fc.property(shapes, ({ rows, k, density, seed }) => {
        const columns = m * Math.ceil(k / 8);
        // rows of a vector keep the same places; at density < 1 some of these hold zeros
        const w = matrix(rows, columns, density, seed).map((value, i) => {
          const shift = Math.floor(i / columns / v) % m;
          return ((i % columns) + shift) % m < n ? value : 0;
        });
        const format = structuredFormat(name);
        const stored = format.encode(w, rows, columns);
        expect(format.decode(stored)).toEqual(w);
        expect(storedBytes(stored)).toBe(format.bytes(countMatrix(w, rows, columns)));
      }),
    );
  });
});

test("2:4 refuses a group of three", () => {
  expect(() => structuredFormat("2:4").encode(Float32Array.of(1, 2, 0, 3), 1, 4)).toThrow(
    "storage 2:4: expected at most 2 non-zeros in a group, got 3 in row 0, column 0. Prune the matrix to this pattern first",
  );
});

test("bytes of a matrix that can be counted by hand", () => {
  // two rows of eight, non-zeros at 1, 2 and 13: gaps of 2, 1 and 11
  const w = new Float32Array(16);
  w.set([1, 2], 1);
  w[13] = 3;
  const counts = countMatrix(w, 2, 8);
  expect([...counts.gaps]).toEqual([2, 1, 11]);
  const bytes = Object.fromEntries(
    [...storageFormats, structuredFormat("2:4")].map((one) => [one.name, one.bytes(counts)]),
  );
  expect(bytes).toEqual({
    dense: 64,
    bitmap: 12 + 2,
    coordinates: 12 + Math.ceil((3 * 4) / 8),
    delta: 12 + Math.ceil((3 * 4) / 8),
    // a mean gap of 16/3 takes 3 bits; 11 is bridged with one zero
    "padded-delta": 16 + Math.ceil((4 * 3) / 8),
    csr: 12 + Math.ceil((3 * 3 + 2 * 2) / 8),
    // both rows in one line of blocks, both blocks used
    "block-csr-4x4": 2 * 64 + Math.ceil((2 * 1 + 1 * 2) / 8),
    "2:4": 32 + 2,
  });
});

test("where each format begins to pay against dense, for f32: as the formulas say", () => {
  const w = matrix(256, 256, 0.05, 3);
  const counts = countMatrix(w, 256, 256);
  const of = (name: string): number => storageFormats.find((one) => one.name === name)!.bytes(counts) / (4 * w.length);
  expect(of("bitmap")).toBeCloseTo(0.05 + 1 / 32, 2);
  expect(of("coordinates")).toBeCloseTo((0.05 * 48) / 32, 2);
  expect(of("csr")).toBeCloseTo((0.05 * 40) / 32, 2);
  expect(of("padded-delta")).toBeLessThan(of("csr") * 1.2);
});
