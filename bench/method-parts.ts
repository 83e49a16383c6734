/**
 * Times parts of methods by themselves and measures what they keep: transposable masks, the transpose's packing with
 * its second choice and Bi-Mask's orders, samples of gradients. Variants run in turn, on one thread.
 *
 *   npx tsx bench/method-parts.ts [--json FILE]
 */
import { writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { maskWords } from "../src/core/backend/families/masks.ts";
import { Random } from "../src/core/random.ts";
import { PackedMatrix } from "../src/core/sparse/formats/packed-matrix.ts";
import { PackedTranspose } from "../src/core/sparse/formats/packed-transpose.ts";
import { isKept } from "../src/core/sparse/mask.ts";
import { mvue as mvueOf } from "../src/core/sparse/mvue.ts";
import { searchOrder } from "../src/core/sparse/order-search.ts";
import { parsePattern } from "../src/core/sparse/pattern.ts";
import { interleave } from "../src/lab/statistics/interleave.ts";
import { openDeviceSync } from "../src/node/open-device.ts";

const { values: options } = parseArgs({ options: { json: { type: "string" } } });
const { kernels } = openDeviceSync({ threads: 1 });
const [load] = loadavg();
const N = 1024;
const random = new Random(1);
const normal = (length: number): Float32Array => {
  const array = kernels.float32(length);
  for (let i = 0; i < length; i++) array[i] = random.normal();
  return array;
};
const magnitude = (values: ArrayLike<number>): number => {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += Math.abs(values[i]);
  return sum;
};
const w = normal(N * N);
const all = magnitude(w);

const transposable = ["2:4", "1:4", "2:8", "4:8", "1:16", "8:16"].map((pattern) => {
  const parsed = parsePattern(pattern);
  const masks = { exact: kernels.uint32(N * maskWords(N)), greedy: kernels.uint32(N * maskWords(N)) };
  const times = interleave(
    {
      exact: () => kernels.pruneTransposable(masks.exact, w, N, N, parsed, 0),
      greedy: () => kernels.pruneTransposable(masks.greedy, w, N, N, parsed, 1),
    },
    9,
    10,
  );
  const found = (["exact", "greedy"] as const).map((solver, i) => {
    let sum = 0;
    for (let at = 0; at < w.length; at++) {
      if (isKept(masks[solver], N, Math.floor(at / N), at % N)) sum += Math.abs(w[at]);
    }
    return [solver, { ms: times[i].ms.median, kept: sum / all }];
  });
  return { pattern, ...Object.fromEntries(found) };
});

/** Weights of `outputs` by taps and channels, pruned along their inputs as in forward, and then along their outputs. */
const orders = (
  [
    ["2:4", N, 1, N],
    ["1:4", N, 1, N],
    ["2:4", 128, 9, 64],
    ["2:4v2", N, 1, N],
  ] as const
).map(([name, outputs, taps, channels]) => {
  const pattern = parsePattern(name);
  const weight = normal(outputs * taps * channels);
  const forward = new PackedMatrix(kernels, outputs, taps * channels, pattern);
  forward.prune(weight);
  const { mask } = forward;
  const transpose = new PackedTranspose(kernels, channels, taps * outputs, pattern);
  const whole = magnitude(weight);
  const share = (): number => {
    transpose.prune(weight, mask, taps);
    return magnitude(transpose.values) / whole;
  };
  const shares = [share()];
  const left = transpose.values.reduce((sum, value) => sum + Number(value !== 0), 0) / weight.length;
  const begin = performance.now();
  for (let step = 0; step < 6; step++) {
    searchOrder(transpose, weight, mask, taps, 100, { seed: 1, layer: 0, step });
    shares.push(share());
  }
  const searchMs = (performance.now() - begin) / 6;
  const plain = new PackedTranspose(kernels, channels, taps * outputs, pattern);
  const [chosen, inOrder, noted, again] = interleave(
    {
      "the choice in it": () => plain.prune(weight, mask, taps),
      "in an order": () => transpose.prune(weight, mask, taps),
      "and the choice noted": () => plain.choose(weight, mask, taps),
      "by the last choice": () => plain.pruneChosen(weight, mask, taps),
    },
    21,
    10,
  ).map(({ ms }) => ms.median);
  const shape = taps === 1 ? `${outputs} x ${channels}` : `${outputs} x 3 x 3 x ${channels}`;
  const packMs = { chosen, inOrder, noted, again };
  return {
    pattern: name,
    shape,
    kept: { asTheyLie: shares[0], after1: shares[1], after6: shares[6] },
    left,
    searchMs,
    packMs,
  };
});

const gradient = normal(1000 * N);
const sampled = new PackedTranspose(kernels, N, 1000, parsePattern("2:4"));
const draw = { seed: 1, layer: 0, step: 0 };
const [mvue, approximate] = interleave(
  { mvue: () => sampled.sample(gradient, draw), "approx-mvue": () => sampled.sampleApproximately(gradient, draw) },
  21,
  10,
);
const samples = { mvueMs: mvue.ms.median, approximateMs: approximate.ms.median, ratio: 1 / approximate.ratio.median };

/** The least variance for groups of independent numbers, as a share of the squared norm. */
const variances = ["1:2", "2:4", "4:8", "1:4", "2:8"].map((pattern) => {
  const { n, m } = parsePattern(pattern);
  const laplace = (): number => (random.uniform() < 0.5 ? 1 : -1) * Math.log(1 - random.uniform());
  const of = (draw: () => number, v: number): number => {
    let [variance, square] = [0, 0];
    for (let group = 0; group < 20_000; group++) {
      const entries = Array.from({ length: m }, () => Array.from({ length: v }, draw));
      variance += mvueOf(entries, n).variance;
      square += entries.flat().reduce((sum, x) => sum + x * x, 0);
    }
    return variance / square;
  };
  const all = (draw: () => number): number[] => [1, 2, 4].map((v) => of(draw, v));
  return { pattern, normal: all(() => random.normal()), laplace: all(laplace) };
});

const { backend, instructionSet } = kernels;
const machine = { backend, instructionSet, threads: 1, cpu: cpus()[0].model.trim(), load: [load, loadavg()[0]] };
const text = `${JSON.stringify({ machine, transposable, orders, samples, variances }, null, 1)}\n`;
console.log(text);
if (options.json !== undefined) writeFileSync(options.json, text);
