/**
 * Measures where restoration works: compares weight gradients under a fixed mask of the activations with the dense
 * ones, layer by layer.
 *
 *   npx tsx bench/activation-masks.ts --data-dir DIR [--steps 300] [--threads 2] [--json FILE]
 *   npx tsx bench/activation-masks.ts --compare --data-dir DIR [--steps 300] [--threads 2] [--json FILE]
 *   npx tsx bench/activation-masks.ts --speed --threads 1 [--json FILE]
 *
 * DIR holds a folder cifar10. A `cnn` is trained for a while on the images as they are, at twice the size, and with
 * their pixels shuffled (the same way in all); then each layer's gradients are compared on some batches, with no step
 * between them. Besides these there are images whose neighboring pixels are correlated by rho, with gradients that are
 * white or as smooth.
 *
 * --compare: the masks of `paired` and of `restored`, on networks that are trained on CIFAR-10 as it is and enlarged to
 * 64, 128 and 224 pixels, for as many steps of batches with the
 * same number of pixels. --speed: weightGrad with them against dense, with
 * im2col and packing.
 */
import { writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { crossEntropy } from "../src/core/autograd/ops/cross-entropy.ts";
import { backward } from "../src/core/autograd/tape.ts";
import type { Geometry } from "../src/core/backend/geometry.ts";
import type { F32 } from "../src/core/backend/memory.ts";
import { dataset, type ImageDataset, type Split } from "../src/core/data/dataset.ts";
import { Random } from "../src/core/random.ts";
import { PackedTranspose } from "../src/core/sparse/formats/packed-transpose.ts";
import { parsePattern } from "../src/core/sparse/pattern.ts";
import { multiplyingWeights } from "../src/core/sparsity/layers.ts";
import { neighborSimilarity } from "../src/core/sparsity/methods/weight-grad/neighbor-similarity.ts";
import { scoreOf } from "../src/core/task/evaluate.ts";
import { Device } from "../src/core/tensor/device.ts";
import { cifar10 } from "../src/lab/data/cifar10.ts";
import { parseRecipe } from "../src/lab/recipes/recipe.ts";
import { Run } from "../src/lab/runs/run.ts";
import { quartiles } from "../src/lab/statistics/quartiles.ts";
import { openDeviceSync } from "../src/node/open-device.ts";

const { values: options } = parseArgs({
  options: {
    "data-dir": { type: "string" },
    json: { type: "string" },
    compare: { type: "boolean", default: false },
    speed: { type: "boolean", default: false },
    steps: { type: "string", default: "300" },
    threads: { type: "string", default: "2" },
  },
});
const { kernels } = openDeviceSync({ threads: Number(options.threads) });
const SHARES = [0, 0.03, 0.25, 0.5, 0.75, 1];
const BATCHES = 8;
const BATCH = 64;

/** Cosine to the dense gradient and norm relative to it, by estimator; summed over batches. */
type Probe = Map<string, [cosine: number, norm: number, batches: number]>;

function dot(a: F32, b: F32): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

/** Adds the gradients of one layer for one batch. */
function compare(probe: Probe, dy: F32, x: F32, g: Geometry, step: number): void {
  const [positions, out] = [g[0] * g[8] * g[9], g[10]];
  const size = out * g[3] * g[4] * g[5];
  const [dense, own] = [kernels.float32(size), kernels.float32(size)];
  kernels.weightGrad(dense, dy, x, g);
  const note = (name: string, value: [number, number]): void => {
    const [cosine, norm, count] = probe.get(name) ?? [0, 0, 0];
    probe.set(name, [cosine + value[0], norm + value[1], count + 1]);
  };
  const against = (gradient: F32): [number, number] => {
    const [a, b] = [Math.sqrt(dot(dense, dense)), Math.sqrt(dot(gradient, gradient))];
    return [dot(dense, gradient) / (a * b), b / a];
  };
  const draw = { seed: 1, layer: 0, step };
  const measured = neighborSimilarity(x, g, draw);
  note("similarity", [measured, 0]);
  const shares = [...SHARES.map((s) => [`s ${s}`, s] as const), ["measured", measured] as const];
  for (const [name, s] of shares) {
    kernels.weightGradAlternate(own, dy, x, g, 1, s, 1);
    note(name, against(own));
  }
  // the long-run mean of drawing one of two opposite masks
  const half = own.slice();
  kernels.weightGradAlternate(half, dy, x, g, 0, measured, 1);
  for (let i = 0; i < size; i++) half[i] = (half[i] + own[i]) / 2;
  note("both", against(half));
  // the best s of all by cosine: the gradient is linear in s
  const [kept, moved] = [own.slice(), own.slice()];
  kernels.weightGradAlternate(kept, dy, x, g, 1, 0, 1);
  kernels.weightGradAlternate(moved, dy, x, g, 1, 1, 1);
  let best: [number, number] = [-1, 0];
  for (let s = 0; s <= 1.5; s += 0.05) {
    for (let i = 0; i < size; i++) own[i] = kept[i] + s * (moved[i] - kept[i]);
    const [cosine] = against(own);
    if (cosine > best[0]) best = [cosine, s];
  }
  note("best", best);
  const sample = new PackedTranspose(kernels, out, positions, parsePattern("2:4"));
  sample.sample(dy, draw);
  kernels.weightGradSparse(own, sample, x, g);
  note("mvue", against(own));
}

const studies: object[] = [];

/** Means over batches, [cosine, norm] by estimator; for "similarity" and "best" the values themselves. */
function print(title: string, probes: ReadonlyMap<string, Probe>): void {
  const rows = [...probes].map(([name, probe]) => {
    const means = [...probe].map(([key, [cosine, norm, count]]) => [key, [cosine / count, norm / count]] as const);
    return { name, of: Object.fromEntries(means) as Record<string, [number, number]> };
  });
  studies.push({ title, rows });
  console.log(title);
  for (const { name, of } of rows) {
    const cells = Object.entries(of).map(([key, pair]) => `${key} ${pair.map((x) => x.toFixed(3)).join("/")}`);
    console.log(`  ${name}: ${cells.join(", ")}`);
  }
}

const probed = (probes: Map<string, Probe>, name: string): Probe => {
  const probe = probes.get(name) ?? new Map();
  probes.set(name, probe);
  return probe;
};

/** Trains for a while, then compares, in each layer, at the given stages. */
function probeModel(
  title: string,
  data: ImageDataset,
  compareIn: typeof compare,
  batchSize = BATCH,
  stages: readonly string[] = ["first", "trained"],
): void {
  const recipe = parseRecipe({
    ...{ data: { name: "cifar10" }, model: { name: "cnn" }, method: { name: "dense" } },
    ...{ optimizer: { name: "adamw", learningRate: 2e-3 }, batchSize, epochs: 10 },
  });
  const run = new Run(recipe, data, new Device(kernels));
  const { device, model, batches } = run;
  const probes = new Map<string, Probe>();
  const probeBatches = (stage: string): void => {
    if (!stages.includes(stage)) return;
    for (let batch = 0; batch < BATCHES; batch++) {
      const weights = multiplyingWeights(model).filter(({ axis }) => axis === "channels");
      for (const { name, weight } of weights) {
        weight.plan = {
          forward: () => null,
          inputGrad: () => null,
          weightGrad: (dy, x, geometry) => {
            compareIn(probed(probes, `${name.replace(".weight", "")} ${stage}`), dy, x, geometry, batch);
            return null;
          },
        };
      }
      device.step(() => {
        const { x, labels } = batches.training(device, run.step + batch);
        backward(crossEntropy(model.forward(x), labels));
      });
      for (const { weight } of weights) weight.plan = null;
    }
  };
  probeBatches("first");
  while (run.step < Number(options.steps)) run.advance();
  probeBatches("trained");
  print(stages.length === 1 ? title : `${title}, accuracy ${scoreOf(run.evaluate()).toFixed(0)} %`, probes);
}

/** Replaces the images of a data set. */
function changed(
  data: ImageDataset,
  shape: ImageDataset["shape"],
  change: (image: Uint8Array) => Uint8Array,
): ImageDataset {
  const length = data.shape.reduce((a, b) => a * b, 1);
  const split = ({ count, images, labels }: Split): Split => {
    const own = new Uint8Array((count * images.length * shape[0] * shape[1]) / (count * data.shape[0] * data.shape[1]));
    for (let i = 0; i < count; i++) {
      const image = change(images.subarray(i * length, (i + 1) * length));
      own.set(image, i * image.length);
    }
    return { count, images: own, labels };
  };
  return dataset({ ...data, shape, train: split(data.train), test: split(data.test) });
}

/** Enlarges images of 32 x 32 by bilinear interpolation. */
const enlargedTo =
  (target: number) =>
  (image: Uint8Array): Uint8Array => {
    const side = 32;
    const own = new Uint8Array(target * target * 3);
    const between = Array.from({ length: target }, (_, at): readonly [number, number, number] => {
      const place = Math.min(side - 1, Math.max(0, ((at + 0.5) * side) / target - 0.5));
      return [Math.floor(place), Math.min(side - 1, Math.floor(place) + 1), place % 1];
    });
    let to = 0;
    for (const [top, bottom, down] of between) {
      for (const [left, right, across] of between) {
        for (let c = 0; c < 3; c++) {
          const upper =
            image[(top * side + left) * 3 + c] * (1 - across) + image[(top * side + right) * 3 + c] * across;
          const low =
            image[(bottom * side + left) * 3 + c] * (1 - across) + image[(bottom * side + right) * 3 + c] * across;
          own[to++] = Math.round(upper * (1 - down) + low * down);
        }
      }
    }
    return own;
  };

/** Images [count, side, side, channels] whose neighbors are correlated by rho along rows and columns. */
function smooth(random: Random, rho: number, count: number, side: number, channels: number): F32 {
  const x = kernels.float32(count * side * side * channels);
  for (let at = 0; at < x.length; at++) x[at] = random.normal();
  for (const [apart, axis] of [
    [channels, 1],
    [side * channels, side],
  ]) {
    for (let at = apart; at < x.length; at++) {
      const first = Math.floor(at / channels / axis) % side === 0;
      if (!first) x[at] = rho * x[at - apart] + Math.sqrt(1 - rho * rho) * x[at];
    }
  }
  return x;
}

const images = (train: number, test: number): Promise<ImageDataset> =>
  cifar10.load({ dir: join(options["data-dir"] ?? ".", "cifar10"), limit: { train, test } });

/** The masks of weightGradAlternate by method: columns or quads first, and two checkerboards. */
const FAMILIES: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  paired: { columns: 1, quads: 4, checkerboard: 2, opposite: 3 },
  restored: { columns: 6, quads: 5, checkerboard: 7, opposite: 8 },
};

