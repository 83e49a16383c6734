/**
 * Learns rows and columns of the ConvNet on CIFAR-10 away and measures what is left; a line of
 * docs/results/structured-cifar10.jsonl for each setting and seed, which a second call does not repeat:
 *
 *   npx tsx bench/structured-cifar10.ts SETTING SEED --data-dir FOLDER --cache FOLDER [--validate] [--penalties LIST]
 *
 * The control is the dense model trained on for as many epochs, with the same rates. --validate: trains on the first 12,000
 * images and reports on the last 2,000 of the training set, for the choice of settings; writes nothing.
 * Times of all lines anew, at a quiet time: npx tsx bench/structured-cifar10.ts --times --data-dir FOLDER
 * The table: npx tsx scripts/write-structured-cifar10.ts
 */
import { loadavg } from "node:os";
import { parseArgs } from "node:util";
import { loadData } from "../src/data/sources.ts";
import { pick } from "../src/kernels/pick.ts";
import type { Module } from "../src/nn/module.ts";
import { compressText } from "../src/report/compress-table.ts";
import { Device } from "../src/tensor/device.ts";
import { compress, forwardTimes } from "../src/train/compress.ts";
import { parseRecipe, type Recipe } from "../src/train/recipe.ts";
import { Run } from "../src/train/run.ts";
import { machineOf } from "../src/train/together.ts";
import { heldOut, type Lengths, type Line, Lines, penalties, Stages, stepTimes, type Trained } from "./stages.ts";

interface Setting extends Lengths {
  readonly dense: number;
  readonly penalties: string;
  readonly folded: boolean;
  readonly augment: boolean;
}

const AUGMENTED = { dense: 20, learn: 10, tune: 10, folded: true, augment: true };
const FOLDED = "row 0.01 conv1,row 0.0007 conv2,row 0.0015 conv3,column 0.0007 conv2,column 0.0007 conv3";
const settings: Readonly<Record<string, Setting>> = {
  raw: {
    ...AUGMENTED,
    penalties: "row 0.006 conv1,row 0.004 conv2,row 0.004 conv3,column 0.003 conv2,column 0.003 conv3",
    folded: false,
  },
  folded: { ...AUGMENTED, penalties: FOLDED },
  "folded, 30 to tune": { ...AUGMENTED, penalties: FOLDED, tune: 30 },
};

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    "data-dir": { type: "string" },
    cache: { type: "string" },
    validate: { type: "boolean", default: false },
    times: { type: "boolean", default: false },
    penalties: { type: "string" },
    "learn-rate": { type: "string" },
  },
});
interface ConvNetLine extends Line {
  readonly model: Recipe["model"];
}
const lines = new Lines<ConvNetLine>("structured-cifar10.jsonl");
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
const chosen = settings[setting];
const lengths = { ...chosen, learnRate: Number(values["learn-rate"] ?? chosen.learnRate ?? 1) };
const recipe = recipeOf({ ...chosen, penalties: values.penalties ?? chosen.penalties }, seed);
const { regularise, ...plain } = recipe;
const start = stages.train(plain as Recipe);
const control = stages.control(recipe, start, lengths);
const judged = { dense: of(start), control: of(control) };
console.log("dense", told(judged.dense), "control", told(judged.control));
const found = compress(recipe, data, device, { ...lengths, start: start.state });
const { model, recipe: smaller, ...numbers } = found;
const compact = judge(stages.begin(plain as Recipe), model);
const scores = {
  ...{ dense: told(judged.dense), control: told(judged.control) },
  ...{ learned: numbers.learned, compact: told(compact) },
};
const against = { dense: pairedWith(judged.dense), control: pairedWith(judged.control) };
console.log(`${setting}, seed ${seed}, ${JSON.stringify(smaller.model)}`);
console.log(compressText(numbers));
console.log(JSON.stringify({ scores, against }));
if (!values.validate) {
  const { layers, forwardMs, numbers: sizes, removals } = numbers;
  const line = { setting, seed, regularise, scores, against, model: smaller.model, sizes, removals, layers, forwardMs };
  lines.add({ ...line, ...timesOf(recipe, smaller.model), machine: machineOf(device, load) } as ConvNetLine);
}

function recipeOf({ dense, penalties: lines, folded, augment }: Setting, seed: number): Recipe {
  return parseRecipe({
    ...{ data: { name: "cifar10", augment }, model: { name: "cnn" }, method: { name: "dense" }, epochs: dense, seed },
    optimiser: { name: "sgd", rate: 0.05, schedule: { warmup: 0 } },
    regularise: penalties(lines.split(","), folded ? { folded } : {}),
  });
}

interface Judged {
  /** Of each test image. */
  readonly losses: readonly number[];
  readonly right: readonly boolean[];
}

function of(trained: Trained): Judged {
  const run = stages.begin(plain as Recipe, trained);
  return judge(run, run.model);
}

/** The loss of each test image, and whether the answer is right. */
function judge(run: Run, model: Module): Judged {
  const [losses, right]: [number[], boolean[]] = [[], []];
  model.eval();
  for (let part = 0; part < run.batches.parts("test"); part++) {
    device.step(() =>
      device.withoutGradients(() => {
        const { x, labels } = run.batches.part(device, "test", part);
        const { data: logits, shape } = model.forward(x);
        labels.forEach((label, i) => {
          const row = [...logits.subarray(i * shape[1], (i + 1) * shape[1])];
          const most = Math.max(...row);
          losses.push(Math.log(row.reduce((sum, y) => sum + Math.exp(y - most), 0)) + most - row[label]);
          right.push(row.indexOf(most) === label);
        });
      }),
    );
  }
  model.train();
  return { losses, right };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, x) => sum + x, 0) / values.length;
}

function told({ losses, right }: Judged): { readonly loss: number; readonly accuracy: number } {
  return { loss: mean(losses), accuracy: 100 * mean(right.map(Number)) };
}

/** Mean and standard error of what the compact model has more, image by image. */
function pairedWith({ losses, right }: Judged): Record<"loss" | "accuracy", [number, number]> {
  const of = (differences: readonly number[]): [number, number] => {
    const centre = mean(differences);
    return [centre, Math.sqrt(mean(differences.map((x) => (x - centre) ** 2)) / differences.length)];
  };
  return {
    loss: of(compact.losses.map((x, i) => x - losses[i])),
    accuracy: of(compact.right.map((x, i) => 100 * (Number(x) - Number(right[i])))),
  };
}

/** Forward and training times in turn, of networks as they are born: times do not depend on the weights. */
function timesOf({ regularise: _, ...recipe }: Recipe, model: Recipe["model"]) {
  const [before, after] = [recipe.model, model].map(
    (one) => new Run({ ...recipe, epochs: 1000, model: one } as Recipe, all, device),
  );
  return { ...forwardTimes(before, after, all, device), stepMs: stepTimes(before, after) };
}
