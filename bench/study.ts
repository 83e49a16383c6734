/**
 * Trains variants of a recipe over seeds and keeps the last evaluation of each run, for tables of quality.
 *
 *   npx tsx bench/study.ts STUDY.json --out RESULTS.jsonl [--data-dir DIR] [--shard 0/1] [--threads 1]
 *   npx tsx bench/study.ts --table RESULTS.jsonl
 *
 * STUDY.json: { recipe, seeds: [1, 2], variants: { name: changes of the recipe }, masks: false }. DIR holds a folder
 * for each data set. A run that RESULTS.jsonl has is not repeated; shards divide the work between processes. The others
 * are compared with the first variant: mean of the differences at the same seed, with its standard error.
 */
import { appendFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { scoreOf } from "../src/core/task/evaluate.ts";
import { Device } from "../src/core/tensor/device.ts";
import { loadData } from "../src/lab/data/sources.ts";
import { parseRecipe } from "../src/lab/recipes/recipe.ts";
import { readStudy, type StudyResult, studyTable } from "../src/lab/report/study-table.ts";
import { Run } from "../src/lab/runs/run.ts";
import { quartiles } from "../src/lab/statistics/quartiles.ts";
import { openDeviceSync } from "../src/node/open-device.ts";

interface Study {
  readonly recipe: object;
  readonly seeds: readonly number[];
  readonly variants: Readonly<Record<string, object>>;
  /** Whether results say how far masks moved. */
  readonly masks?: boolean;
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

if (options.table !== undefined) console.log(studyTable(readStudy(options.table)));
else await train();

async function train(): Promise<void> {
  const { out } = options;
  if (out === undefined || positionals.length !== 1) throw new Error("study: expected STUDY.json and --out FILE.");
  const study = JSON.parse(readFileSync(positionals[0], "utf8")) as Study;
  const [shard, shards] = options.shard.split("/").map(Number);
  const { kernels } = openDeviceSync({ threads: Number(options.threads) });
  const jobs = study.seeds.flatMap((seed) =>
    Object.entries(study.variants).map(([variant, changes]) => ({ variant, seed, changes })),
  );
  for (const [i, { variant, seed, changes }] of jobs.entries()) {
    if (i % shards !== shard) continue;
    if (readStudy(out).some((done) => done.variant === variant && done.seed === seed)) continue;
    const recipe = parseRecipe({ ...study.recipe, ...changes, seed }, variant);
    const { name, file, shuffled, limit, validation } = recipe.data;
    const dir = options["data-dir"] === undefined ? recipe.data.dir : join(options["data-dir"], name);
    const data = await loadData(name, { dir, file, seed, shuffled, limit, validation });
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
    const { sadShare, flipRate } = run.session.report();
    const result: StudyResult = {
      variant,
      seed,
      loss: test.loss,
      trainLoss: last.reduce((a, b) => a + b, 0) / last.length,
      score: scoreOf(test),
      stepMs: quartiles(times).median,
      ...(study.masks && run.session.masks.length > 0 && { sadShare, flipRate }),
    };
    appendFileSync(out, `${JSON.stringify(result)}\n`);
    console.log(JSON.stringify(result));
  }
}
