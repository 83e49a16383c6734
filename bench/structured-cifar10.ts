/**
 * Learns rows and columns of the ConvNet on CIFAR-10 away, with the penalty of the raw and of the folded weight, and measures
 * what is left; a line of docs/results/structured-cifar10.jsonl for each setting and seed, which a second call does not repeat:
 *
 *   npx tsx bench/structured-cifar10.ts raw|folded SEED --data-dir FOLDER --cache FOLDER [--validate] [--penalties LIST]
 *   npx tsx bench/structured-cifar10.ts "folded, 30 to tune" SEED --tune 30 --data-dir FOLDER --cache FOLDER
 *   npx tsx bench/structured-cifar10.ts folded SEED --learn-rate 0.1 --validate --penalties LIST --data-dir FOLDER --cache FOLDER
 *
 * The control is the dense model trained on for as many epochs, with the same rates. --validate: trains on the first 12,000
 * images and reports on the last 2,000 of the training set, for the choice of settings; writes nothing.
 * Times of all lines anew, at a quiet time: npx tsx bench/structured-cifar10.ts --times --data-dir FOLDER
 * The table: npx tsx scripts/write-structured-cifar10.ts
 */
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { loadavg } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { interleave } from "../src/bench/interleave.ts";
import type { Dataset, Split } from "../src/data/dataset.ts";
import { loadData } from "../src/data/sources.ts";
import { readFile, writeFileAtomically } from "../src/io/files.ts";
import { decodeSafetensors, encodeSafetensors } from "../src/io/safetensors.ts";
import { pick } from "../src/kernels/pick.ts";
import { loadState, type Module, stateOf } from "../src/nn/module.ts";
import { compressText } from "../src/report/compress-table.ts";
import { Device } from "../src/tensor/device.ts";
import { compress, forwardTimes } from "../src/train/compress.ts";
import { parseRecipe, type Recipe } from "../src/train/recipe.ts";
import { Run } from "../src/train/run.ts";
import { machineOf } from "../src/train/together.ts";

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    "data-dir": { type: "string" },
    cache: { type: "string" },
    validate: { type: "boolean", default: false },
    times: { type: "boolean", default: false },
    penalties: { type: "string" },
    dense: { type: "string", default: "20" },
    learn: { type: "string", default: "10" },
    tune: { type: "string", default: "10" },
    "learn-rate": { type: "string", default: "1" },
  },
});
const [epochs, learn, tune, learnRate] = [values.dense, values.learn, values.tune, values["learn-rate"]].map(Number);
const plain = {
  ...{ data: { name: "cifar10", augment: true }, model: { name: "cnn" }, method: { name: "dense" }, epochs },
  optimiser: { name: "sgd", rate: 0.05, schedule: { warmup: 0 } },
};
/** "row 0.001 conv1": a penalty of the weights with conv1 in their names. */
const penalties = (folded: boolean, lines: readonly string[]): object[] =>
  lines.map((line) => {
    const [structure, lambda, layers] = line.split(" ");
    return { structure, lambda: Number(lambda), layers, ...(folded ? { folded } : {}) };
  });
const settings: Readonly<Record<string, readonly string[]>> = {
  raw: ["row 0.006 conv1", "row 0.004 conv2", "row 0.004 conv3", "column 0.003 conv2", "column 0.003 conv3"],
  folded: ["row 0.01 conv1", "row 0.0007 conv2", "row 0.0015 conv3", "column 0.0007 conv2", "column 0.0007 conv3"],
};

