/**
 * Trains methods as they are here and as their sources have them, where a page of docs/methods lists a difference and a run can show
 * it. Same first weights, batches and rates; several seeds. A difference that FILE has is not run again. docs/results/differences.json is
 *
 *   npx tsx bench/differences.ts --data-dir DIR --json FILE [--seeds 3]
 *
 * DIR holds a folder for each data set. Nothing is timed.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { crossEntropy } from "../src/core/autograd/ops/cross-entropy.ts";
import { backward } from "../src/core/autograd/tape.ts";
import { batchesOf } from "../src/core/data/batches-of.ts";
import type { Dataset } from "../src/core/data/dataset.ts";
import { cnn } from "../src/core/nn/models/cnn.ts";
import { mlp } from "../src/core/nn/models/mlp.ts";
import { adamW } from "../src/core/optim/adamw.ts";
import { warmupCosine } from "../src/core/optim/schedule.ts";
import type { Transform } from "../src/core/optim/transform.ts";
import { Random } from "../src/core/random.ts";
import { biMask } from "../src/core/sparsity/methods/input-grad/bi-mask.ts";
import type { InputGradMethod } from "../src/core/sparsity/methods/method.ts";
import { rigl } from "../src/core/sparsity/methods/unstructured/rigl.ts";
import { set } from "../src/core/sparsity/methods/unstructured/set.ts";
import { approxMvue } from "../src/core/sparsity/methods/weight-grad/approx-mvue.ts";
import { asp } from "../src/core/sparsity/methods/weights/asp.ts";
import { ast } from "../src/core/sparsity/methods/weights/ast.ts";
import { domino } from "../src/core/sparsity/methods/weights/domino.ts";
import { lbc } from "../src/core/sparsity/methods/weights/lbc.ts";
import { maskDecay } from "../src/core/sparsity/methods/weights/mask-decay.ts";
import { maxq } from "../src/core/sparsity/methods/weights/maxq.ts";
import { sSte } from "../src/core/sparsity/methods/weights/s-ste.ts";
import { srSte } from "../src/core/sparsity/methods/weights/sr-ste.ts";
import { ste } from "../src/core/sparsity/methods/weights/ste.ts";
import { structureDecay } from "../src/core/sparsity/methods/weights/structure-decay.ts";
import { transposable } from "../src/core/sparsity/methods/weights/transposable.ts";
import { type SparsifyOptions, sparsify } from "../src/core/sparsity/sparsify.ts";
import { evaluate } from "../src/core/task/evaluate.ts";
import { Device } from "../src/core/tensor/device.ts";
import { loadData } from "../src/lab/data/sources.ts";
import { openDeviceSync } from "../src/node/open-device.ts";
import {
  aspWithMoments,
  astOfAuthors,
  byEpochs,
  consecutiveBlocks,
  denseBefore,
  dominoOfEveryFifth,
  fading,
  flattened,
  geometricFrames,
  setBySign,
  thenSteps,
} from "./source-variants.ts";

const { values: options } = parseArgs({
  options: {
    "data-dir": { type: "string" },
    json: { type: "string" },
    seeds: { type: "string", default: "3" },
  },
});

const EPOCHS = { mlp: 4, cnn: 16 };
const [BATCH, RATE] = [128, 2e-3];
const LIMIT = { train: 6000, test: 2000 };

/** What a run trains with; the rest is the same for all. */
interface Variant extends Omit<SparsifyOptions, "steps" | "seed"> {
  readonly optimizer?: Transform;
  /** Epochs, if not those of EPOCHS. */
  readonly epochs?: number;
}

interface Difference {
  /** The page of docs/methods. */
  readonly page: string;
  /** The number of the difference there. */
  readonly number: number;
  readonly model: "mlp" | "cnn";
  readonly pattern: string;
  /** What the source's run has that ours has not. */
  readonly source: string;
  readonly runs: readonly [ours: (run: Setting) => Variant, theirs: (run: Setting) => Variant];
}

interface Setting {
  readonly stepsPerEpoch: number;
  readonly rate: (step: number) => number;
}

/** Bi-Mask that takes the best of random orders alone, and not the present one. */
function ofRandomOrders(): InputGradMethod {
  const method = biMask();
  if (method.operand !== "weight" || !("pack" in method)) throw new Error("Bi-Mask packs the weight");
  return {
    ...method,
    pack: (transpose, weight, mask, taps, draw) => {
      if (draw.step % 100 === 0) transpose.order = null;
      method.pack(transpose, weight, mask, taps, draw);
    },
  };
}

