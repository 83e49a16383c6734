/**
 * Learns structures of LeNet and of an MLP on MNIST away and measures what is left; a line of docs/results/structured.jsonl
 * for each setting and seed, which a second call does not repeat:
 *
 *   npx tsx bench/structured.ts SETTING SEED --data-dir FOLDER [--cache FOLDER] [--validate]
 *
 * The control is the dense model trained on for as many epochs, with the same rates. --validate: trains on the first 55,000
 * images and reports on the last 5,000 of the training set, for the choice of settings; writes nothing.
 * Forward times of all lines anew, the least of 25 rounds, at a quiet time: npx tsx bench/structured.ts --times --data-dir FOLDER
 * The table: npx tsx scripts/write-structured.ts
 */
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { loadavg } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { Dataset, Split } from "../src/data/dataset.ts";
import { loadData } from "../src/data/sources.ts";
import { readFile, writeFileAtomically } from "../src/io/files.ts";
import { decodeSafetensors, encodeSafetensors } from "../src/io/safetensors.ts";
import { pick } from "../src/kernels/pick.ts";
import { loadState, stateOf } from "../src/nn/module.ts";
import { compressText } from "../src/report/compress-table.ts";
import { Device } from "../src/tensor/device.ts";
import { compress, forwardTimes } from "../src/train/compress.ts";
import { scoreOf } from "../src/train/evaluate.ts";
import { parseRecipe, type Recipe } from "../src/train/recipe.ts";
import { Run } from "../src/train/run.ts";
import { machineOf } from "../src/train/together.ts";

const lenet = {
  ...{ model: { name: "lenet" }, method: { name: "dense" }, epochs: 4 },
  optimiser: { name: "sgd", rate: 0.01, schedule: { warmup: 0 } },
};
const mlp = {
  ...{ model: { name: "mlp", hidden: [500, 300] }, method: { name: "dense" }, epochs: 8 },
  optimiser: { name: "sgd", rate: 0.05, schedule: { warmup: 0 } },
};
/** "row 0.001 fc1": a penalty of the weights with fc1 in their names. */
const penalties = (...lines: readonly string[]): object[] =>
  lines.map((line) => {
    const [structure, lambda, layers] = line.split(" ");
    return { structure, lambda: Number(lambda), layers };
  });