/** Adds the gradients of one layer for one batch under each mask of both methods, and their mean over the four masks. */
function compareFamilies(probe: Probe, dy: F32, x: F32, g: Geometry, step: number): void {
  const size = g[10] * g[3] * g[4] * g[5];
  const [dense, own, kept, moved] = [0, 1, 2, 3].map(() => kernels.float32(size));
  kernels.weightGrad(dense, dy, x, g);
  const note = (name: string, cosine: number, norm: number): void => {
    const [a, b, count] = probe.get(name) ?? [0, 0, 0];
    probe.set(name, [a + cosine, b + norm, count + 1]);
  };
  const against = (name: string, gradient: F32): void => {
    const [a, b] = [Math.sqrt(dot(dense, dense)), Math.sqrt(dot(gradient, gradient))];
    note(name, dot(dense, gradient) / (a * b), b / a);
  };
  const measured = neighborSimilarity(x, g, { seed: 1, layer: 0, step });
  note("similarity", measured, 0);
  for (const [family, masks] of Object.entries(FAMILIES)) {
    const shares = [...[0, 0.03, 0.5].map((s) => [`s ${s}`, s] as const), ["measured", measured] as const];
    const means = shares.map(() => kernels.float32(size));
    for (const [mask, number] of Object.entries(masks)) {
      // the gradient is linear in s
      kernels.weightGradAlternate(kept, dy, x, g, number, 0, 1);
      kernels.weightGradAlternate(moved, dy, x, g, number, 1, 1);
      for (const [place, [share, s]] of shares.entries()) {
        const mean = means[place];
        for (let i = 0; i < size; i++) {
          own[i] = kept[i] + s * (moved[i] - kept[i]);
          mean[i] += own[i] / 4;
        }
        against(`${family} ${share}`, own);
        against(`${family} ${mask} ${share}`, own);
      }
    }
    for (const [place, [share]] of shares.entries()) against(`${family} mean ${share}`, means[place]);
  }
}