const grown = { sparsity: 0.9, every: 20, drop: 0.3, until: 0.75 };
const differences: readonly Difference[] = [
  {
    ...{ page: "asp", number: 1, model: "mlp", pattern: "2:4", source: "a whole schedule more: 8 epochs" },
    runs: [() => ({ weights: asp() }), () => ({ weights: asp(), epochs: 2 * EPOCHS.mlp })],
  },
  {
    ...{ page: "asp", number: 5, model: "mlp", pattern: "2:4", source: "moments stay; both with `recompute` 30" },
    runs: [() => ({ weights: asp({ recompute: 30 }) }), () => ({ weights: aspWithMoments({ recompute: 30 }) })],
  },
  {
    ...{ page: "ste", number: 1, model: "cnn", pattern: "2:4", source: "groups along the flattened kernel" },
    runs: [() => ({ weights: ste() }), () => ({ weights: flattened(0) })],
  },
  {
    ...{ page: "sr-ste", number: 1, model: "cnn", pattern: "2:4", source: "groups along the flattened kernel" },
    runs: [() => ({ weights: srSte() }), () => ({ weights: flattened(2e-4) })],
  },
  {
    ...{ page: "ast", number: 1, model: "mlp", pattern: "2:4", source: "their update, with their lambda of 6e-5" },
    runs: [() => ({ weights: ast() }), ({ rate }) => astOfAuthors(6e-5, 0.5, rate)],
  },
  {
    ...{ page: "ast", number: 1, model: "mlp", pattern: "2:4", source: "their update, with a lambda of 6e-3" },
    runs: [() => ({ weights: ast() }), ({ rate }) => astOfAuthors(6e-3, 0.5, rate)],
  },
  {
    ...{ page: "ast", number: 4, model: "mlp", pattern: "2:4", source: "masks of 10 steps" },
    runs: [() => ({ weights: ast() }), () => ({ weights: ast({ refresh: 10 }) })],
  },
  {
    ...{ page: "s-ste", number: 5, model: "mlp", pattern: "2:4", source: "weightGrad by their sample of the gradient" },
    runs: [() => ({ weights: sSte() }), () => ({ weights: sSte(), weightGrad: approxMvue() })],
  },
  {
    ...{
      page: "mask-decay",
      number: 1,
      model: "mlp",
      pattern: "1:8",
      source: "the rest of the exponential goes on to the end",
    },
    runs: [
      () => ({ weights: maskDecay({ decay: "exponential" }) }),
      () => ({ weights: fading(0.1, 0.99, (share) => 0.01 ** ((share - 0.1) / 0.5)) }),
    ],
  },
  {
    ...{ page: "mask-decay", number: 2, model: "mlp", pattern: "1:8", source: "d counts from the first step" },
    runs: [() => ({ weights: maskDecay() }), () => ({ weights: fading(0.1, 0.6, (share) => 1 - share / 0.6) })],
  },
  {
    ...{ page: "structure-decay", number: 1, model: "mlp", pattern: "1:8", source: "frames of 8:64 and 4:32 too" },
    runs: [
      () => ({ weights: structureDecay({ frames: "geometric" }) }),
      () => ({ weights: geometricFrames(0.1, 0.6) }),
    ],
  },
  {
    ...{ page: "transposable", number: 2, model: "mlp", pattern: "2:4", source: "dense for the first 40 steps" },
    runs: [() => ({ weights: transposable() }), () => ({ weights: denseBefore(40, transposable()) })],
  },
  {
    ...{ page: "transposable", number: 3, model: "mlp", pattern: "2:4", source: "blocks of 16 weights in a row" },
    runs: [() => ({ weights: transposable() }), () => ({ weights: consecutiveBlocks(2e-4, 40) })],
  },
  {
    ...{ page: "transposable", number: 4, model: "mlp", pattern: "2:4", source: "no decay" },
    runs: [() => ({ weights: transposable() }), () => ({ weights: transposable({ lambda: 0 }) })],
  },
  {
    ...{ page: "lbc", number: 1, model: "mlp", pattern: "2:4", source: "momentum 0.9 of the scores" },
    runs: [() => ({ weights: lbc() }), () => ({ weights: lbc({ momentum: 0.9 }) })],
  },
  {
    ...{ page: "lbc", number: 3, model: "mlp", pattern: "2:4", source: "removals at the begin of epochs" },
    runs: [() => ({ weights: lbc() }), ({ stepsPerEpoch }) => ({ weights: byEpochs(stepsPerEpoch, lbc()) })],
  },
  {
    ...{ page: "maxq", number: 1, model: "mlp", pattern: "1:8", source: "thresholds and dense groups of every step" },
    runs: [() => ({ weights: maxq() }), () => ({ weights: maxq({ refresh: 1 }) })],
  },
  {
    ...{ page: "maxq", number: 2, model: "mlp", pattern: "1:8", source: "the share falls by epochs" },
    runs: [() => ({ weights: maxq() }), ({ stepsPerEpoch }) => ({ weights: byEpochs(stepsPerEpoch, maxq()) })],
  },
  {
    ...{ page: "domino", number: 2, model: "mlp", pattern: "4:16", source: "decay 0.1 at every fifth step" },
    runs: [() => ({ weights: domino() }), () => ({ weights: dominoOfEveryFifth(0.1) })],
  },
  {
    ...{ page: "domino", number: 4, model: "mlp", pattern: "4:16", source: "votes every 100 steps" },
    runs: [() => ({ weights: domino() }), () => ({ weights: domino({ every: 100 }) })],
  },
  {
    ...{ page: "domino", number: 7, model: "mlp", pattern: "4:16", source: "a lambda of 5e-4 after the search" },
    runs: [() => ({ weights: domino() }), () => ({ weights: domino({ lambda: 5e-4 }) })],
  },
  {
    ...{
      page: "set",
      number: 1,
      model: "mlp",
      pattern: "",
      source: "drops by sign, steps after updates, zero where it grew",
    },
    runs: [
      () => ({ weights: set(grown) }),
      () => ({ weights: setBySign(grown.every, grown.drop, grown.until, set(grown)) }),
    ],
  },
  {
    ...{ page: "set", number: 3, model: "mlp", pattern: "", source: "a step of the optimizer after an update" },
    runs: [() => ({ weights: set(grown) }), () => ({ weights: thenSteps(set(grown)) })],
  },
  {
    ...{ page: "rigl", number: 5, model: "mlp", pattern: "", source: "updates to the end of the run" },
    runs: [() => ({ weights: rigl(grown) }), () => ({ weights: rigl({ ...grown, until: 1 }) })],
  },
  {
    ...{ page: "bi-mask", number: 3, model: "mlp", pattern: "2:4", source: "the present order is no candidate" },
    runs: [
      () => ({ weights: srSte(), inputGrad: biMask() }),
      () => ({ weights: srSte(), inputGrad: ofRandomOrders() }),
    ],
  },
];

