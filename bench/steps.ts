/**
 * Times whole training steps of trisparse and of PyTorch, in turn, on one thread unless told otherwise.
 *
 *   npx tsx bench/steps.ts [--threads N] [--rounds N] [--json FILE]
 *
 * It needs PyTorch in the python3 of the path (bench/peers/README.md); without it only trisparse's rows are measured. A
 * step is batch in memory, forward, loss, backward and AdamW, for both; each timed step follows one of its own that is
 * not timed. Ratios are our dense time / the time of the row, within a round.
 */
import { cpus, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { parsePattern } from "../src/core/sparse/pattern.ts";
import { DEFAULT_PLANS, STEP_MODELS, stepOf } from "../src/lab/bench/step.ts";
import { quartiles } from "../src/lab/statistics/quartiles.ts";
import { writeFileAtomically } from "../src/node/files.ts";
import { openDeviceSync } from "../src/node/open-device.ts";
import { type ModelName, timed, type Variant } from "./peers/peer.ts";
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
const WARM_UP = 5;
const { kernels } = openDeviceSync({ threads });

function ours(which: ModelName): Variant[] {
  const model = STEP_MODELS[which];
  const variant = (name: string, step: () => void): Variant => ({
    ...{ name, run: () => timed(step), result: () => null, stop: () => {} },
  });
  const sparse = DEFAULT_PLANS.flatMap((plan) =>
    ["2:4", "2:4v2"].map((text) => {
      const step = stepOf(kernels, model, model.batch, { plan, pattern: parsePattern(text) });
      return variant(`${plan} ${text}`, step);
    }),
  );
  return [variant("dense", stepOf(kernels, model, model.batch, null)), ...sparse];
}

const load = loadavg()[0];
const torch = await openPyTorch(threads);
const report: object[] = [];
for (const which of ["mlp", "cnn"] as const) {
  const peers = typeof torch === "string" ? [] : await torch.step(which);
  const variants = [...ours(which), ...(typeof peers === "string" ? [] : peers)];
  const times = variants.map((): number[] => []);
  for (let round = 0; round < WARM_UP + rounds; round++) {
    for (const [i, variant] of variants.entries()) {
      await variant.run();
      const ms = await variant.run();
      // OpenMP's threads spin on after their work and would slow down whatever runs next
      if (threads > 1) await new Promise((resolve) => setTimeout(resolve, 300));
      if (round >= WARM_UP) times[i].push(ms);
    }
  }
  for (const variant of variants) await variant.stop();
  const { batch } = STEP_MODELS[which];
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
const { backend, instructionSet } = kernels;
const machine = { backend, instructionSet, cpu: cpus()[0].model, load: [load, loadavg()[0]] };
console.log(
  `\n${backend} ${instructionSet}, ${machine.cpu}, load ${machine.load.map((x) => x.toFixed(2)).join(" to ")}`,
);
if (options.json !== undefined)
  writeFileAtomically(options.json, `${JSON.stringify({ machine, cases: report }, null, 2)}\n`);
