import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { permutationWorkers } from "../../../node/permutation/threads.ts";
import { Random } from "../../random.ts";
import { combinations, partitions } from "./choices.ts";
import { keptMagnitude, type PermutationOptions, searchPermutation } from "./search.ts";

/** Mersenne Twister as numpy.random.seed and rand use it: the matrices of the published table. */
function numpyUniforms(seed: number, count: number): Float32Array {
  const state = new Uint32Array(624);
  state[0] = seed;
  for (let i = 1; i < 624; i++) state[i] = Math.imul(1812433253, state[i - 1] ^ (state[i - 1] >>> 30)) + i;
  let at = 624;
  const bits = (): number => {
    if (at === 624) {
      for (let i = 0; i < 624; i++) {
        const y = (state[i] & 0x80000000) | (state[(i + 1) % 624] & 0x7fffffff);
        state[i] = state[(i + 397) % 624] ^ (y >>> 1) ^ ((y & 1) * 0x9908b0df);
      }
      at = 0;
    }
    let y = state[at++];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  };
  return Float32Array.from({ length: count }, () => {
    const high = bits() >>> 5;
    return (high * 67108864 + (bits() >>> 6)) / 9007199254740992;
  });
}

const uniforms = (count: number, seed: number): Float32Array => {
  const random = new Random(seed);
  return Float32Array.from({ length: count }, () => random.uniform());
};

const TWO_OF_FOUR = { n: 2, m: 4 };
/** Choices of which two stripes are a window, with a matrix of some stripes. */
const matrices = fc
  .record({
    choice: fc.constantFrom(
      ...[
        [1, 2],
        [2, 4],
        [1, 4],
        [3, 4],
        [2, 5],
        [3, 6],
      ],
    ),
    rows: fc.integer({ min: 1, max: 7 }),
    stripes: fc.integer({ min: 1, max: 5 }),
  })
  .chain(({ choice: [n, m], rows, stripes }) => {
    const k = m * stripes;
    const value = fc.float({ noNaN: true, noDefaultInfinity: true, min: -4, max: 4 });
    return fc
      .array(value, { minLength: rows * k, maxLength: rows * k })
      .map((values) => ({ choice: { n, m }, rows, k, w: Float32Array.from(values) }));
  });
const options = fc.constantFrom<PermutationOptions>(
  { method: "stripes", escapes: 0 },
  { method: "stripes", escapes: 3 },
  { method: "swap", escapes: 2 },
  { method: "random", draws: 5 },
);