const settings: Readonly<Record<string, { recipe: object; learn: number; tune: number }>> = {
  "lenet-filters": {
    recipe: { ...lenet, regularise: penalties("filter 0.015 conv1", "filter 0.03 conv2", "column 0.002 fc1") },
    ...{ learn: 4, tune: 12 },
  },
  "lenet-shapes": {
    recipe: {
      ...lenet,
      regularise: penalties("filter 0.01 conv1", "filter 0.02 conv2", "shape 0.04 conv2", "column 0.002 fc1"),
    },
    ...{ learn: 4, tune: 12 },
  },
  "mlp-neurons": {
    recipe: {
      ...mlp,
      regularise: penalties("row 0.0008 fc1", "column 0.001 fc1", "row 0.001 fc2", "column 0.0007 fc2"),
    },
    ...{ learn: 6, tune: 8 },
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
const [setting, seed] = [positionals[0], Number(positionals[1])];
const file = new URL("../docs/results/structured.jsonl", import.meta.url);
const done = existsSync(file)
  ? readFileSync(file, "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line))
  : [];
if (values.times) {
  await timeAnew();
  process.exit(0);
}
if (!values.validate && done.some((line) => line.setting === setting && line.seed === seed)) process.exit(0);

const { recipe: given, learn, tune } = settings[setting];
const tried = values.penalties === undefined ? {} : { regularise: penalties(...values.penalties.split(",")) };
const recipe = parseRecipe({ ...given, ...tried, data: { name: "mnist" }, seed });
const device = new Device(pick({ threads: 1 }).kernels);
const all = await loadData("mnist", { dir: values["data-dir"] });
const data = values.validate ? heldOut(all) : all;

function heldOut(data: Dataset): Dataset {
  if (data.kind !== "images") return data;
  const { images, labels } = data.train;
  const [size, from] = [images.length / data.train.count, 55_000];
  const part = (begin: number, end: number): Split => ({
    ...{ count: end - begin, images: images.subarray(begin * size, end * size), labels: labels.subarray(begin, end) },
  });
  return { ...data, train: part(0, from), test: part(from, data.train.count) };
}

const { regularise: _, ...plain } = recipe;
const trained = (changes: object, start?: Parameters<typeof loadState>[1]): Run => {
  const run = new Run({ ...plain, ...changes } as Recipe, data, device);
  if (start !== undefined) loadState(run.model, start);
  while (!run.done) run.advance();
  return run;
};
/** A stage that settings of one model and seed share. */
const cached = (stage: string, make: () => Run): ReturnType<typeof stateOf> => {
  const { cache } = values;
  const name = `${recipe.model.name}-${seed}-${stage}${values.validate ? "-validate" : ""}.safetensors`;
  if (cache !== undefined && existsSync(join(cache, name)))
    return decodeSafetensors(readFile("cache", join(cache, name)), name).tensors as ReturnType<typeof stateOf>;
  const state = stateOf(make().model);
  if (cache !== undefined) writeFileAtomically(join(cache, name), encodeSafetensors(state, {}));
  return state;
};
const load = loadavg()[0];
const start = cached("dense", () => trained({}));
const { optimiser } = recipe;
const constant = { ...optimiser, weightDecay: 0, schedule: { ...optimiser.schedule, name: "constant" } };
const control = cached(`control-${learn}-${tune}`, () => {
  const first = trained({ optimiser: constant, epochs: learn, seed: seed + 1 }, start);
  return trained({ epochs: tune, seed: seed + 2 }, stateOf(first.model));
});
const judged = new Run(plain as Recipe, data, device);
loadState(judged.model, control);
const controlScore = scoreOf(judged.evaluate());
const { model: __, recipe: smaller, ...numbers } = compress(recipe, data, device, { learn, tune, start });
const { before, learned, after, ...rest } = numbers;
console.log(`${setting}, seed ${seed}, control ${controlScore.toFixed(2)} %, ${JSON.stringify(smaller.model)}`);
console.log(compressText(numbers));
if (!values.validate) {
  const scores = { dense: scoreOf(before), control: controlScore, learned: scoreOf(learned), after: scoreOf(after) };
  const line = { setting, seed, scores, model: smaller.model, ...rest, machine: machineOf(device, load) };
  appendFileSync(file, `${JSON.stringify(line)}\n`);
}

/** Times do not depend on the weights. */
async function timeAnew(): Promise<void> {
  const device = new Device(pick({ threads: 1 }).kernels);
  const data = await loadData("mnist", { dir: values["data-dir"] });
  const lines = done.map((line) => {
    const load = loadavg()[0];
    const { regularise: _, ...recipe } = parseRecipe({ ...settings[line.setting].recipe, data: { name: "mnist" } });
    const [dense, small] = [recipe, { ...recipe, model: line.model }].map(
      (one) => new Run(one as Recipe, data, device),
    );
    // others use the machine: what a long product takes at the median is mostly theirs
    const times = forwardTimes(dense, small, data, device, (all) => Math.min(...all));
    const convs = times.layers.filter(({ name }) => name.startsWith("conv"));
    const sum = (when: "before" | "after"): number => convs.reduce((all, { ms }) => all + ms[when], 0);
    const ratios = [times.forwardMs.before / times.forwardMs.after, sum("before") / sum("after")];
    console.log(line.setting, line.seed, ...ratios.map((ratio) => ratio.toFixed(2)));
    return { ...line, ...times, machine: machineOf(device, load) };
  });
  writeFileAtomically(fileURLToPath(file), lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
}
