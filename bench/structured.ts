/**
 * Learns structures of LeNet and of an MLP on MNIST away and measures the result. It writes a line of
 * docs/results/structured.jsonl for each setting and seed, which a second call does not repeat:
 *
 *   npx tsx bench/structured.ts SETTING SEED --data-dir FOLDER [--cache FOLDER] [--validate] [--penalties LIST]
 *
 * The control is the dense model trained on for as many epochs, with the same rates. --validate trains on the first
 * 55,000 images and reports on the last 5,000 of the training set, for the choice of settings; it writes nothing. To
 * measure the forward times of all lines again, the least of 25 rounds, when the machine is quiet:
 *   npx tsx bench/structured.ts --times --data-dir FOLDER
 * The table: npx tsx scripts/write-structured.ts
 */
import { loadavg } from "node:os";
import { parseArgs } from "node:util";
import { scoreOf } from "../src/core/task/evaluate.ts";
import { compress, forwardTimes } from "../src/lab/compression/compress.ts";
import { loadData } from "../src/lab/data/sources.ts";
import { parseRecipe, type Recipe } from "../src/lab/recipes/recipe.ts";
import { compressText } from "../src/lab/report/compress-table.ts";
import { machineOf } from "../src/lab/runs/together.ts";
import { openDeviceSync } from "../src/node/open-device.ts";
import { heldOut, type Lengths, type Line, Lines, penalties, Stages } from "./stages.ts";

const lenet = {
  ...{ model: { name: "lenet" }, method: { name: "dense" }, epochs: 4 },
  optimizer: { name: "sgd", learningRate: 0.01, schedule: { warmup: 0 } },
};
const mlp = {
  ...{ model: { name: "mlp", hidden: [500, 300] }, method: { name: "dense" }, epochs: 8 },
  optimizer: { name: "sgd", learningRate: 0.05, schedule: { warmup: 0 } },
};
interface Setting extends Lengths {
  readonly recipe: object;
  readonly penalties: string;
}
const settings: Readonly<Record<string, Setting>> = {
  "lenet-filters": {
    ...{ recipe: lenet, learn: 4, tune: 12 },
    penalties: "filter 0.015 conv1,filter 0.03 conv2,column 0.002 fc1",
  },
  "lenet-shapes": {
    ...{ recipe: lenet, learn: 4, tune: 12 },
    penalties: "filter 0.01 conv1,filter 0.02 conv2,shape 0.04 conv2,column 0.002 fc1",
  },
  "mlp-neurons": {
    ...{ recipe: mlp, learn: 6, tune: 8 },
    penalties: "row 0.0008 fc1,column 0.001 fc1,row 0.001 fc2,column 0.0007 fc2",
  },
};

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    "data-dir": { type: "string" },
    cache: { type: "string" },
    validate: { type: "boolean", default: false },
    times: { type: "boolean", default: false },
    penalties: { type: "string" },
  },
});
interface MnistLine extends Line {
  readonly model: Recipe["model"];
}
const lines = new Lines<MnistLine>("structured.jsonl");
const device = openDeviceSync({ threads: 1 });
const all = await loadData("mnist", { dir: values["data-dir"] });
const data = values.validate ? heldOut(all, 5000) : all;
const stages = new Stages(data, device, values.cache);
const recipeOf = (setting: string, seed: number): Recipe =>
  parseRecipe({ ...settings[setting].recipe, data: { name: "mnist" }, seed });
if (values.times) {
  lines.timeAnew(device, ({ setting, model }) => {
    const [dense, small] = [{}, { model }].map((one) => stages.begin({ ...recipeOf(setting, 1), ...one }));
    // others use the machine: the median time of a long product is mostly theirs
    return forwardTimes(dense, small, data, device, (times) => Math.min(...times));
  });
  process.exit(0);
}

const [setting, seed] = [positionals[0], Number(positionals[1])];
if (settings[setting] === undefined) throw new Error(`expected a setting: ${Object.keys(settings).join(", ")}`);
if (!values.validate && lines.has(setting, seed)) process.exit(0);
const load = loadavg()[0];
const lengths = settings[setting];
const plain = recipeOf(setting, seed);
const start = stages.train(plain);
const control = scoreOf(stages.begin(plain, stages.control(plain, start, lengths)).evaluate());
const regularize = penalties((values.penalties ?? lengths.penalties).split(","));
const penalized = parseRecipe({ ...settings[setting].recipe, data: { name: "mnist" }, seed, regularize });
const found = compress(penalized, data, device, { ...lengths, start: start.state });
const { model: _, recipe: smaller, ...numbers } = found;
const { before, learned, after, ...rest } = numbers;
console.log(`${setting}, seed ${seed}, control ${control.toFixed(2)} %, ${JSON.stringify(smaller.model)}`);
console.log(compressText(numbers));
if (!values.validate) {
  const scores = { dense: scoreOf(before), control, learned: scoreOf(learned), after: scoreOf(after) };
  lines.add({ setting, seed, scores, model: smaller.model, ...rest, machine: machineOf(device, load) } as MnistLine);
}
