/**
 * What watching masks costs: training runs with all of it and without, in turn, and the time in it by the clock.
 *
 *   npx tsx bench/mask-monitor.ts [--model mlp|cnn] [--pattern 2:4] [--threads N] [--rounds N]
 *
 * A round is as many steps as lie between two records, so it has one of them. The runs without do not count flips either.
 */
import { loadavg } from "node:os";
import { parseArgs } from "node:util";
import { dataset } from "../src/data/dataset.ts";
import { pick } from "../src/kernels/pick.ts";
import { quartiles } from "../src/metrics/quartiles.ts";
import { Random } from "../src/random.ts";
import { divergence } from "../src/sparse/mask.ts";
import { Device } from "../src/tensor/device.ts";
import { parseRecipe } from "../src/train/recipe.ts";
import { Run } from "../src/train/run.ts";

const { values: options } = parseArgs({
  options: {
    model: { type: "string", default: "mlp" },
    pattern: { type: "string", default: "2:4" },
    threads: { type: "string", default: "1" },
    rounds: { type: "string", default: "30" },
  },
});
const { kernels } = pick({ threads: Number(options.threads) });
const device = new Device(kernels);
const rounds = Number(options.rounds);
const random = new Random(1);
const isCnn = options.model === "cnn";
const shape: [number, number, number] = isCnn ? [32, 32, 3] : [28, 28, 1];
const split = (count: number) => ({
  count,
  images: Uint8Array.from({ length: count * shape[0] * shape[1] * shape[2] }, () => random.integer(256)),
  labels: Uint8Array.from({ length: count }, () => random.integer(10)),
});
const data = dataset({ name: "noise", shape, classes: 10, train: split(2048), test: split(64) });

const EVERY = 20;
const steps = EVERY * (rounds + 3);
const newRun = (method: object, monitor: object): Run =>
  new Run(
    parseRecipe({ model: { name: options.model }, method, monitor, steps, batch: isCnn ? 64 : 256 }),
    data,
    device,
  );

class Watched {
  readonly run: Run;
  /** Milliseconds in watching. */
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
    const { masks, sparsity } = run;
    masks.before = timed(masks.before.bind(masks));
    masks.after = timed(masks.after.bind(masks));
    if (sparsity !== null) sparsity.observe = timed(sparsity.observe.bind(sparsity));
  }

  round(): void {
    for (let i = 0; i < EVERY; i++) {
      const { step } = this.run.advance();
      JSON.stringify(this.run.masks.after(step));
    }
  }
}

for (const [method, virtual] of [
  [{ name: "sr-ste", pattern: options.pattern }, undefined],
  [{ name: "dense" }, options.pattern],
] as const) {
  const watched = new Watched(newRun(method, { masks: EVERY, virtual }));
  const without = new Watched(newRun(method, { masks: 0 }));
  if (without.run.sparsity !== null) without.run.sparsity.observe = () => 0;
  const times: [number[], number[]] = [[], []];
  for (let round = 0; round < rounds + 3; round++) {
    if (round === 3) watched.spent = 0;
    // the order changes, so that neither always finds the caches as the other left them
    for (const which of round % 2 === 0 ? [0, 1] : [1, 0]) {
      const begin = performance.now();
      [watched, without][which].round();
      if (round >= 3) times[which].push((performance.now() - begin) / EVERY);
    }
  }
  const [on, off] = times.map((list) => quartiles(list));
  const ratio = quartiles(times[0].map((ms, i) => ms / times[1][i]));
  const total = times[0].reduce((a, b) => a + b, 0) * EVERY;
  console.log(
    `${options.model} ${method.name} ${options.pattern}: ${off.median.toFixed(3)} ms a step without, ${on.median.toFixed(3)} with: ` +
      `${((ratio.median - 1) * 100).toFixed(2)} % (${((ratio.q1 - 1) * 100).toFixed(2)}..${((ratio.q3 - 1) * 100).toFixed(2)}); ` +
      `by the clock ${((watched.spent / total) * 100).toFixed(2)} %, ${((watched.spent / rounds / EVERY) * 1000).toFixed(1)} us a step`,
  );
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
console.log(
  `divergence of the masks of the MLP: JavaScript ${perCall(() => divergence(a, b)).toFixed(1)} us, ` +
    `kernel ${perCall(() => kernels.maskDivergence(out, a, b, words)).toFixed(1)} us`,
);
console.log(
  `${kernels.backend} ${kernels.instructionSet}, ${kernels.threads} threads, load ${loadavg()[0].toFixed(2)}`,
);