describe("a permutation search", () => {
  test.each<[string, PermutationOptions, number]>([
    ["windows of 8", { escapes: 0 }, 2919.757],
    ["swaps", { method: "swap", escapes: 0 }, 2913.352],
  ])("keeps by %s what the authors' program keeps of the same random matrix", (_, how, published) => {
    const found = searchPermutation(numpyUniforms(1, 128 * 64), 128, 64, TWO_OF_FOUR, how);
    expect(found.before).toBeCloseTo(2852.377, 2);
    expect(found.bound).toBeCloseTo(3042.332, 2);
    expect(found.after).toBeCloseTo(published, 2);
  });

  test("keeps by windows of 12, which begin where those of 8 end, no less than the authors' program", () => {
    const how = { window: 12, escapes: 0 };
    const { after } = searchPermutation(numpyUniforms(1, 128 * 64), 128, 64, TWO_OF_FOUR, how);
    expect(after).toBeGreaterThan(2921.947);
  });

  test("goes further by escapes, over random matrices, than the published 35.5 % of one", () => {
    const mean = (how: PermutationOptions): number => {
      const seeds = [1, 2, 3, 4];
      const of = (seed: number): number =>
        searchPermutation(uniforms(128 * 64, seed), 128, 64, TWO_OF_FOUR, how).efficacy / seeds.length;
      return seeds.reduce((sum, seed) => sum + of(seed), 0);
    };
    const [random, swaps, windows, escapes] = [
      mean({ method: "random" }),
      mean({ method: "swap", escapes: 0 }),
      mean({ escapes: 0 }),
      mean({}),
    ];
    expect(random).toBeLessThan(swaps);
    expect(swaps).toBeLessThan(windows);
    expect(windows).toBeGreaterThan(0.3);
    expect(escapes).toBeGreaterThan(0.34);
  });

  test("gives a permutation that keeps what it says, never less than before and never more than the bound", () => {
    fc.assert(
      fc.property(matrices, options, ({ choice, rows, k, w }, how) => {
        const { order, before, after, bound, efficacy } = searchPermutation(w, rows, k, choice, how);
        expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: k }, (_, column) => column));
        expect(before).toBeCloseTo(keptMagnitude(w, rows, k, choice), 4);
        expect(after).toBeCloseTo(keptMagnitude(w, rows, k, choice, order), 4);
        expect(after).toBeGreaterThanOrEqual(before);
        expect(after).toBeLessThanOrEqual(bound * (1 + 1e-6));
        expect(efficacy).toBeGreaterThanOrEqual(0);
      }),
      { numRuns: 60 },
    );
  });

  test.each([
    [TWO_OF_FOUR, 8],
    [{ n: 1, m: 4 }, 8],
    [{ n: 3, m: 4 }, 8],
    [TWO_OF_FOUR, 12],
    [{ n: 3, m: 6 }, 12],
    [{ n: 2, m: 3 }, 9],
  ])("finds the best of all orders where they are one window: %j of %i columns", (choice, k) => {
    const sets = combinations(k, choice.m);
    const deals = partitions(sets, k);
    const groups = k / choice.m;
    for (const seed of [1, 2, 3]) {
      const rows = 6;
      const w = uniforms(rows * k, seed);
      let most = 0;
      for (let at = 0; at < deals.length; at += groups) {
        const order = [...deals.subarray(at, at + groups)].flatMap((set) => sets[set]);
        most = Math.max(most, keptMagnitude(w, rows, k, choice, order));
      }
      expect(searchPermutation(w, rows, k, choice, { window: k, escapes: 0 }).after).toBeCloseTo(most, 5);
    }
  });

  test.each(["2:8", "4:8", "1:16"])("swaps channels for groups too wide for windows: %s", (name) => {
    const [n, m] = name.split(":").map(Number);
    const w = uniforms(32 * 64, 5);
    const found = searchPermutation(w, 32, 64, { n, m }, { escapes: 0 });
    expect(found.efficacy).toBeGreaterThan(0.15);
    expect(() => searchPermutation(w, 32, 64, { n, m }, { method: "stripes" })).toThrow(
      `permutation: expected groups of at most 6, got groups of ${m}. Leave it out, or use the method "swap".`,
    );
  });

  test.each<PermutationOptions>([{ escapes: 5 }, { window: 12, escapes: 2 }, { method: "swap", escapes: 5 }])(
    "gives the same order for any number of threads: %j",
    (how) => {
      const w = uniforms(96 * 64, 8);
      const orders = [1, 2, 3]
        .map((threads) => ({ ...how, workers: permutationWorkers(threads) }))
        .map((options) => searchPermutation(w, 96, 64, TWO_OF_FOUR, options).order);
      expect(orders[1]).toEqual(orders[0]);
      expect(orders[2]).toEqual(orders[0]);
    },
  );

  test("looks at halves of more than 512 columns before it looks at pairs over all", () => {
    const w = uniforms(8 * 516, 3);
    const found = searchPermutation(w, 8, 516, { n: 1, m: 3 }, { window: 9, escapes: 0 });
    const pairs = searchPermutation(w, 8, 516, { n: 1, m: 3 }, { escapes: 0 });
    expect(found.efficacy).toBeGreaterThan(pairs.efficacy);
  });

  test("refuses columns that do not fill groups, and windows that are none", () => {
    expect(() => searchPermutation([1, 2, 3], 1, 3, TWO_OF_FOUR)).toThrow(
      "permutation: expected columns in groups of 4, got 3 columns",
    );
    expect(() => searchPermutation(uniforms(16, 1), 1, 16, TWO_OF_FOUR, { window: 16 })).toThrow(
      "permutation: expected a window of 8 or 12 columns for groups of 4, got 16",
    );
  });
});

describe("canonical permutations", () => {
  test.each([
    [8, 35],
    [12, 5775],
  ])("of %i columns in groups of 4 are %i", (columns, count) => {
    const deals = partitions(combinations(columns, 4), columns);
    expect(deals.length / (columns / 4)).toBe(count);
  });
});