/** Of each product, two calls a round. */
const ROUNDS = 9;

/**
 * Times of weightGrad under the masks against dense, in turn. They are of the processor, which is right for one thread
 * on a machine that others use too.
 */
function speed(): object[] {
  const random = new Random(1);
  const filled = (length: number): F32 => {
    const array = kernels.float32(length);
    for (let i = 0; i < length; i++) array[i] = random.normal();
    return array;
  };
  return [
    ...["64x16x16x64 3x3 64", "64x15x15x64 3x3 64", "64x32x32x32 3x3 32", "64x8x8x128 3x3 128", "8x56x56x64 3x3 64"],
    ...["64x32x32x32 3x3 64 by 2", "64x16x16x64 1x1 128", "64x32x32x3 3x3 32"],
  ].map((name) => {
    const [batch, height, width, channels, kernel, , out, stride = 1] = name.match(/\d+/g)!.map(Number);
    const padding = kernel >> 1;
    const [rows, columns] = [height, width].map((side) => Math.floor((side + 2 * padding - kernel) / stride) + 1);
    const g = Int32Array.of(batch, height, width, channels, kernel, kernel, stride, padding, rows, columns, out);
    const [x, dy] = [filled(batch * height * width * channels), filled(batch * rows * columns * out)];
    const dw = filled(out * kernel * kernel * channels);
    const under = (mask: number) => (): void => kernels.weightGradAlternate(dw, dy, x, g, mask, 0.03, 1);
    const variants = Object.entries(FAMILIES).flatMap(([family, masks]) =>
      ["columns", "quads", "checkerboard"].map((mask) => [`${family} ${mask}`, under(masks[mask])] as const),
    );
    const timed = { dense: () => kernels.weightGrad(dw, dy, x, g), ...Object.fromEntries(variants) };
    const ms: Record<string, number[]> = {};
    for (let round = 0; round < ROUNDS; round++) {
      for (const [key, call] of Object.entries(timed)) {
        call();
        const begin = process.cpuUsage();
        call();
        call();
        const { user, system } = process.cpuUsage(begin);
        ms[key] ??= [];
        ms[key].push((user + system) / 2000);
      }
    }
    const denseMs = quartiles(ms.dense).median;
    const ratios = Object.fromEntries(
      Object.entries(ms)
        .filter(([key]) => key !== "dense")
        .map(([key, times]) => [key, quartiles(times.map((time, round) => ms.dense[round] / time))]),
    );
    const cells = Object.entries(ratios).map(([key, { median }]) => `${key} ${median.toFixed(2)}`);
    console.log(name, denseMs.toFixed(2), cells.join(", "));
    return { name, denseMs, ratios };
  });
}