const { kernels } = openDeviceSync({ threads: 1 });
const dir = options["data-dir"];
const data = {
  mlp: await loadData("fashion-mnist", {
    dir: dir === undefined ? undefined : join(dir, "fashion-mnist"),
    seed: 1,
    limit: LIMIT,
  }),
  cnn: await loadData("digits", { seed: 1, limit: { train: 3000, test: 1000 } }),
};

interface Result {
  readonly loss: number;
  readonly sad: number;
  /** Flags of the entries that products multiply by at the end; null if all are. */
  readonly kept: Uint8Array | null;
}

function train(
  model: "mlp" | "cnn",
  dataset: Dataset,
  pattern: string,
  seed: number,
  of: (run: Setting) => Variant,
): Result {
  const device = new Device(kernels);
  const batches = batchesOf(dataset, { batchSize: BATCH, seed });
  const { stepsPerEpoch } = batches;
  const own = of({ stepsPerEpoch, rate: () => 0 }).epochs ?? EPOCHS[model];
  const steps = own * stepsPerEpoch;
  const rate = warmupCosine({ learningRate: RATE, steps, warmup: 20 });
  const variant = of({ stepsPerEpoch, rate: (step) => (typeof rate === "number" ? rate : rate(step)) });
  const { optimizer: transform = adamW({ learningRate: rate }), epochs: _, ...sparse } = variant;
  const init = { device, random: new Random(seed) };
  const network = model === "mlp" ? mlp([784, 128, 128, 10], init) : cnn(1, [8, 16, 32], 10, init);
  const session = sparsify(network, { ...sparse, ...(pattern === "" ? {} : { pattern }), steps, seed });
  const optimizer = session.optimizer(transform);
  for (let step = 0; step < steps; step++) {
    device.step(() => {
      const { x, labels } = batches.training(device, step);
      const loss = crossEntropy(network.forward(x), labels);
      optimizer.zeroGrad();
      backward(loss);
      optimizer.step();
    });
  }
  const { loss } = evaluate(network, device, batches);
  const sparseNames = session
    .explain()
    .flatMap(({ name, products }) => (products.forward.operand === null ? [] : [name]));
  const state = session.state();
  const values = sparseNames.map((name) => state.get(name)!.data as Float32Array);
  const kept = Uint8Array.from(values.flatMap((array) => Array.from(array, (value) => Number(value !== 0))));
  return { loss, sad: session.report().sadShare, kept: kept.includes(0) ? kept : null };
}

