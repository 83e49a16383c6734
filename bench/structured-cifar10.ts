/**
 * Learns structures away, rows and columns of a ConvNet and blocks, rows and columns of a ResNet-20, on the first
 * 12,000 images of CIFAR-10. It measures the result on the other 3,000: 2,000 of the training set and the 1,000 of the
 * test set. It writes a line of docs/results/structured-cifar10.jsonl for each setting and seed, which a second call
 * does not repeat:
 *
 *   npx tsx bench/structured-cifar10.ts SETTING SEED --data-dir FOLDER --cache FOLDER [--validate --penalties LIST]
 *
 * control: the dense network trained on for as many epochs as learning and tuning take, with the same rates. equalTime:
 * the compact network tuned for as long as the control's tuning would have taken, by the steps' times. shallow: the
 * compact architecture from new weights, for as many epochs as all stages. The cache holds networks that settings
 * share. --validate trains on the first 10,000 images and reports on the 2,000 behind them, for the choice of settings;
 * it writes nothing. To measure the times of all lines again, when the machine is quiet:
 *   npx tsx bench/structured-cifar10.ts --times --data-dir FOLDER
 * The tables: npx tsx scripts/write-structured.ts
 */
import { loadavg } from "node:os";
import { parseArgs } from "node:util";
import { loadState, type State, stateOf } from "../src/core/nn/state.ts";
import { compress, forwardTimes } from "../src/lab/compression/compress.ts";
import { loadData } from "../src/lab/data/sources.ts";
import { parseRecipe, type Recipe } from "../src/lab/recipes/recipe.ts";
import { compressText } from "../src/lab/report/compress-table.ts";
import { Run } from "../src/lab/runs/run.ts";
import { machineOf } from "../src/lab/runs/together.ts";
import { openDeviceSync } from "../src/node/open-device.ts";
import {
  type Answers,
  answersOf,
  heldOut,
  type Lengths,
  type Line,
  Lines,
  penalties,
  Stages,
  stepTimes,
} from "./stages.ts";

interface Setting extends Lengths {
  readonly recipe: object;
  readonly dense: number;
  readonly penalties: string;
  readonly folded?: boolean;
  readonly equalTime?: boolean;
  readonly shallow?: boolean;
}

const CNN = {
  recipe: { model: { name: "cnn" }, optimizer: { name: "sgd", learningRate: 0.05, schedule: { warmup: 0 } } },
  ...{ dense: 20, learn: 10, tune: 10 },
};
const resnet = (widths: readonly number[]): object => ({
  ...{ model: { name: "resnet", depth: 20, widths }, batchSize: 64 },
  optimizer: { name: "sgd", learningRate: 0.05, weightDecay: 5e-4, schedule: { warmup: 0.05 } },
});
const HALF = { recipe: resnet([8, 16, 32]), dense: 12, learn: 4, learnRate: 0.1, tune: 12 };
const WHOLE = { recipe: resnet([16, 32, 64]), dense: 20, learn: 6, learnRate: 0.1, tune: 20 };
/** The gains of all blocks but the first of each stage, which sets the stage's size and channels. */
const gains = (lambda: number): string => [2, 3, 5, 6, 8, 9].map((block) => `body ${lambda} block${block}.`).join();
const FOLDED = "row 0.01 conv1,row 0.0007 conv2,row 0.0015 conv3,column 0.0007 conv2,column 0.0007 conv3";

