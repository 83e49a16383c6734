/**
 * Measures the parts of a training step: milliseconds of each kernel in it, dense and with all three products sparse.
 *
 *   npx tsx bench/step-kernels.ts [--model mlp] [--pattern 2:4v2] [--plan all|weights] [--threads N] [--steps N]
 *
 * The numbers are means over steps, of one variant after the other, so an outlier shows, and two variants cannot be
 * compared closely: that is what `trisparse bench step` is for.
 */
import { loadavg } from "node:os";
import { parseArgs } from "node:util";
import { KERNEL_NAMES } from "../src/core/backend/js.ts";
import type { Kernels } from "../src/core/backend/kernels.ts";
import { parsePattern } from "../src/core/sparse/pattern.ts";
import { STEP_MODELS, STEP_PLANS, stepOf } from "../src/lab/bench/step.ts";
import { openDeviceSync } from "../src/node/open-device.ts";

const { values: options } = parseArgs({
  options: {
    model: { type: "string", default: "mlp" },
    pattern: { type: "string", default: "2:4v2" },
    plan: { type: "string", default: "fully-sparse" },
    threads: { type: "string", default: "1" },
    steps: { type: "string", default: "60" },
  },
});
const model = STEP_MODELS[options.model];
const plan = STEP_PLANS.find((one) => one === options.plan);
if (model === undefined || plan === undefined) {
  throw new Error(
    `step-kernels: expected --model of ${Object.keys(STEP_MODELS)} and --plan of ${STEP_PLANS}, got ${options.model} and ${options.plan}. Choose among these.`,
  );
}
const steps = Number(options.steps);
const { kernels } = openDeviceSync({ threads: Number(options.threads) });

const spent = new Map<string, number>();
const timed = Object.fromEntries(
  KERNEL_NAMES.map((name) => {
    const run = kernels[name] as (...args: unknown[]) => void;
    const call = (...args: unknown[]): void => {
      const begin = performance.now();
      run(...args);
      spent.set(name, (spent.get(name) ?? 0) + performance.now() - begin);
    };
    return [name, call];
  }),
);
const watched = { ...kernels, ...timed } as Kernels;

for (const sparse of [null, { plan, pattern: parsePattern(options.pattern) }]) {
  const step = stepOf(watched, model, model.batch, sparse);
  for (let i = 0; i < steps / 3; i++) step();
  spent.clear();
  const begin = performance.now();
  for (let i = 0; i < steps; i++) step();
  const all = (performance.now() - begin) / steps;
  const parts = [...spent].map(([name, ms]) => [name, ms / steps] as const).sort((a, b) => b[1] - a[1]);
  const rest = all - parts.reduce((sum, [, ms]) => sum + ms, 0);
  const lines = [...parts, ["outside of kernels", rest] as const];
  console.log(
    `\n${options.model}, ${sparse === null ? "dense" : `${options.pattern}, ${plan}`}: ${all.toFixed(2)} ms a step`,
  );
  for (const [name, ms] of lines) if (ms >= 0.01) console.log(`  ${name.padEnd(24)} ${ms.toFixed(2)}`);
}
console.log(
  `\n${kernels.backend} ${kernels.instructionSet}, ${kernels.threads} threads, load ${loadavg()[0].toFixed(2)}`,
);