/** The share of what the first keeps that the second keeps too. */
function shared(a: Uint8Array | null, b: Uint8Array | null): number | null {
  if (a === null || b === null || a.length !== b.length) return null;
  let [both, all] = [0, 0];
  a.forEach((one, i) => {
    all += one;
    both += one & b[i];
  });
  return both / all;
}

/**
 * What the best of 100 random orders of the outputs keeps of |F| in Bi-Mask's second pruning, if the best is the one with the largest
 * sum and if it is the one with the most entries. For normal weights [128, 576].
 */
function orders(n: number, m: number, seed: number): { bySum: number; byCount: number } {
  const [outputs, inputs] = [128, 576];
  const random = new Random(seed);
  const f = Float64Array.from({ length: outputs * inputs }, () => Math.abs(random.normal()));
  for (let group = 0; group < f.length; group += m) {
    const places = Array.from({ length: m }, (_, i) => group + i).sort((a, b) => f[a] - f[b]);
    for (const place of places.slice(0, m - n)) f[place] = 0;
  }
  const tried = Array.from({ length: 100 }, () => {
    const order = Array.from({ length: outputs }, (_, i) => i);
    for (let i = outputs - 1; i > 0; i--) {
      const other = random.integer(i + 1);
      [order[i], order[other]] = [order[other], order[i]];
    }
    let [sum, count] = [0, 0];
    for (let column = 0; column < inputs; column++) {
      for (let group = 0; group < outputs; group += m) {
        const sizes = order.slice(group, group + m).map((output) => f[output * inputs + column]);
        for (const size of sizes.sort((a, b) => b - a).slice(0, n)) {
          sum += size;
          count += Number(size > 0);
        }
      }
    }
    return { sum, count };
  });
  const all = f.reduce((a, b) => a + b);
  const most = tried.reduce((a, b) => (b.count > a.count ? b : a)).sum;
  return { bySum: Math.max(...tried.map(({ sum }) => sum)) / all, byCount: most / all };
}

interface Row extends Omit<Difference, "runs"> {
  readonly seeds: readonly { readonly ours: number[]; readonly theirs: number[]; readonly shared: number | null }[];
}

const { json } = options;
const rows: Row[] = json !== undefined && existsSync(json) ? JSON.parse(readFileSync(json, "utf8")).rows : [];
const setting = { epochs: EPOCHS, batch: BATCH, rate: RATE, mlp: "784-128-128-10", train: LIMIT.train };
const seeds = Array.from({ length: Number(options.seeds) }, (_, i) => i + 1);
for (const {
  runs: [ours, theirs],
  ...row
} of differences) {
  if (rows.some(({ page, number, source }) => page === row.page && number === row.number && source === row.source))
    continue;
  const found = seeds.map((seed) => {
    const [a, b] = [ours, theirs].map((of) => train(row.model, data[row.model], row.pattern, seed, of));
    return { ours: [a.loss, a.sad], theirs: [b.loss, b.sad], shared: shared(a.kept, b.kept) };
  });
  console.log(row.page, row.number, row.source, JSON.stringify(found));
  rows.push({ ...row, seeds: found });
  if (json !== undefined) writeFileSync(json, `${JSON.stringify({ setting, rows }, null, 1)}\n`);
}

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b) / values.length;
const ordersKept = (
  [
    [2, 4],
    [1, 4],
    [2, 8],
  ] as const
).map(([n, m]) => {
  const found = seeds.map((seed) => orders(n, m, seed));
  const [bySum, byCount] = [mean(found.map((one) => one.bySum)), mean(found.map((one) => one.byCount))];
  return { pattern: `${n}:${m}`, bySum, byCount };
});
if (json !== undefined) writeFileSync(json, `${JSON.stringify({ setting, rows, orders: ordersKept }, null, 1)}\n`);
