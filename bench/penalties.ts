/**
 * Measures what penalties add to a training step: rounds of steps without and with them in turn, in one process.
 *
 *   npx tsx bench/penalties.ts [--model mlp,lenet,cnn] [--threads N] [--rounds N] [--json FILE]
 *
 * "of a step": median over the rounds of the additional time of the update with penalties, divided by the time of the
 * step without them. Whole steps differ by more than that for other reasons; the update's time is taken within the
 * step, with caches as they are then.
 */
import { writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { backward } from "../src/core/autograd/tape.ts";
import type { InitOptions } from "../src/core/nn/init-options.ts";
import { cnn } from "../src/core/nn/models/cnn.ts";
import { lenet } from "../src/core/nn/models/lenet.ts";
import { mlp } from "../src/core/nn/models/mlp.ts";
import type { Module } from "../src/core/nn/module.ts";
import { Optimizer } from "../src/core/optim/optimizer.ts";
import { sgd } from "../src/core/optim/sgd.ts";
import { Random } from "../src/core/random.ts";
import { multiplyingWeights } from "../src/core/sparsity/layers.ts";
import { objectives } from "../src/core/task/objective.ts";
import { Device } from "../src/core/tensor/device.ts";
import { sizeOf, Tensor } from "../src/core/tensor/tensor.ts";
import { parseRecipe } from "../src/lab/recipes/recipe.ts";
import { penaltiesOf } from "../src/lab/recipes/regularizers.ts";
import { quartiles } from "../src/lab/statistics/quartiles.ts";
import { openDeviceSync } from "../src/node/open-device.ts";

const { values: options } = parseArgs({
  options: {
    model: { type: "string", default: "mlp,lenet,cnn" },
    threads: { type: "string", default: "1" },
    rounds: { type: "string", default: "60" },
    json: { type: "string" },
  },
});
const BATCH = 128;
const models: Readonly<Record<string, { shape: readonly number[]; build(birth: InitOptions): Module }>> = {
  mlp: { shape: [28, 28, 1], build: (birth) => mlp([784, 500, 300, 10], birth) },
  lenet: { shape: [28, 28, 1], build: (birth) => lenet(28, 28, 1, 10, birth) },
  cnn: { shape: [32, 32, 3], build: (birth) => cnn(3, [32, 64, 128], 10, birth) },
};
const penalties = (form: string, structures: readonly string[], rest: object = {}) =>
  structures.map((structure) => ({ structure, lambda: 1e-6, form, ...rest }));
const variants: Readonly<Record<string, readonly object[]>> = {
  none: [],
  "rows, proximal": penalties("proximal", ["row"]),
  "columns, proximal": penalties("proximal", ["column"]),
  "rows and columns, proximal": penalties("proximal", ["row", "column"]),
  "rows and columns, subgradient": penalties("subgradient", ["row", "column"]),
  "L1, subgradient": penalties("subgradient", ["weight"]),
  "rows and columns folded, proximal": penalties("proximal", ["row", "column"], { folded: true }),
  "rows and columns folded, subgradient": penalties("subgradient", ["row", "column"], { folded: true }),
};
const { kernels } = openDeviceSync({ threads: Number(options.threads) });
const [load] = loadavg();
const found: { model: string; stepMs: number; penalties: Record<string, { ms: number; share: number }> }[] = [];

for (const name of options.model.split(",")) {
  const runs = Object.entries(variants)
    .filter(([variant]) => name === "cnn" || !variant.includes("folded"))
    .map(([variant, regularize]) => ({ variant, step: stepOf(name, regularize), times: [] as [number, number][] }));
  const rounds = Number(options.rounds);
  for (let round = -rounds / 5; round < rounds; round++) {
    for (const { step, times } of runs) {
      // the step before leaves another model in the caches
      step();
      const one = step();
      if (round >= 0) times.push(one);
    }
  }
  const [plain] = runs;
  const median = (values: readonly number[]): number => quartiles(values).median;
  const step = median(plain.times.map(([all]) => all));
  console.log(`\n${name}, batch ${BATCH}: ${step.toFixed(2)} ms a step without penalties`);
  const own: (typeof found)[number]["penalties"] = {};
  found.push({ model: name, stepMs: step, penalties: own });
  for (const { variant, times } of runs.slice(1)) {
    const added = median(times.map(([, update], i) => update - plain.times[i][1]));
    own[variant] = { ms: added, share: added / step };
    const whole = median(times.map(([all], i) => all / plain.times[i][0]));
    console.log(
      `  ${variant.padEnd(36)} ${added.toFixed(3)} ms, ${((100 * added) / step).toFixed(1)} % of a step; whole steps ${whole.toFixed(3)}`,
    );
  }
}
console.log(
  `\n${kernels.backend} ${kernels.instructionSet}, ${kernels.threads} threads, load ${loadavg()[0].toFixed(2)}`,
);

if (options.json !== undefined) {
  const { backend, instructionSet, threads } = kernels;
  const machine = { backend, instructionSet, threads, cpu: cpus()[0].model.trim(), load: [load, loadavg()[0]] };
  writeFileSync(options.json, `${JSON.stringify({ machine, batch: BATCH, models: found }, null, 1)}\n`);
}

/** Makes a step of a fresh model, which returns its milliseconds and those of the update in it. */
function stepOf(name: string, regularize: readonly object[]): () => [number, number] {
  const device = new Device(kernels);
  const random = new Random(1);
  const { shape, build } = models[name];
  const model = build({ device, random });
  const recipe = parseRecipe({ optimizer: { name: "sgd" }, ...(regularize.length > 0 && { regularize, skip: [] }) });
  const plain = sgd({ learningRate: 1e-6, momentum: 0.9 });
  const penalties = penaltiesOf(recipe, model, multiplyingWeights(model), 1e9);
  const optimizer = new Optimizer(model, penalties?.around(plain) ?? plain);
  const inputs = Float32Array.from({ length: BATCH * sizeOf(shape) }, () => random.normal());
  const labels = kernels.int32(BATCH).map((_, i) => i % 10);
  return () => {
    const begin = performance.now();
    let update = 0;
    device.step(() => {
      const data = device.buffer(inputs.length);
      data.set(inputs);
      const x = new Tensor(device, [BATCH, ...shape], data);
      const loss = objectives.images.loss(model.forward(x), { x, labels });
      optimizer.zeroGrad();
      backward(loss);
      const before = performance.now();
      optimizer.step();
      update = performance.now() - before;
    });
    return [performance.now() - begin, update];
  };
}
