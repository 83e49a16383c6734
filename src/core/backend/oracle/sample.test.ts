/** sampleColumns and sampleRows keep what they promise: exactly n of m, right on average, with the least variance there can be. */
import { expect, test } from "vitest";
import { Random } from "../../random.ts";
import { mvue } from "../../sparse/mvue.ts";
import type { Pack } from "../families/packs.ts";
import { jsKernels } from "../js.ts";

/** The size of what is drawn: the largest that exceed their share of the rest are certain. */
function tauOf(sizes: readonly number[], n: number): number {
  const left = [...sizes].sort((a, b) => b - a);
  const total = (): number => left.reduce((sum, size) => sum + size, 0);
  let draws = n;
  while (draws > 1 && left[0] * draws > total()) {
    left.shift();
    draws--;
  }
  return total() / draws;
}

test.each([
  [1, 2, 1],
  [2, 4, 1],
  [2, 4, 2],
  [2, 4, 4],
  [1, 4, 2],
  [2, 8, 1],
  [4, 8, 1],
  [3, 4, 2],
])("%d:%dv%d samples are unbiased, of minimum variance, and certain where they must be", (n, m, v) => {
  const kernels = jsKernels();
  const random = new Random(5);
  const [groups, draws] = [16, 4000];
  const k = groups * m;
  // ordinary groups, of very different sizes, with many zeros, of ties
  const kinds = [
    () => random.normal(),
    () => random.normal() * 10 ** (4 * random.normal()),
    () => (random.integer(3) > 0 ? 0 : random.normal()),
    () => random.integer(3) - 1,
  ];
  const entries = Array.from({ length: k }, (_, i) =>
    Array.from({ length: v }, () => Math.fround(kinds[Math.floor(i / m) % 4]())),
  );
  const rows = draws * v;
  const g = Float32Array.from({ length: k * rows }, (_, i) => entries[Math.floor(i / rows)][i % v]);
  const [values, index] = [new Float32Array(draws * groups * n * v), new Uint8Array(draws * groups * n)];
  kernels.sampleColumns({ values, index, pattern: { n, m, v } }, g, rows, k, { seed: 1, layer: 2, step: 3 });

  const [sums, squares] = [new Float64Array(k * v), new Float64Array(k * v)];
  // 128 entries a block
  for (let begin = 0, slot = 0; begin < k; begin += 128) {
    const slots = (Math.min(128, k - begin) / m) * n;
    for (let last = -1, i = 0; i < draws * slots; i++, slot++) {
      if (i % n === 0) last = Math.floor((i % slots) / n) * m - 1;
      const end = (Math.floor((i % slots) / n) + 1) * m;
      if (!(index[slot] > last && index[slot] < end)) throw new Error(`slot ${slot}: ${index[slot]} after ${last}`);
      last = index[slot];
      for (let r = 0; r < v; r++) {
        sums[(begin + last) * v + r] += values[slot * v + r];
        squares[(begin + last) * v + r] += values[slot * v + r] ** 2;
      }
    }
  }
  let [variance, least] = [0, 0];
  for (let i = 0; i < k; i++) {
    const sizes = entries.slice(i - (i % m), i - (i % m) + m).map((entry) => Math.hypot(...entry));
    const tau = tauOf(sizes, n);
    const probability = sizes[i % m] === 0 ? 1 : Math.min(1, sizes[i % m] / tau);
    entries[i].forEach((x, r) => {
      const [mean, expected] = [sums[i * v + r] / draws, x * x * (1 / probability - 1)];
      // five standard errors, and the rounding of certain ones; what is drawn less than ten times shows in the variance
      if (probability * draws > 10)
        expect(Math.abs(mean - x)).toBeLessThanOrEqual(5 * Math.sqrt(expected / draws) + 1e-6 * Math.abs(x));
      variance += tau > 0 ? (squares[i * v + r] / draws - x * x) / tau ** 2 : 0;
      least += tau > 0 ? expected / tau ** 2 : 0;
    });
  }
  expect(Math.abs(variance / least - 1)).toBeLessThan(0.02);
});

test("samples along rows and columns of one step keep other places", () => {
  const kernels = jsKernels();
  // one number everywhere, so that both sample the same groups
  const size = 256;
  const g = Float32Array.from({ length: size * size }, () => 1);
  const [columns, rows, again] = [pairs(size ** 2 / 4), pairs(size ** 2 / 4), pairs(size ** 2 / 4)];
  const draw = { seed: 1, layer: 2, step: 3 };
  kernels.sampleColumns(columns, g, size, size, draw);
  kernels.sampleRows(rows, null, g, size, size, draw);
  kernels.sampleRows(again, null, g, size, size, draw);
  expect(again).toEqual(rows);
  // of equal entries a draw keeps 0 and 2 or 1 and 3, half the time as an independent one
  const same = rows.index.filter((place, slot) => place === columns.index[slot]).length / rows.index.length;
  expect(Math.abs(same - 0.5)).toBeLessThan(4 * Math.sqrt(0.25 / (rows.index.length / 2)));
});

