import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { philox } from "./random.ts";

/** Philox 4x32-10 as its paper writes it, with whole products. */
function slowPhilox([key0, key1]: readonly number[], counter: readonly number[]): number[] {
  const word = (x: bigint): bigint => BigInt.asUintN(32, x);
  let [k0, k1, x0, x1, x2, x3] = [key0, key1, ...counter].map(BigInt);
  for (let round = 0; round < 10; round++) {
    const [p0, p1] = [0xd2511f53n * x0, 0xcd9e8d57n * x2];
    [x0, x1, x2, x3] = [(p1 >> 32n) ^ x1 ^ k0, word(p1), (p0 >> 32n) ^ x3 ^ k1, word(p0)];
    [k0, k1] = [word(k0 + 0x9e3779b9n), word(k1 + 0xbb67ae85n)];
  }
  return [x0, x1, x2, x3].map(Number);
}

function words([key0, key1]: readonly number[], [c0, c1, c2, c3]: readonly number[]): number[] {
  const out = new Uint32Array(4);
  philox(out, key0, key1, c0, c1, c2, c3);
  return [...out];
}

describe("philox", () => {
  const ones = 0xffffffff;
  // kat_vectors of the authors' library Random123
  test.each([
    [
      [0, 0],
      [0, 0, 0, 0],
      [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
    ],
    [
      [ones, ones],
      [ones, ones, ones, ones],
      [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    ],
    [
      [0xa4093822, 0x299f31d0],
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    ],
  ])("of key %j and counter %j is what its authors publish", (key, counter, published) => {
    expect(words(key, counter)).toEqual(published);
  });

  test("has the bits of whole products", () => {
    const some = (count: number) =>
      fc.array(fc.oneof(fc.nat(ones), fc.constantFrom(0, 1, 0xffff, 0x10000, 2 ** 31, ones)), {
        ...{ minLength: count, maxLength: count },
      });
    fc.assert(
      fc.property(some(2), some(4), (key, counter) => {
        expect(words(key, counter)).toEqual(slowPhilox(key, counter));
      }),
    );
  });
});
