/**
 * Takes residual blocks out of a ResNet-20 on 14,000 images of CIFAR-10 and measures what is left; a line of
 * docs/results/depth.jsonl for each setting and seed, which a second call does not repeat:
 *
 *   npx tsx bench/structured-depth.ts SETTING SEED --data-dir FOLDER --cache FOLDER
 *
 * The cache holds trained networks that settings share: the dense one; the control, that is the dense one trained on for as
 * many epochs with the same rates; and the shallower network from its first step on, for as many epochs as all stages.
 * Times of all lines anew, at a quiet time: npx tsx bench/structured-depth.ts --times --data-dir FOLDER
 * The table: npx tsx scripts/write-structured.ts
 */
import { createHash } from "node:crypto";
import { appendFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { loadavg } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { interleave } from "../src/bench/interleave.ts";
import { loadData } from "../src/data/sources.ts";
import { readFile, writeFileAtomically } from "../src/io/files.ts";
import { decodeSafetensors, encodeSafetensors } from "../src/io/safetensors.ts";
import { pick } from "../src/kernels/pick.ts";
import { loadState, stateOf } from "../src/nn/module.ts";
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

const [DENSE, LEARN, LEARN_RATE] = [12, 4, 0.1];
const base = {
  ...{ data: { name: "cifar10", augment: true }, model: { name: "resnet", depth: 20, widths: [8, 16, 32] } },
  ...{ method: { name: "dense" }, batch: 64, epochs: DENSE },
  optimiser: { name: "sgd", rate: 0.05, weightDecay: 5e-4, schedule: { warmup: 0.05 } },
};
/** The blocks behind the first of each stage, which makes the stage's size and channels. */
const later = [2, 3, 5, 6, 8, 9];
const gains = (lambda: number, blocks: readonly number[]): object[] =>
  blocks.map((block) => ({ structure: "body", lambda, layers: `block${block}.` }));
interface Setting {
  readonly regularise: readonly object[];
  readonly tune: number;
  /** Whether the shallower network is trained from its first step too. */
  readonly shallow: boolean;
  /** In place of three stages one run of as many epochs, with its penalties in the middle. */
  readonly phases?: object;
}

const MIDDLE = { sparseFrom: 0.3, frozenFrom: 0.5 };
const settings: Readonly<Record<string, Setting>> = {
  "lambda 0.1": { regularise: gains(0.1, later), tune: 4, shallow: false },
  "lambda 0.15": { regularise: gains(0.15, later), tune: 4, shallow: true },
  "lambda 0.15, 12 to tune": { regularise: gains(0.15, later), tune: 12, shallow: true },
  "one run, lambda 0.09": { regularise: gains(0.09, later), tune: 4, shallow: false, phases: MIDDLE },
  "one run, lambda 0.15": { regularise: gains(0.15, later), tune: 4, shallow: false, phases: MIDDLE },
  "lambda 0.25": { regularise: gains(0.25, later), tune: 4, shallow: false },
};

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    "data-dir": { type: "string" },
    cache: { type: "string" },
    times: { type: "boolean", default: false },
  },
});
const [setting, seed] = [positionals[0], Number(positionals[1])];
const file = new URL("../docs/results/depth.jsonl", import.meta.url);
const device = new Device(pick({ threads: 1 }).kernels);
const data = await loadData("cifar10", { dir: values["data-dir"] });
const done = existsSync(file)
  ? readFileSync(file, "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line))
  : [];
if (values.times) {
  const lines = done.map((line) => {
    const load = loadavg()[0];
    const times = timesOf(parseRecipe(base), line.model);
    console.log(line.setting, line.seed, ratio(times.forwardMs), ratio(times.stepMs));
    return { ...line, ...times, machine: machineOf(device, load) };
  });
  writeFileAtomically(fileURLToPath(file), lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
  process.exit(0);
}
if (done.some((line) => line.setting === setting && line.seed === seed)) process.exit(0);

if (settings[setting] === undefined) throw new Error(`expected a setting: ${Object.keys(settings).join(", ")}`);
const { regularise, tune, shallow, phases } = settings[setting];
const recipe = parseRecipe({ ...base, seed, regularise });
const { regularise: _, ...plain } = recipe;
const fresh = (changes: object): Run => new Run({ ...plain, ...changes } as Recipe, data, device, { routing: "dense" });
const trained = (changes: object, start?: Parameters<typeof loadState>[1]): Run => {
  const run = fresh(changes);
  if (start !== undefined) loadState(run.model, start);
  while (!run.done) run.advance();
  return run;
};
const cached = (name: string, model: object, make: () => Run): Run => {
  const path = join(values.cache ?? ".", `${name}-${seed}.safetensors`);
  const run = fresh({ model });
  if (values.cache !== undefined && existsSync(path)) {
    loadState(run.model, decodeSafetensors(readFile("cache", path), path).tensors as Parameters<typeof loadState>[1]);
    return run;
  }
  const state = stateOf(make().model);
  if (values.cache !== undefined) {
    mkdirSync(values.cache, { recursive: true });
    writeFileAtomically(path, encodeSafetensors(state, {}));
  }
  loadState(run.model, state);
  return run;
};

const load = loadavg()[0];
const all = DENSE + LEARN + tune;
const found = phases === undefined ? inStages() : inOneRun();
const { model, results, removed } = found;
const name = `shallow-${all}-${createHash("sha256").update(JSON.stringify(model)).digest("hex").slice(0, 8)}`;
const direct = (): Evaluation => cached(name, model, () => trained({ model, epochs: all })).evaluate();
if (shallow) results.shallow = direct();
for (const [stage, { loss, accuracy }] of Object.entries(results) as [string, { loss: number; accuracy: number }][])
  console.log(stage, loss.toFixed(4), (100 * accuracy).toFixed(1));
const times = timesOf(recipe, model);
const line = { setting, seed, results, regularise, model, ...removed, ...times, machine: machineOf(device, load) };
appendFileSync(file, `${JSON.stringify(line)}\n`);

interface Found {
  readonly model: Recipe["model"];
  readonly results: Record<string, Evaluation>;
  readonly removed: object;
}

function inStages(): Found {
  const start = stateOf(cached("dense", plain.model, () => trained({})).model);
  const { optimiser } = recipe;
  const rate = LEARN_RATE * optimiser.rate;
  const constant = {
    ...optimiser,
    rate,
    weightDecay: 0,
    schedule: { ...optimiser.schedule, name: "constant", warmup: 0 },
  };
  const control = cached(`control-${tune}`, plain.model, () => {
    const first = trained({ optimiser: constant, epochs: LEARN, seed: seed + 1 }, start);
    return trained({ epochs: tune, seed: seed + 2 }, stateOf(first.model));
  }).evaluate();
  const options = { learn: LEARN, tune, learnRate: LEARN_RATE, start };
  const { model: _, recipe: smaller, ...numbers } = compress(recipe, data, device, options);
  const { before, learned, after, removals, blocks } = numbers;
  console.log(compressText(numbers));
  const results = { dense: before, control, learned, after };
  return { model: smaller.model, results, removed: { removals, blocks } };
}

/** The control is the dense network in one run of as many epochs. */
function inOneRun(): Found {
  const penalised = { regularise: recipe.regularise, phases: { ...recipe.phases, ...phases }, epochs: all };
  const run = cached(setting.replaceAll(/[ ,]+/g, "-"), plain.model, () => trained(penalised));
  const small = compact(run.model, recipe.model, data, { device, random: new Random(seed) });
  const { removals, blocks, architecture } = small;
  console.log(blocks.join(", "));
  const control = cached("long", plain.model, () => trained({ epochs: all })).evaluate();
  const after = evaluate(small.model, device, run.batches);
  return { model: architecture, results: { control, after }, removed: { removals, blocks } };
}

/** Forward and training times in turn, of networks as they are born: times do not depend on the weights. */
function timesOf({ regularise: _, ...recipe }: Recipe, model: Recipe["model"]) {
  const runs = [recipe.model, model].map((one) => new Run({ ...recipe, model: one } as Recipe, data, device));
  const [before, after] = runs;
  const steps = interleave({ before: () => before.advance(), after: () => after.advance() }, 25, 60);
  const [ms, less] = steps.map(({ ms }) => ms.median);
  return { ...forwardTimes(before, after, data, device), stepMs: { before: ms, after: less } };
}

function ratio({ before, after }: { before: number; after: number }): string {
  return (before / after).toFixed(2);
}