/** Room for so many groups of a 2:4 pack. */
function pairs(groups: number): Pack {
  return {
    pattern: { n: 2, m: 4, v: 1 },
    values: new Float32Array(2 * groups),
    index: new Uint8Array(2 * groups),
  };
}

/** Many samples of one group of four, [draw][slot]. */
function approximations(group: readonly number[], draws: number, layer: number): Pack {
  const pack = pairs(draws);
  const g = Float32Array.from({ length: 4 * draws }, (_, i) => group[Math.floor(i / draws)]);
  jsKernels().sampleColumnsApproximately(pack, g, draws, 4, { seed: 1, layer, step: 3 });
  return pack;
}

/** The chance of each entry to be the first of two draws or the second: by all ordered pairs. */
function chances(group: readonly number[]): number[] {
  const sizes = group.map(Math.abs);
  const chance = [0, 0, 0, 0];
  const total = sizes.reduce((a, b) => a + b, 0);
  for (let i = 0; i < 4; i++) {
    const others = sizes.reduce((sum, size, j) => (j === i ? sum : sum + size), 0);
    for (let j = 0; j < 4; j++) {
      if (j === i || sizes[i] === 0) continue;
      const pair = (sizes[i] / total) * (others > 0 ? sizes[j] / others : 1 / 3);
      chance[i] += pair;
      if (sizes[j] > 0) chance[j] += pair;
    }
  }
  return chance;
}

test("approximate samples are unbiased, with at most twice the least variance, 1.06 times for normal groups", () => {
  const random = new Random(6);
  const draws = 5000;
  const groups = [
    ...Array.from({ length: 60 }, () => Array.from({ length: 4 }, () => Math.fround(random.normal()))),
    ...[
      [1, 1e-3, -1e-3, 1e-3],
      [1, 1, 1, 1],
      [0, 0, 2, 3],
      [0, -5, 0, 0],
      [1, -2, 0, 4],
    ],
  ];
  let [found, least] = [0, 0];
  groups.forEach((group, layer) => {
    const { values, index } = approximations(group, draws, layer);
    const [sums, squares] = [new Float64Array(4), new Float64Array(4)];
    values.forEach((value, slot) => {
      sums[index[slot]] += value;
      squares[index[slot]] += value ** 2;
    });
    const minimum = mvue(
      group.map((x) => [Math.fround(x)]),
      2,
    ).variance;
    const chance = chances(group);
    const variance = group.reduce((sum, x, j) => sum + (chance[j] > 0 ? x * x * (1 / chance[j] - 1) : 0), 0);
    expect(variance).toBeLessThanOrEqual(2 * minimum + 1e-6);
    expect(variance).toBeGreaterThanOrEqual(minimum - 1e-6);
    let spread = 0;
    for (let j = 0; j < 4; j++) {
      const x = Math.fround(group[j]);
      const error = chance[j] > 0 ? Math.sqrt((x * x * (1 / chance[j] - 1)) / draws) : 0;
      expect(Math.abs(sums[j] / draws - x)).toBeLessThanOrEqual(5 * error + 1e-6 * Math.abs(x));
      spread += squares[j] / draws - x * x;
    }
    if (layer < 60) [found, least] = [found + spread, least + minimum];
  });
  expect(Math.abs(found / least - 1.06)).toBeLessThan(0.02);
});

test("approximate samples of one large entry among the smallest numbers, and of zeros, are exact or finite", () => {
  const small = 2 ** -149;
  for (const group of [
    [0, 0, 0, 0],
    [0, -1e38, 0, 0],
    [1e38, 0, small, 0],
    [1e38, small, -small, small],
    [small, small, 1e-38, -1],
    [small, 0, 0, 0],
  ]) {
    const { values, index } = approximations(group, 500, 1);
    const chance = chances(group);
    values.forEach((value, slot) => {
      const x = Math.fround(group[index[slot]]);
      const wanted = x === 0 ? 0 : x / chance[index[slot]];
      expect(Math.abs(value - wanted)).toBeLessThanOrEqual(1e-5 * Math.abs(wanted) + 2 * small);
      if (slot % 2 === 1) expect(index[slot]).toBeGreaterThan(index[slot - 1]);
    });
  }
});
