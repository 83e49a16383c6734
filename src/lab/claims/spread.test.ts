import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { jsKernels } from "../../core/backend/js.ts";
import { Device } from "../../core/tensor/device.ts";
import type { Claim } from "./claim.ts";
import { estimate } from "./estimate.ts";
import { testLoss } from "./quantities.ts";
import { reproduce } from "./reproduce.ts";
import { type Job, jobsLeft, spread } from "./spread.ts";

const tiny = {
  ...{ data: { name: "digits", limit: { train: 64, test: 32 } }, model: { name: "mlp", hidden: [8] } },
  ...{ steps: 3, batchSize: 16, skip: [] },
};
const claim: Claim = {
  ...{ name: "one", source: "nobody", sentence: "STE is near dense.", run: "three steps" },
  variants: () => ({ dense: { ...tiny, method: { name: "dense" } }, ste: { ...tiny, method: { name: "ste" } } }),
  contrasts: [{ says: "it is near", quantity: testLoss, sum: { ste: 1, dense: -1 }, atMost: 10 }],
};
const recipes = { smoke: tiny, small: tiny, full: tiny };
const withTrials: Claim = { ...claim, name: "two", trials: { recipes, trainings: 2, finish: async () => {} } };

let out = "";
beforeEach(() => {
  out = mkdtempSync(join(tmpdir(), "trisparse-spread-"));
});
afterEach(() => {
  rmSync(out, { recursive: true, force: true });
});
const place = () => ({ scale: "smoke", out }) as const;
const named = (jobs: readonly Job[]) => jobs.map(({ claim: name, variant, seed }) => [name, variant, seed].join(" "));

test("what is left to train is each run once, though claims share it, and each trial", () => {
  expect(named(jobsLeft([claim], 2, place()))).toEqual(["one dense 1", "one ste 1", "one dense 2", "one ste 2"]);
  const both = jobsLeft([claim, withTrials], 1, place());
  expect(named(both)).toEqual(["two dense 1", "two ste 1", "two trial 1"]);
  mkdirSync(both[0].folder, { recursive: true });
  writeFileSync(join(both[0].folder, "result.json"), "{}");
  mkdirSync(join(out, "measured"));
  writeFileSync(both[2].folder, "{}");
  expect(named(jobsLeft([claim, withTrials], 1, place()))).toEqual(["two ste 1"]);
});

test("processes train what one process would, bit for bit, and nothing is left for it", async () => {
  const begun: Job[] = [];
  const open = { backend: "js" } as const;
  await spread(jobsLeft([claim], 2, place()), 2, { place: place(), open }, (job) => begun.push(job));
  expect(named(begun).sort()).toEqual(["one dense 1", "one dense 2", "one ste 1", "one ste 2"]);
  expect(jobsLeft([claim], 2, place())).toEqual([]);
  const losses = (folder: string) =>
    readdirSync(join(folder, "runs"))
      .sort()
      .map((run) => [run, JSON.parse(readFileSync(join(folder, "runs", run, "result.json"), "utf8")).loss]);
  const spreadOut = losses(out);
  const alone = join(out, "alone");
  const [{ verdict }] = await reproduce([claim], new Device(jsKernels()), { scale: "smoke", seeds: 2, out: alone });
  expect(verdict).toBe("holds");
  expect(losses(alone)).toEqual(spreadOut);
  expect(existsSync(join(out, "runs", spreadOut[0][0], "checkpoint.safetensors"))).toBe(false);
}, 60_000);

test("a process that fails is told when the others have ended, and what they did stays", async () => {
  const jobs = jobsLeft([claim], 1, place());
  const broken = { ...jobs[0], recipe: { ...jobs[0].recipe!, batchSize: 4096 } };
  const open = { backend: "js" } as const;
  await expect(spread([broken, jobs[1]], 2, { place: place(), open })).rejects.toThrow(
    "reproduce: expected processes that do their share, got 1 that ended with 1. Run the same command again",
  );
  expect(named(jobsLeft([claim], 1, place()))).toEqual(["one dense 1"]);
}, 60_000);

test("an estimate counts steps of runs, and of trials as often as they train", async () => {
  const device = new Device(jsKernels());
  const [run] = jobsLeft([claim], 1, place());
  const trial = jobsLeft([withTrials], 1, place()).find(({ recipe }) => recipe === null)!;
  const of = (jobs: readonly Job[]) => estimate(jobs, [claim, withTrials], device, place());
  // one measurement serves all jobs of a model, so their sum is a multiple of one step's time
  const all = await of([run, run, trial]);
  expect(all).toBeGreaterThan(0);
  // 3 + 3 + 2 * 3 steps of some milliseconds at most
  expect(all).toBeLessThan(12);
});
