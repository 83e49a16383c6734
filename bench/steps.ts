/**
 * Whole training steps of trisparse beside PyTorch's, interleaved round by round, on one thread unless told otherwise.
 *
 *   npx tsx bench/steps.ts [--threads N] [--rounds N] [--json FILE]
 *
 * Needs PyTorch in the python3 of the path (bench/peers/README.md); without it only trisparse's rows are measured.
 * A step is batch in memory, forward, loss, backward and AdamW, for both. Ratios are peer time / trisparse time.
 */
import { cpus, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { crossEntropy } from "../src/autograd/ops/cross-entropy.ts";
import { backward } from "../src/autograd/tape.ts";
import { writeFileAtomically } from "../src/io/files.ts";
import { pick } from "../src/kernels/pick.ts";
import { weightMethods } from "../src/methods/weights/methods.ts";
import { quartiles } from "../src/metrics/quartiles.ts";
import { cnn } from "../src/nn/models/cnn.ts";
import { mlp } from "../src/nn/models/mlp.ts";
import { adamW } from "../src/optim/adamw.ts";
import { Optimizer } from "../src/optim/optimizer.ts";
import { Random } from "../src/random.ts";
import { Device } from "../src/tensor/device.ts";
import { Tensor } from "../src/tensor/tensor.ts";
import { sparsify } from "../src/train/sparsity.ts";
import type { Variant } from "./peers/peer.ts";
import { openPyTorch } from "./peers/pytorch.ts";

const { values: options } = parseArgs({
  options: {
    threads: { type: "string", default: "1" },
    rounds: { type: "string", default: "40" },
    json: { type: "string" },
  },
});
const threads = Number(options.threads);
const rounds = Number(options.rounds);
const WARM_UP = 10;

const cases = {
  mlp: {
    batch: 256,
    shape: [28, 28, 1],
    build: (birth: { device: Device; random: Random }) => mlp([784, 1024, 1024, 10], birth),
  },
  cnn: {
    batch: 64,
    shape: [32, 32, 3],
    build: (birth: { device: Device; random: Random }) => cnn(3, [32, 64, 128], 10, birth),
  },
} as const;

function ours(name: string, which: keyof typeof cases, method: string, pattern: string): Variant {
  const { batch, shape, build } = cases[which];
  const device = new Device(pick({ threads }).kernels);
  const random = new Random(1);
  const model = build({ device, random });
  const entry = weightMethods.find((one) => one.name === method)!;
  // so small that the batch is not learnt by heart: gradients would become zeros
  const optimiser = adamW({ rate: 1e-9 });
  const optimizer = new Optimizer(
    model,
    entry.sparse ? sparsify(model, entry.make(), { pattern, steps: 1e6 }).around(optimiser) : optimiser,
  );
  const images = Float32Array.from({ length: batch * shape[0] * shape[1] * shape[2] }, () => random.normal());
  const labels = device.kernels.int32(batch);
  labels.forEach((_, i) => {
    labels[i] = i % 10;
  });
  return {
    name,
    run: async () => {
      const begin = performance.now();
      device.step(() => {
        const x = device.buffer(images.length);
        x.set(images);
        const loss = crossEntropy(model.forward(new Tensor(device, [batch, ...shape], x)), labels);
        optimizer.zeroGrad();
        backward(loss);
        optimizer.step();
      });
      return performance.now() - begin;
    },
    result: () => null,
    stop: () => {},
  };
}

const load = loadavg()[0];
const torch = await openPyTorch(threads);
const report: object[] = [];
for (const which of Object.keys(cases) as (keyof typeof cases)[]) {
  const peers = typeof torch === "string" ? [] : await torch.step(which);
  const variants = [
    ours("dense", which, "dense", ""),
    ours("SR-STE 2:4", which, "sr-ste", "2:4"),
    ours("SR-STE 2:4v2", which, "sr-ste", "2:4v2"),
    ...(typeof peers === "string" ? [] : peers),
  ];
  const times = variants.map((): number[] => []);
  for (let round = 0; round < WARM_UP + rounds; round++) {
    for (const [i, variant] of variants.entries()) {
      const ms = await variant.run();
      // OpenMP's threads spin on after their work and would slow down whoever runs next
      if (threads > 1) await new Promise((resolve) => setTimeout(resolve, 300));
      if (round >= WARM_UP) times[i].push(ms);
    }
  }
  for (const variant of variants) await variant.stop();
  const { batch } = cases[which];
  console.log(`\n${which}, batch ${batch}, ${threads} thread${threads === 1 ? "" : "s"}`);
  variants.forEach(({ name }, i) => {
    const { median, q1, q3 } = quartiles(times[i]);
    const ratio = quartiles(times[i].map((ms, round) => times[0][round] / ms));
    console.log(
      `${name.padEnd(38)} ${median.toFixed(2)} ms (${q1.toFixed(2)}..${q3.toFixed(2)})   dense / this ${ratio.median.toFixed(2)} (${ratio.q1.toFixed(2)}..${ratio.q3.toFixed(2)})`,
    );
    report.push({ model: which, batch, threads, variant: name, ms: { median, q1, q3 }, denseOverThis: ratio });
  });
}
if (typeof torch !== "string") torch.stop();
const { kernels } = new Device(pick({ threads }).kernels);
const machine = {
  backend: kernels.backend,
  instructionSet: kernels.instructionSet,
  cpu: cpus()[0].model,
  load: [load, loadavg()[0]],
};
console.log(
  `\n${machine.backend} ${machine.instructionSet}, ${machine.cpu}, load ${machine.load.map((x) => x.toFixed(2)).join(" to ")}`,
);
if (options.json !== undefined)
  writeFileAtomically(options.json, `${JSON.stringify({ machine, cases: report }, null, 2)}\n`);