const settings: Readonly<Record<string, Setting>> = {
  "ConvNet, lasso": { ...CNN, penalties: FOLDED, folded: true, tune: 30 },
  "ConvNet, smallest quarter": {
    ...{ ...CNN, dense: 40, tune: 40, folded: true, equalTime: true, shallow: true },
    penalties: "row - conv 0.25",
  },
  "ConvNet, smallest quarter of conv2": {
    ...{ ...CNN, dense: 40, tune: 40, folded: true, equalTime: true, shallow: true },
    penalties: "row - conv2 0.25",
  },
  "half ResNet-20, blocks, lasso": { ...HALF, penalties: gains(0.15), shallow: true },
  "ResNet-20, blocks, smallest fifth": { ...WHOLE, penalties: "body - block 0.2", equalTime: true },
  "ResNet-20, blocks, smallest third": { ...WHOLE, penalties: "body - block 0.33", equalTime: true },
  "ResNet-20, blocks, lasso": { ...WHOLE, penalties: gains(0.15), equalTime: true, shallow: true },
  "ResNet-20, filters, smallest half": {
    ...{ ...WHOLE, penalties: "row - body.conv1 0.5", folded: true, equalTime: true },
  },
};

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    "data-dir": { type: "string" },
    cache: { type: "string" },
    penalties: { type: "string" },
    validate: { type: "boolean", default: false },
    times: { type: "boolean", default: false },
  },
});
interface CifarLine extends Line {
  readonly model: Recipe["model"];
}
const lines = new Lines<CifarLine>("structured-cifar10.jsonl");
const device = openDeviceSync({ threads: 1 });
const all = await loadData("cifar10", { dir: values["data-dir"] });
const split = heldOut(all, 2000, true);
const data = values.validate ? heldOut(split, 2000) : split;
const stages = new Stages(data, device, values.cache);
if (values.times) {
  lines.timeAnew(device, ({ setting, model }) => timesOf(recipeOf(settings[setting], 1), model));
  process.exit(0);
}

const [setting, seed] = [positionals[0], Number(positionals[1])];
if (settings[setting] === undefined) throw new Error(`expected a setting: ${Object.keys(settings).join("; ")}`);
if (!values.validate && lines.has(setting, seed)) process.exit(0);
const load = loadavg()[0];
const chosen = settings[setting];
const { dense, learn, tune } = chosen;
const recipe = recipeOf({ ...chosen, penalties: values.penalties ?? chosen.penalties }, seed);
const { regularize, ...plain } = recipe as Recipe & { regularize: Recipe["regularize"] };
const start = stages.train(plain);
const control = answers(plain, stages.control(plain, start, chosen).state);
const shrunk = (epochs: number) => compress(recipe, data, device, { ...chosen, tune: epochs, start: start.state });
const small = shrunk(tune);
const { removals, blocks } = small;
const { model } = small.recipe;
console.log(JSON.stringify(model), "\n", compressText(small));
const after = answers(small.recipe, stateOf(small.model));
const results: Record<string, Answers> = { dense: answers(plain, start.state), control, after };
const times = timesOf(recipe, model);
if (chosen.equalTime) {
  const { before, after } = times.stepMs;
  results.equalTime = answers(small.recipe, stateOf(shrunk(Math.round((tune * before) / after)).model));
}
if (chosen.shallow) {
  const whole = { ...plain, model, epochs: dense + learn + tune };
  results.shallow = answers(whole, stages.train(whole).state);
}
for (const [stage, { loss, accuracy }] of Object.entries(results))
  console.log(stage, loss.toFixed(4), (100 * accuracy).toFixed(1));
if (!values.validate) {
  const line = { setting, seed, results, regularize, model, removals, blocks, ...times };
  lines.add({ ...line, machine: machineOf(device, load) } as CifarLine);
}

function recipeOf({ recipe, dense, penalties: lines, folded }: Setting, seed: number): Recipe {
  return parseRecipe({
    ...{ data: { name: "cifar10", augment: true }, method: { name: "dense" }, ...recipe, epochs: dense, seed },
    regularize: penalties(lines.split(","), folded ? { folded } : {}),
  });
}

function answers(recipe: Recipe, state: State): Answers {
  const run = stages.begin(recipe);
  loadState(run.model, state);
  return answersOf(run, device);
}

/** Forward and training times in turn, of networks with their first weights: times do not depend on the weights. */
function timesOf({ regularize: _, ...recipe }: Recipe, model: Recipe["model"]) {
  const [before, after] = [recipe.model, model].map(
    (one) => new Run({ ...recipe, epochs: 1000, model: one } as Recipe, all, device),
  );
  return { ...forwardTimes(before, after, all, device), stepMs: stepTimes(before, after) };
}
