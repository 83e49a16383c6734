/**
 * Compares the ways in which NNSTD can match neurons, on masks of small runs, and measures how long they take.
 *
 *   npx tsx bench/nnstd.ts [--steps 500] [--json FILE]
 *
 * The runs are STE 2:4 on digits, an MLP of three hidden layers of 256. A row of `distances` is a pair of masks: the
 * first and the last of one run, the last of two runs with other seeds, and the last of one run beside the same network
 * with its neurons in another order. Times are seconds of a processor, for unrelated
 * masks, the slowest case, and for masks of weights that have moved, as in one run.
 */
import { writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { jsKernels } from "../src/core/backend/js.ts";
import { type LayerPair, networkNnstd, nnstd } from "../src/core/metrics/nnstd.ts";
import { reorderChannels, traceChannels } from "../src/core/nn/channels.ts";
import { Random } from "../src/core/random.ts";
import { PackedMatrix } from "../src/core/sparse/formats/packed-matrix.ts";
import { parsePattern } from "../src/core/sparse/pattern.ts";
import { multiplyingWeights } from "../src/core/sparsity/layers.ts";
import { neuronInputs } from "../src/core/sparsity/neuron-inputs.ts";
import { Device } from "../src/core/tensor/device.ts";
import { loadData } from "../src/lab/data/sources.ts";
import { parseRecipe } from "../src/lab/recipes/recipe.ts";
import { Run } from "../src/lab/runs/run.ts";
import { openDeviceSync } from "../src/node/open-device.ts";

const { values: options } = parseArgs({
  options: { steps: { type: "string", default: "500" }, json: { type: "string" } },
});
const { kernels } = openDeviceSync({ threads: 1 });
const [load] = loadavg();
const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

/** The masks of a trained run, by layer. */
async function trained(seed: number) {
  const recipe = parseRecipe({
    ...{ model: { name: "mlp", hidden: [256, 256, 256] }, method: { name: "ste" }, monitor: { masks: 0 } },
    ...{ steps: Number(options.steps), batchSize: 128, seed },
  });
  const run = new Run(recipe, await loadData("digits", {}), new Device(kernels));
  while (!run.done) run.advance();
  return run;
}

type Masks = ReadonlyMap<string, { mask: Uint32Array; rows: number; k: number }>;

function lastMasks({ session }: Run): Masks {
  return new Map(
    session.masks.map(({ name, packed: { rows, k }, history }) => [name, { mask: history.last.slice(), rows, k }]),
  );
}

/** The masks of this network with its hidden neurons in another order. Non-zeros say what is kept. */
function permuted(run: Run, before: Masks, random: Random): Masks {
  const { model, inputShape } = run;
  const weights = multiplyingWeights(model);
  // the masks are put into the weights, which move with the channels
  for (const { name, weight, rows, k } of weights) {
    const one = before.get(name);
    const words = one === undefined ? 0 : one.mask.length / rows;
    weight.data.forEach((_, at) => {
      const [row, column] = [Math.floor(at / k), at % k];
      weight.data[at] = one === undefined ? 1 : (one.mask[row * words + (column >> 5)] >>> (column & 31)) & 1;
    });
  }
  for (const group of traceChannels(model, inputShape).groups)
    if (group.fixed === null) reorderChannels(group, random.permutation(group.size));
  return new Map(
    [...before].map(([name, { rows, k, mask }]) => {
      const { data } = weights.find((one) => one.name === name)!.weight;
      const words = mask.length / rows;
      const moved = new Uint32Array(mask.length);
      data.forEach((value, at) => {
        const [row, column] = [Math.floor(at / k), at % k];
        if (value !== 0) moved[row * words + (column >> 5)] |= 1 << (column & 31);
      });
      return [name, { rows, k, mask: moved }];
    }),
  );
}

const [run, other] = [await trained(1), await trained(2)];
const first: Masks = new Map(
  run.session.masks.map(({ name, packed: { rows, k }, history }) => [name, { mask: history.first.slice(), rows, k }]),
);
const [last, lastOfOther] = [lastMasks(run), lastMasks(other)];
const inputs = neuronInputs(run.model, run.inputShape, multiplyingWeights(run.model));
const pairs: Record<string, readonly [Masks, Masks]> = {
  "first and last mask of a run": [first, last],
  "last masks of two seeds": [last, lastOfOther],
  "one network, neurons in another order": [last, permuted(run, last, new Random(7))],
};
const distances = Object.entries(pairs).map(([pair, [a, b]]) => {
  const layers = (carried: boolean): LayerPair[] =>
    [...a].map(([name, { mask, rows, k }]) => {
      return { ...{ name, a: mask, b: b.get(name)!.mask, rows, k }, inputs: carried ? inputs.get(name)! : [] };
    });
  const of = (list: LayerPair[]): number[] => [...networkNnstd(list).values()].map((match) => match!.distance);
  const greedy = layers(false).map((one) => nnstd(one.a, one.b, one.rows, one.k, "greedy")!.distance);
  const [byLayer, carried] = [of(layers(false)), of(layers(true))];
  const found = { pair, layers: [...a.keys()], greedy, byLayer, carried };
  console.log(
    `${pair}: greedy ${mean(greedy).toFixed(4)}, optimal ${mean(byLayer).toFixed(4)}, carried ${mean(carried).toFixed(4)}`,
  );
  return found;
});

/** Two 2:4 masks: unrelated, or of weights that moved by as much as they are large. */
function masks(rows: number, k: number, related: boolean): [Uint32Array, Uint32Array] {
  const random = new Random(rows);
  const before = Float32Array.from({ length: rows * k }, () => random.normal());
  const after = before.map((value) => (related ? value : 0) + random.normal());
  return [before, after].map((values) => {
    const packed = new PackedMatrix(jsKernels(), rows, k, parsePattern("2:4"));
    packed.prune(values);
    return packed.mask.slice();
  }) as [Uint32Array, Uint32Array];
}

const times = [256, 512, 1024, 1536, 2048].flatMap((rows) =>
  [true, false].map((related) => {
    const [a, b] = masks(rows, 512, related);
    const begin = process.cpuUsage();
    const match = nnstd(a, b, rows, 512)!;
    const seconds = process.cpuUsage(begin).user / 1e6;
    console.log(`${rows} neurons, ${related ? "related" : "unrelated"}: ${seconds.toFixed(2)} s, ${match.matching}`);
    return { rows, k: 512, related, seconds, matching: match.matching };
  }),
);
const { backend, instructionSet, threads } = kernels;
const machine = { backend, instructionSet, threads, cpu: cpus()[0].model.trim(), load: [load, loadavg()[0]] };
if (options.json !== undefined)
  writeFileSync(
    options.json,
    `${JSON.stringify({ machine, steps: Number(options.steps), distances, times }, null, 1)}\n`,
  );