const file = new URL("../docs/results/structured-cifar10.jsonl", import.meta.url);
const done = existsSync(file)
  ? readFileSync(file, "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line))
  : [];
const device = new Device(pick({ threads: 1 }).kernels);
const all = await loadData("cifar10", { dir: values["data-dir"] });
if (values.times) {
  timeAnew();
  process.exit(0);
}
const [setting, seed] = [positionals[0], Number(positionals[1])];
if (!values.validate && done.some((line) => line.setting === setting && line.seed === seed)) process.exit(0);
const [kind] = setting.split(",");
const regularise = penalties(kind === "folded", values.penalties?.split(",") ?? settings[kind] ?? []);
const recipe = parseRecipe({ ...plain, seed });
const data = values.validate ? heldOut(all) : all;

function heldOut(data: Dataset): Dataset {
  if (data.kind !== "images") return data;
  const { images, labels, count } = data.train;
  const size = images.length / count;
  const part = (begin: number, end: number): Split => ({
    ...{ count: end - begin, images: images.subarray(begin * size, end * size), labels: labels.subarray(begin, end) },
  });
  return { ...data, train: part(0, count - 2000), test: part(count - 2000, count) };
}

const trained = (changes: object, start?: Parameters<typeof loadState>[1]): Run => {
  const run = new Run({ ...recipe, ...changes } as Recipe, data, device);
  if (start !== undefined) loadState(run.model, start);
  while (!run.done) run.advance();
  return run;
};
/** A stage that settings of one seed share. */
const cached = (stage: string, make: () => Run): ReturnType<typeof stateOf> => {
  const { cache } = values;
  const name = `cnn-${seed}-${stage}${values.validate ? "-validate" : ""}.safetensors`;
  if (cache !== undefined && existsSync(join(cache, name)))
    return decodeSafetensors(readFile("cache", join(cache, name)), name).tensors as ReturnType<typeof stateOf>;
  const begin = performance.now();
  const state = stateOf(make().model);
  console.log(`${stage}: ${((performance.now() - begin) / 1000).toFixed(0)} s`);
  if (cache !== undefined) writeFileAtomically(join(cache, name), encodeSafetensors(state, {}));
  return state;
};
/** The loss of each test image, and whether the answer is right. */
function judge(run: Run, model: Module): { readonly losses: number[]; readonly right: boolean[] } {
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
const mean = (values: readonly number[]): number => values.reduce((sum, x) => sum + x, 0) / values.length;
/** Mean and standard error of a - b, image by image. */
const paired = (a: readonly number[], b: readonly number[]): [number, number] => {
  const differences = a.map((x, i) => x - b[i]);
  const centre = mean(differences);
  return [centre, Math.sqrt(mean(differences.map((x) => (x - centre) ** 2)) / differences.length)];
};

const load = loadavg()[0];
const start = cached(`dense-${epochs}`, () => trained({}));
const { optimiser } = recipe;
const rate = learnRate * optimiser.rate;
const constant = { ...optimiser, rate, weightDecay: 0, schedule: { ...optimiser.schedule, name: "constant" } };
const control = cached(`control-${epochs}-${learn}-${tune}${learnRate === 1 ? "" : `-${learnRate}`}`, () => {
  const first = trained({ optimiser: constant, epochs: learn, seed: seed + 1 }, start);
  return trained({ epochs: tune, seed: seed + 2 }, stateOf(first.model));
});
const of = (state: ReturnType<typeof stateOf>) => {
  const run = new Run(recipe, data, device);
  loadState(run.model, state);
  return { run, ...judge(run, run.model) };
};
const judged = { dense: of(start), control: of(control) };
const told = ({ losses, right }: { losses: number[]; right: boolean[] }) => ({
  ...{ loss: mean(losses), accuracy: 100 * mean(right.map(Number)) },
});
console.log("dense", told(judged.dense), "control", told(judged.control));
if (regularise.length > 0) {
  const begin = performance.now();
  const penalised = parseRecipe({ ...plain, seed, regularise });
  const { model, recipe: smaller, ...numbers } = compress(penalised, data, device, { learn, learnRate, tune, start });
  const compact = judge(judged.dense.run, model);
  const scores = {
    dense: told(judged.dense),
    control: told(judged.control),
    learned: numbers.learned,
    compact: told(compact),
  };
  const against = Object.fromEntries(
    (["dense", "control"] as const).map((name) => {
      const { losses, right } = judged[name];
      return [
        name,
        {
          loss: paired(compact.losses, losses),
          accuracy: paired(
            compact.right.map((x) => 100 * Number(x)),
            right.map((x) => 100 * Number(x)),
          ),
        },
      ];
    }),
  );
  console.log(
    `${setting} ${values.penalties}, seed ${seed}, ${JSON.stringify(smaller.model)}, ${((performance.now() - begin) / 1000).toFixed(0)} s`,
  );
  console.log(compressText(numbers));
  console.log(JSON.stringify({ scores, against }));
  if (!values.validate) {
    const { layers, forwardMs, numbers: sizes, removals } = numbers;
    const line = {
      setting,
      seed,
      regularise,
      scores,
      against,
      model: smaller.model,
      sizes,
      removals,
      layers,
      forwardMs,
      ...stepTimes(recipe, smaller),
    };
    appendFileSync(file, `${JSON.stringify({ ...line, machine: machineOf(device, load) })}\n`);
  }
}

/** Median milliseconds of training steps of both models, in turn. */
function stepTimes(
  recipe: Recipe,
  smaller: Recipe,
): { readonly stepMs: { readonly before: number; readonly after: number } } {
  const runs = [recipe, smaller].map(
    (one) => new Run({ ...one, epochs: undefined, steps: 1e6 } as Recipe, all, device),
  );
  const [before, after] = interleave(
    Object.fromEntries(runs.map((run, i) => [`${i}`, () => void run.advance()])),
    ...[15, 60],
  );
  return { stepMs: { before: before.ms.median, after: after.ms.median } };
}

/** Times do not depend on the weights. */
function timeAnew(): void {
  const lines = done.map((line) => {
    const load = loadavg()[0];
    const [dense, small] = [plain, { ...plain, model: line.model }].map(
      (one) => new Run(parseRecipe(one), all, device),
    );
    const times = { ...forwardTimes(dense, small, all, device), ...stepTimes(dense.recipe, small.recipe) };
    console.log(line.setting, line.seed, (times.forwardMs.before / times.forwardMs.after).toFixed(2));
    return { ...line, ...times, machine: machineOf(device, load) };
  });
  writeFileAtomically(fileURLToPath(file), lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
}
