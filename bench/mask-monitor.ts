/**
 * Measures the cost of watching masks: training runs with all of it and without, in turn, and the time spent in it.
 *
 *   npx tsx bench/mask-monitor.ts [--models mlp,cnn] [--pattern 2:4] [--threads N] [--rounds N] [--json FILE]
 *
 * It also times the count of flips of the MLP's masks by itself. A round has as many steps as lie between two records, so
 * it contains one record. The runs without watching do not count flips either.
 */
import { writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { dataset } from "../src/core/data/dataset.ts";
import { Random } from "../src/core/random.ts";
import { divergence } from "../src/core/sparse/mask.ts";
import { Device } from "../src/core/tensor/device.ts";
import { parseRecipe } from "../src/lab/recipes/recipe.ts";
import { Run } from "../src/lab/runs/run.ts";
import { type Quartiles, quartiles } from "../src/lab/statistics/quartiles.ts";
import { openDeviceSync } from "../src/node/open-device.ts";

const { values: options } = parseArgs({
  options: {
    models: { type: "string", default: "mlp,cnn" },
    pattern: { type: "string", default: "2:4" },
    threads: { type: "string", default: "1" },
    rounds: { type: "string", default: "30" },
    json: { type: "string" },
  },
});
const { kernels } = openDeviceSync({ threads: Number(options.threads) });
const device = new Device(kernels);
const rounds = Number(options.rounds);
const random = new Random(1);
const [load] = loadavg();
const EVERY = 20;
const steps = EVERY * (rounds + 3);
const runs: { model: string; run: string; stepMs: number; slower: Quartiles; clock: number }[] = [];

class Watched {
  readonly run: Run;
  /** Milliseconds spent in watching. */
  spent = 0;

  constructor(run: Run) {
    this.run = run;
    const timed = <A extends unknown[], R>(f: (...args: A) => R) => {
      return (...args: A): R => {
        const begin = performance.now();
        const result = f(...args);
        this.spent += performance.now() - begin;
        return result;
      };
    };
    const { masks, session } = run;
    masks.before = timed(masks.before.bind(masks));
    masks.after = timed(masks.after.bind(masks));
    session.observe = timed(session.observe.bind(session));
  }

  round(): void {
    for (let i = 0; i < EVERY; i++) {
      const { step } = this.run.advance();
      JSON.stringify(this.run.masks.after(step));
    }
  }
}

for (const model of options.models.split(",")) {
  const isCnn = model === "cnn";
  const shape: [number, number, number] = isCnn ? [32, 32, 3] : [28, 28, 1];
  const split = (count: number) => ({
    count,
    images: Uint8Array.from({ length: count * shape[0] * shape[1] * shape[2] }, () => random.integer(256)),
    labels: Uint8Array.from({ length: count }, () => random.integer(10)),
  });
  const data = dataset({ name: "noise", shape, classes: 10, train: split(2048), test: split(64) });
  const newRun = (method: object, monitor: object): Run =>
    new Run(parseRecipe({ model: { name: model }, method, monitor, steps, batchSize: isCnn ? 64 : 256 }), data, device);
  for (const [method, virtual] of [
    [{ name: "sr-ste", pattern: options.pattern }, undefined],
    [{ name: "dense" }, options.pattern],
  ] as const) {
    const watched = new Watched(newRun(method, { masks: EVERY, virtual }));
    const without = new Watched(newRun(method, { masks: 0 }));
    without.run.session.observe = () => 0;
    const times: [number[], number[]] = [[], []];
    for (let round = 0; round < rounds + 3; round++) {
      if (round === 3) watched.spent = 0;
      // the order changes, so that neither run always finds the caches as the other left them
      for (const which of round % 2 === 0 ? [0, 1] : [1, 0]) {
        const begin = performance.now();
        [watched, without][which].round();
        if (round >= 3) times[which].push((performance.now() - begin) / EVERY);
      }
    }
    const [on, off] = times.map((list) => quartiles(list));
    const slower = quartiles(times[0].map((ms, i) => ms / times[1][i] - 1));
    const clock = watched.spent / (times[0].reduce((a, b) => a + b, 0) * EVERY);
    const run = virtual === undefined ? `${method.name} ${options.pattern}` : `${method.name}, virtual ${virtual}`;
    runs.push({ model, run, stepMs: off.median, slower, clock });
    console.log(
      `${model} ${run}: ${off.median.toFixed(3)} ms a step without, ${on.median.toFixed(3)} with: ` +
        `${(slower.median * 100).toFixed(2)} % (${(slower.q1 * 100).toFixed(2)}..${(slower.q3 * 100).toFixed(2)}); ` +
        `by the clock ${(clock * 100).toFixed(2)} %`,
    );
  }
}

const words = 1024 * (25 + 32);
const [a, b] = [kernels.uint32(words), kernels.uint32(words)];
for (const mask of [a, b]) for (let i = 0; i < words; i++) mask[i] = random.bits();
const out = kernels.float64(1);
const perCall = (f: () => void): number => {
  const list = Array.from({ length: 300 }, () => {
    const begin = performance.now();
    f();
    return performance.now() - begin;
  });
  return quartiles(list).median * 1000;
};
const flips = {
  javascriptUs: perCall(() => divergence(a, b)),
  kernelUs: perCall(() => kernels.maskDivergence(out, a, b, words)),
};
console.log(
  `flips of the masks of the MLP: JavaScript ${flips.javascriptUs.toFixed(1)} us, kernel ${flips.kernelUs.toFixed(1)} us`,
);
const { backend, instructionSet, threads } = kernels;
const machine = { backend, instructionSet, threads, cpu: cpus()[0].model.trim(), load: [load, loadavg()[0]] };
console.log(`${backend} ${instructionSet}, ${threads} threads, load ${machine.load[1].toFixed(2)}`);
if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify({ machine, runs, flips }, null, 1)}\n`);
