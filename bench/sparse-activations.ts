/**
 * Measures sparse activations in forward: what products with them cost, and what they keep and cost in training.
 *
 *   npx tsx bench/sparse-activations.ts [--data-dir DIR] [--steps 500] [--seeds 1] [--threads 1]
 *   [--patterns 2:4,1:4,2:8,1:8] [--json FILE]
 *
 * A product's time includes the pruning, the copy with zeros for the weight gradient and the mask of the input
 * gradient. DIR holds tinyshakespeare.txt: a small GPT is trained under each pattern, step by step in turn with the
 * dense one.
 */
import { writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { matrixGeometry } from "../src/core/backend/geometry.ts";
import { Random } from "../src/core/random.ts";
import { PackedActivations } from "../src/core/sparse/formats/packed-activations.ts";
import { PackedMatrix } from "../src/core/sparse/formats/packed-matrix.ts";
import { parsePattern } from "../src/core/sparse/pattern.ts";
import { multiplyingWeights } from "../src/core/sparsity/layers.ts";
import { scoreOf } from "../src/core/task/evaluate.ts";
import { Device } from "../src/core/tensor/device.ts";
import { loadData } from "../src/lab/data/sources.ts";
import { parseRecipe } from "../src/lab/recipes/recipe.ts";
import { Run } from "../src/lab/runs/run.ts";
import { interleave } from "../src/lab/statistics/interleave.ts";
import { quartiles } from "../src/lab/statistics/quartiles.ts";
import { openDeviceSync } from "../src/node/open-device.ts";

const { values: options } = parseArgs({
  options: {
    "data-dir": { type: "string" },
    steps: { type: "string", default: "500" },
    seeds: { type: "string", default: "1" },
    json: { type: "string" },
    threads: { type: "string", default: "1" },
    patterns: { type: "string", default: "2:4,1:4,2:8,1:8" },
  },
});
const { kernels } = openDeviceSync({ threads: Number(options.threads) });
const [load] = loadavg();
const patterns = options.patterns.split(",");
console.log(`${kernels.backend} ${kernels.instructionSet}, ${kernels.threads} threads`);

for (const [t, i, o] of [
  [2048, 512, 128],
  [4096, 1024, 256],
  [4096, 2048, 512],
  [512, 1024, 1024],
]) {
  const random = new Random(1);
  const filled = (length: number, squared = false): Float32Array => {
    const array = kernels.float32(length);
    for (let at = 0; at < length; at++) array[at] = squared ? Math.max(0, random.normal()) ** 2 : random.normal();
    return array;
  };
  const [x, w, bias, y, dx] = [filled(t * i, true), filled(o * i), filled(o), filled(t * o), filled(t * i)];
  const calls: Record<string, () => void> = {
    dense: () => kernels.forward(y, x, w, bias, matrixGeometry(t, i, o), 0),
  };
  for (const name of patterns) {
    const packed = new PackedMatrix(kernels, t, i, parsePattern(name));
    const { mask } = packed;
    packed.masked;
    const multiply = (): void => kernels.forwardSparseActivations(y, packed, w, bias, matrixGeometry(t, i, o), 0);
    calls[`${name} pruning`] = () => packed.prune(x);
    calls[`${name} product`] = multiply;
    calls[`${name} all`] = () => {
      packed.prune(x);
      multiply();
      kernels.applyMask(dx, mask, t, i);
    };
  }
  console.log(`${t} x ${i} x ${o}`);
  for (const { name, ms, ratio } of interleave(calls, 20, 10))
    console.log(`  ${name.padEnd(14)} ${ms.median.toFixed(2)} ms, ${ratio.median.toFixed(2)}x dense`);
}

/** A run with the shares that it kept: [step, share of zeros, share of the squared norm] by layer. */
function sparseRun(pattern: string | null, seed: number, data: Awaited<ReturnType<typeof loadData>>) {
  const recipe = parseRecipe({
    data: { name: "text", file: "tinyshakespeare.txt" },
    model: { name: "gpt", layers: 2, width: 128, context: 128, activation: "squared-relu" },
    method: { name: "dense" },
    ...(pattern === null ? {} : { activations: { name: "magnitude", pattern } }),
    optimizer: { name: "adamw", learningRate: 1e-3, decayed: "matrices", weightDecay: 0.1, clip: 1 },
    ...{ steps: Number(options.steps), batchSize: 16, seed },
  });
  const run = new Run(recipe, data, new Device(kernels), { compute: "sparse" });
  /** Of layers, at the steps that are looked at. */
  const kept = new Map<string, { step: number; kept: number; zeros: number }[]>();
  for (const { name, weight } of multiplyingWeights(run.model)) {
    const { plan } = weight;
    if (plan === null) continue;
    const forward = plan.forward.bind(plan);
    plan.forward = (x, geometry) => {
      const operand = forward(x, geometry);
      if (operand instanceof PackedActivations && weight.device.recording && isSampled(run.step)) {
        let [all, left, zeros] = [0, 0, 0];
        x.data.forEach((value, at) => {
          all += value ** 2;
          left += operand.x.masked[at] ** 2;
          zeros += Number(value === 0);
        });
        const one = { step: run.step, kept: left / all, zeros: zeros / x.size };
        kept.set(name, [...(kept.get(name) ?? []), one]);
      }
      return operand;
    };
  }
  return { name: pattern ?? "dense", run, kept, ms: [] as number[] };
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

/** Whether a step is looked at; the time of such a step is not counted. */
function isSampled(step: number): boolean {
  return step % 50 === 49;
}

const dir = options["data-dir"];
if (dir !== undefined) {
  const found = [];
  const data = await loadData("text", { file: "tinyshakespeare.txt", dir });
  for (let seed = 1; seed <= Number(options.seeds); seed++) {
    const runs = [null, ...patterns].map((pattern) => sparseRun(pattern, seed, data));
    while (!runs[0].run.done) {
      for (const { run, ms } of runs) {
        const step = run.advance();
        if (!isSampled(step.step)) ms.push(step.ms);
      }
    }
    for (const { name, run, kept, ms } of runs) {
      const ratio = quartiles(ms.map((one, step) => runs[0].ms[step] / one)).median;
      const { loss } = run.evaluate();
      const last = [...kept].map(([layer, looks]) => ({ layer, ...looks.at(-1)! }));
      console.log(`seed ${seed}, ${name}: test loss ${loss.toFixed(4)}, ${ratio.toFixed(3)}x dense`);
      for (const one of last) console.log(`  ${one.layer}: ${percent(one.kept)} kept, ${percent(one.zeros)} zeros`);
      found.push({ pattern: name, seed, loss, bits: scoreOf(run.evaluate()), ratio, layers: last });
    }
  }
  const { backend, instructionSet, threads } = kernels;
  const machine = { backend, instructionSet, threads, cpu: cpus()[0].model.trim(), load: [load, loadavg()[0]] };
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify({ machine, runs: found }, null, 1)}\n`);
}