async function study(): Promise<void> {
  const synthetic = new Map<string, Probe>();
  const geometry = Int32Array.of(16, 16, 16, 16, 3, 3, 1, 1, 16, 16, 16);
  for (const rho of [0, 0.5, 0.9, 0.99]) {
    for (const [gradients, own] of [
      ["white", 0],
      ["as smooth", rho],
    ] as const) {
      const random = new Random(1);
      for (let batch = 0; batch < BATCHES; batch++) {
        const [x, dy] = [smooth(random, rho, 16, 16, 16), smooth(random, own, 16, 16, 16)];
        compare(probed(synthetic, `rho ${rho}, gradients ${gradients}`), dy, x, geometry, batch);
      }
    }
  }
  print("synthetic images", synthetic);

  if (options["data-dir"] !== undefined) {
    const data = await images(4000, 500);
    probeModel("CIFAR-10", data, compare);
    probeModel("CIFAR-10, 64 x 64", changed(data, [64, 64, 3], enlargedTo(64)), compare);
    const order = new Random(9).permutation(1024);
    const shuffled = (image: Uint8Array): Uint8Array =>
      image.map((_, at) => image[3 * order[Math.floor(at / 3)] + (at % 3)]);
    probeModel("CIFAR-10, pixels shuffled", changed(data, [32, 32, 3], shuffled), compare);
  }
}

if (options.speed) {
  const [load] = loadavg();
  const cases = speed();
  const { backend, instructionSet, threads } = kernels;
  const machine = { backend, instructionSet, threads, cpu: cpus()[0].model.trim(), load: [load, loadavg()[0]] };
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify({ machine, cases }, null, 1)}\n`);
} else {
  if (options.compare) {
    for (const side of [32, 64, 128, 224]) {
      const batch = Math.max(2, Math.round(64 * (32 / side) ** 2));
      const data = changed(await images(batch * 60, 64), [side, side, 3], enlargedTo(side));
      probeModel(`CIFAR-10 at ${side} x ${side}`, data, compareFamilies, batch, ["trained"]);
    }
  } else await study();
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(studies, null, 1)}\n`);
}
