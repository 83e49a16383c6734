/**
 * Trains anew to check the quality that trisparse claims: the exit code is 1 if a claim does not hold. Takes about ten
 * minutes.
 *
 *   npx tsx bench/quality.ts --data-dir DIR [--threads N]
 *
 * DIR holds the folders fashion-mnist and cifar10 with their original files. Each claim is about the mean over seeds.
 */
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { scoreOf } from "../src/core/task/evaluate.ts";
import { Device } from "../src/core/tensor/device.ts";
import { loadData } from "../src/lab/data/sources.ts";
import { parseRecipe } from "../src/lab/recipes/recipe.ts";
import { createComparison, runComparison, withMethod } from "../src/lab/runs/compare.ts";
import { openDeviceSync } from "../src/node/open-device.ts";

const { values: options } = parseArgs({
  options: { "data-dir": { type: "string" }, threads: { type: "string", default: "1" } },
});
const folder = options["data-dir"];
if (folder === undefined)
  throw new Error("quality: expected --data-dir DIR with the folders fashion-mnist and cifar10, got none.");
const { kernels, why } = openDeviceSync({ threads: Number(options.threads) });
console.log(why);

interface Claim {
  readonly about: string;
  /** The least accuracy of dense, and the number of points by which SR-STE 2:4 may be below it. */
  readonly least: number;
  readonly within: number;
  readonly seeds: readonly number[];
  readonly recipe: object;
}

const claims: readonly Claim[] = [
  {
    about: "Fashion-MNIST, MLP 784-1024-1024-10, 5 epochs, AdamW, cosine",
    ...{ least: 89, within: 0.25, seeds: [1, 2, 3] },
    recipe: { data: { name: "fashion-mnist", dir: join(folder, "fashion-mnist") } },
  },
  {
    about: "CIFAR-10, cnn 32-64-128, 10 epochs, on the images of the folder",
    ...{ least: 55, within: 2, seeds: [1] },
    recipe: { data: { name: "cifar10", dir: join(folder, "cifar10") }, model: { name: "cnn" }, epochs: 10 },
  },
];

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

for (const { about, least, within, seeds, recipe } of claims) {
  const dense: number[] = [];
  const sparse: number[] = [];
  for (const seed of seeds) {
    const complete = parseRecipe({ ...recipe, seed });
    const data = await loadData(complete.data.name, { dir: complete.data.dir });
    const out = join(mkdtempSync(join(tmpdir(), "trisparse-quality-")), "runs");
    createComparison(
      out,
      [{ name: "dense" }, { name: "sr-ste", pattern: "2:4" }].map((method) => withMethod(complete, method)),
    );
    const { runs } = await runComparison(out, data, new Device(kernels));
    dense.push(scoreOf(runs[0]));
    sparse.push(scoreOf(runs[1]));
    if (runs[1].verified.some(({ ok }) => !ok)) throw new Error(`${about}: a layer is not 2:4`);
  }
  const holds = mean(dense) >= least && mean(dense) - mean(sparse) <= within;
  const list = (values: readonly number[]): string =>
    `${mean(values).toFixed(2)} (${values.map((x) => x.toFixed(2)).join(", ")})`;
  console.log(
    `${holds ? "holds" : "DOES NOT HOLD"}: ${about}: dense ${list(dense)} >= ${least}, SR-STE 2:4 ${list(sparse)} within ${within}`,
  );
  if (!holds) process.exitCode = 1;
}
