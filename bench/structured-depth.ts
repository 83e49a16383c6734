/**
 * Takes residual blocks out of a ResNet-20 on 14,000 images of CIFAR-10 and measures what is left; a line of
 * docs/results/depth.jsonl for each setting and seed, which a second call does not repeat:
 *
 *   npx tsx bench/structured-depth.ts SETTING SEED --data-dir FOLDER --cache FOLDER [--lambda NUMBER --validate]
 *
 * The cache holds trained networks that settings share: the dense one; the control, that is the dense one trained on for as
 * many epochs with the same rates; and the shallower network from its first step on, for as many epochs as all stages.
 * --validate: trains on the first 12,000 images and reports on the last 2,000 of the training set, for the choice of settings;
 * writes nothing. Times of all lines anew, at a quiet time: npx tsx bench/structured-depth.ts --times --data-dir FOLDER
 * The table: npx tsx scripts/write-structured.ts
 */
import { loadavg } from "node:os";
import { parseArgs } from "node:util";
import { loadData } from "../src/data/sources.ts";
import { pick } from "../src/kernels/pick.ts";
import { Random } from "../src/random.ts";
import { compressText } from "../src/report/compress-table.ts";
import { Device } from "../src/tensor/device.ts";
import { compact } from "../src/train/compact.ts";
import { compress, forwardTimes } from "../src/train/compress.ts";
import { evaluate } from "../src/train/evaluate.ts";
import type { Evaluation } from "../src/train/objective.ts";
import { parseRecipe, type Recipe } from "../src/train/recipe.ts";
import { Run } from "../src/train/run.ts";
import { machineOf } from "../src/train/together.ts";
import { heldOut, type Lengths, type Line, Lines, Stages, stepTimes } from "./stages.ts";

interface Setting extends Lengths {
  readonly widths: readonly [number, number, number];
  readonly dense: number;
  readonly lambda: number;
  /** Whether the shallower network is trained from its first step too. */
  readonly shallow?: boolean;
  /** In place of three stages one run of as many epochs, with its penalties in the middle. */
  readonly oneRun?: boolean;
}

const HALF = { widths: [8, 16, 32], dense: 12, learn: 4, learnRate: 0.1, tune: 4 } as const;
const WHOLE = { widths: [16, 32, 64], dense: 20, learn: 6, learnRate: 0.1, tune: 20 } as const;
const settings: Readonly<Record<string, Setting>> = {
  "lambda 0.1": { ...HALF, lambda: 0.1 },
  "lambda 0.15": { ...HALF, lambda: 0.15, shallow: true },
  "lambda 0.15, 12 to tune": { ...HALF, lambda: 0.15, tune: 12, shallow: true },
  "one run, lambda 0.09": { ...HALF, lambda: 0.09, oneRun: true },
  "one run, lambda 0.15": { ...HALF, lambda: 0.15, oneRun: true },
  "lambda 0.25": { ...HALF, lambda: 0.25 },
  "real widths": { ...WHOLE, lambda: 0.15, shallow: true },
};

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    "data-dir": { type: "string" },
    cache: { type: "string" },
    lambda: { type: "string" },
    validate: { type: "boolean", default: false },
    times: { type: "boolean", default: false },
  },
});
interface DepthLine extends Line {
  readonly model: Recipe["model"];
}
const lines = new Lines<DepthLine>("depth.jsonl");
const device = new Device(pick({ threads: 1 }).kernels);
const all = await loadData("cifar10", { dir: values["data-dir"] });
const data = values.validate ? heldOut(all, 2000) : all;
const stages = new Stages(data, device, values.cache);
if (values.times) {
  lines.timeAnew(device, ({ setting, model }) => timesOf(recipeOf(settings[setting], 1), model));
  process.exit(0);
}

const [setting, seed] = [positionals[0], Number(positionals[1])];
if (settings[setting] === undefined) throw new Error(`expected a setting: ${Object.keys(settings).join(", ")}`);
if (!values.validate && lines.has(setting, seed)) process.exit(0);
const load = loadavg()[0];
const { oneRun, shallow, dense, learn, tune, ...chosen } = settings[setting];
const lambda = values.lambda === undefined ? chosen.lambda : Number(values.lambda);
const recipe = recipeOf({ ...settings[setting], lambda }, seed);
const { regularise: penalised, ...plain } = recipe;
const epochs = dense + learn + tune;
const { model, results, removed } = oneRun ? inOneRun() : inStages();
if (shallow) results.shallow = evaluated({ ...plain, model }, stages.train({ ...plain, model, epochs } as Recipe));
for (const [stage, { loss, accuracy }] of Object.entries(results) as [string, { loss: number; accuracy: number }][])
  console.log(stage, loss.toFixed(4), (100 * accuracy).toFixed(1));
if (!values.validate) {
  const line = { setting, seed, results, regularise: penalised, model, ...removed, ...timesOf(recipe, model) };
  lines.add({ ...line, machine: machineOf(device, load) } as DepthLine);
}

/** Gains of the blocks behind the first of each stage, which makes the stage's size and channels. */
function recipeOf({ widths, dense, lambda }: Setting, seed: number): Recipe {
  const blocks = [2, 3, 5, 6, 8, 9];
  return parseRecipe({
    ...{ data: { name: "cifar10", augment: true }, model: { name: "resnet", depth: 20, widths } },
    ...{ method: { name: "dense" }, batch: 64, epochs: dense, seed },
    optimiser: { name: "sgd", rate: 0.05, weightDecay: 5e-4, schedule: { warmup: 0.05 } },
    regularise: blocks.map((block) => ({ structure: "body", lambda, layers: `block${block}.` })),
  });
}

interface Found {
  readonly model: Recipe["model"];
  readonly results: Record<string, Evaluation>;
  readonly removed: object;
}

function evaluated(recipe: object, trained: Parameters<Stages["begin"]>[1]): Evaluation {
  return stages.begin(recipe as Recipe, trained).evaluate();
}

function inStages(): Found {
  const start = stages.train(plain as Recipe);
  const lengths = settings[setting];
  const control = evaluated(plain, stages.control(plain as Recipe, start, lengths));
  const { model: _, recipe: smaller, ...numbers } = compress(recipe, data, device, { ...lengths, start: start.state });
  const { before, learned, after, removals, blocks } = numbers;
  console.log(compressText(numbers));
  const results = { dense: before, control, learned, after };
  return { model: smaller.model, results, removed: { removals, blocks } };
}

/** The control is the dense network in one run of as many epochs. */
function inOneRun(): Found {
  const phases = { ...plain.phases, sparseFrom: 0.3, frozenFrom: 0.5 };
  const run = stages.begin(recipe, stages.train({ ...recipe, phases, epochs } as Recipe));
  const small = compact(run.model, recipe.model, data, { device, random: new Random(seed) });
  const { removals, blocks, architecture } = small;
  console.log(blocks.join(", "));
  const control = evaluated(plain, stages.train({ ...plain, epochs } as Recipe));
  const after = evaluate(small.model, device, run.batches);
  return { model: architecture, results: { control, after }, removed: { removals, blocks } };
}

/** Forward and training times in turn, of networks as they are born: times do not depend on the weights. */
function timesOf({ regularise: _, ...recipe }: Recipe, model: Recipe["model"]) {
  const [before, after] = [recipe.model, model].map(
    (one) => new Run({ ...recipe, epochs: 1000, model: one } as Recipe, all, device),
  );
  return { ...forwardTimes(before, after, all, device), stepMs: stepTimes(before, after) };
}
