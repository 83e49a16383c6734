/**
 * Times whole training steps of this tree and of an older one, in one process, in turn: does a change cost time?
 *
 *   npx tsx bench/versions.ts CHECKOUT [--backend native|wasm] [--threads N] [--pairs N] [--models a,b] [--batch N]
 *   [--json FILE]
 *
 * CHECKOUT is a clone of the older commit with its dependencies and its addon (`npm install` there). A ratio is this
 * tree's time / the other's, of neighboring steps; which one goes first changes from pair to pair. The interval
 * contains the median ratio with a confidence of 95 % (order statistics of the sign test).
 */
import { existsSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { writeFileAtomically } from "../src/node/files.ts";
import { openDeviceSync } from "../src/node/open-device.ts";

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    backend: { type: "string", default: "native" },
    threads: { type: "string", default: "1" },
    pairs: { type: "string", default: "200" },
    models: { type: "string", default: "mlp,cnn,resnet20,gpt" },
    batch: { type: "string" },
    json: { type: "string" },
  },
});
const [checkout] = positionals;
if (checkout === undefined) throw new Error("bench/versions.ts: expected the directory of an older clone");
const threads = Number(options.threads);
const pairs = Number(options.pairs);
const WARM_UP = 5;
const PLANS = ["dense", "fully-sparse"];

interface StepModel {
  readonly batch: number;
}

/** The parts of a tree that are needed, by the names that all versions so far have. */
interface Version {
  readonly kernels: unknown;
  readonly models: Readonly<Record<string, StepModel>>;
  step(model: StepModel, batch: number, plan: string): () => void;
}

async function versionAt(root: string): Promise<Version> {
  const load = async (...paths: string[]) => {
    const path = paths.map((one) => join(root, "src", one)).find(existsSync);
    if (path === undefined) throw new Error(`${root}: expected one of ${paths.join(", ")}`);
    return import(pathToFileURL(path).href);
  };
  const { STEP_MODELS: models, stepOf } = await load("lab/bench/step.ts", "bench/step.ts");
  const { parsePattern } = await load("core/sparse/pattern.ts", "sparse/pattern.ts");
  const opened = await load("node/open-device.ts", "kernels/pick.ts");
  const { backend } = options;
  const kernels = opened.pick
    ? opened.pick({ backend, threads }).kernels
    : opened.openDeviceSync({ backend, threads }).kernels;
  const pattern = parsePattern("2:4");
  return {
    kernels,
    models,
    step: (model, batch, plan) => stepOf(kernels, model, batch, plan === "dense" ? null : { plan, pattern }),
  };
}

function timed(step: () => void): number {
  const start = performance.now();
  step();
  return performance.now() - start;
}

/** Median, and the order statistics around it that contain it with 95 %. */
function medianInterval(values: readonly number[]): { median: number; low: number; high: number } {
  const sorted = values.toSorted((a, b) => a - b);
  const n = sorted.length;
  const at = (i: number) => sorted[Math.min(Math.max(Math.round(i), 0), n - 1)];
  const half = (1.96 * Math.sqrt(n)) / 2;
  return { median: at((n - 1) / 2), low: at((n - 1) / 2 - half), high: at((n - 1) / 2 + half) };
}

const before = await versionAt(resolve(checkout));
const now = await versionAt(resolve(import.meta.dirname, ".."));
const load = loadavg()[0];
const cases: object[] = [];
for (const name of options.models.split(",")) {
  for (const plan of PLANS) {
    const batch = Number(options.batch ?? now.models[name].batch);
    const [older, newer] = [before, now].map((version) => version.step(version.models[name], batch, plan));
    const ratios: number[] = [];
    const times: number[][] = [[], []];
    for (let pair = -WARM_UP; pair < pairs; pair++) {
      const first = pair % 2 === 0;
      const a = first ? timed(older) : Number.NaN;
      const b = timed(newer);
      const old = first ? a : timed(older);
      if (pair < 0) continue;
      ratios.push(b / old);
      times[0].push(old);
      times[1].push(b);
    }
    const interval = medianInterval(ratios);
    const [oldMs, newMs] = times.map((one) => medianInterval(one).median);
    cases.push({ model: name, plan, batch, threads, pairs, oldMs, newMs, ratio: interval });
    const digits = (x: number) => x.toFixed(3);
    console.log(
      `${name.padEnd(9)} ${plan.padEnd(13)} batch ${batch}: ${oldMs.toFixed(2)} ms before, ${newMs.toFixed(2)} ms now, ratio ${digits(interval.median)} (${digits(interval.low)} to ${digits(interval.high)})`,
    );
  }
}
const { backend, instructionSet } = openDeviceSync({ backend: options.backend as "native", threads }).kernels;
const machine = { backend, instructionSet, threads, cpu: cpus()[0].model, load: [load, loadavg()[0]] };
console.log(
  `${backend} ${instructionSet}, ${threads} thread${threads === 1 ? "" : "s"}, ${machine.cpu}, load ${machine.load.map((x) => x.toFixed(2)).join(" to ")}`,
);
if (options.json !== undefined) writeFileAtomically(options.json, `${JSON.stringify({ machine, cases }, null, 2)}\n`);
