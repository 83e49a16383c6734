/**
 * Trains variants of a recipe over seeds, and keeps the end of each run: what tables of quality are made of.
 *
 *   npx tsx bench/study.ts STUDY.json --out RESULTS.jsonl [--data-dir DIR] [--shard 0/1] [--threads 1]
 *   npx tsx bench/study.ts --table RESULTS.jsonl
 *
 * STUDY.json: { recipe, seeds: [1, 2], variants: { name: changes of the recipe } }. DIR holds a folder for each data set. A
 * run that RESULTS.jsonl has is not repeated; shards share the work between processes. The first variant is what the
 * others are compared with: mean of the differences at the same seed, with its standard error.
 */
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { loadData } from "../src/data/sources.ts";
import { pick } from "../src/kernels/pick.ts";
import { Device } from "../src/tensor/device.ts";
import { scoreOf } from "../src/train/evaluate.ts";
import { parseRecipe } from "../src/train/recipe.ts";
import { Run } from "../src/train/run.ts";

interface Study {
  readonly recipe: object;
  readonly seeds: readonly number[];
  readonly variants: Readonly<Record<string, object>>;
}

interface Result {
  readonly variant: string;
  readonly seed: number;
  readonly loss: number;
  /** Of the last tenth of the steps. */
  readonly trainLoss: number;
  /** Points of a hundred, or bits per character. */
  readonly score: number;
  readonly stepMs: number;
}

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    "data-dir": { type: "string" },
    out: { type: "string" },
    shard: { type: "string", default: "0/1" },
    threads: { type: "string", default: "1" },
    table: { type: "string" },
  },
});

const readLines = (path: string): Result[] =>
  existsSync(path)
    ? readFileSync(path, "utf8")
        .trim()
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as Result)
    : [];

if (options.table !== undefined) printTable(readLines(options.table));
else await train();

async function train(): Promise<void> {
  const { out } = options;
  if (out === undefined || positionals.length !== 1) throw new Error("study: expected STUDY.json and --out FILE.");
  const study = JSON.parse(readFileSync(positionals[0], "utf8")) as Study;
  const [shard, shards] = options.shard.split("/").map(Number);
  const { kernels } = pick({ threads: Number(options.threads) });
  const jobs = study.seeds.flatMap((seed) =>
    Object.entries(study.variants).map(([variant, changes]) => ({ variant, seed, changes })),
  );
  for (const [i, { variant, seed, changes }] of jobs.entries()) {
    if (i % shards !== shard) continue;
    if (readLines(out).some((done) => done.variant === variant && done.seed === seed)) continue;
    const recipe = parseRecipe({ ...study.recipe, ...changes, seed }, variant);
    const { name, file, ...limit } = recipe.data;
    const dir = options["data-dir"] === undefined ? recipe.data.dir : join(options["data-dir"], name);
    const data = await loadData(name, { dir, file, seed, limit });
    const run = new Run(recipe, data, new Device(kernels));
    const losses: number[] = [];
    const times: number[] = [];
    while (!run.done) {
      const { loss, ms } = run.advance();
      losses.push(loss);
      times.push(ms);
    }
    const test = run.evaluate();
    const last = losses.slice(-Math.ceil(losses.length / 10));
    const result: Result = {
      variant,
      seed,
      loss: test.loss,
      trainLoss: mean(last),
      score: scoreOf(test),
      stepMs: times.sort((a, b) => a - b)[Math.floor(times.length / 2)],
    };
    appendFileSync(out, `${JSON.stringify(result)}\n`);
    console.log(JSON.stringify(result));
  }
}

function mean(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / values.length;
}

function printTable(results: readonly Result[]): void {
  const variants = [...new Set(results.map(({ variant }) => variant))];
  variants.sort((a, b) => Number(b === "dense") - Number(a === "dense"));
  const base = results.filter(({ variant }) => variant === variants[0]);
  console.log("| variant | seeds | score | difference | loss | difference | train loss | difference | ms a step |");
  console.log("| --- | --- | --- | --- | --- | --- | --- | --- | --- |");
  for (const name of variants) {
    const own = results.filter(({ variant }) => variant === name);
    const cells = (["score", "loss", "trainLoss"] as const).map((key) => {
      const differences = own.flatMap((one) => {
        const other = base.find(({ seed }) => seed === one.seed);
        return other === undefined ? [] : [one[key] - other[key]];
      });
      const digits = key === "score" ? 2 : 4;
      const [centre, count] = [mean(differences), differences.length];
      const error = Math.sqrt(mean(differences.map((x) => (x - centre) ** 2)) / Math.max(1, count - 1));
      const difference = name === variants[0] ? "" : `${centre.toFixed(digits)} ± ${error.toFixed(digits)}`;
      return `${mean(own.map((one) => one[key])).toFixed(digits)} | ${difference}`;
    });
    console.log(
      `| ${name} | ${own.length} | ${cells.join(" | ")} | ${mean(own.map(({ stepMs }) => stepMs)).toFixed(1)} |`,
    );
  }
}
