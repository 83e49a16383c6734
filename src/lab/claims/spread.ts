/**
 * The trainings of a reproduction, as jobs that share nothing but the folder: several processes may do them, each may be
 * interrupted at any moment, and none is done twice.
 */
import { fork } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expected } from "../../core/errors.ts";
import type { OpenOptions } from "../../node/open-device.ts";
import { parseRecipe, type Recipe } from "../recipes/recipe.ts";
import type { Place } from "./bench-of.ts";
import type { Claim } from "./claim.ts";
import { folderOf, runName, seedsUpTo } from "./runs.ts";

/** One training: a run of a variant, or the trial of a claim that trains within its measurements. */
export interface Job {
  readonly claim: string;
  readonly variant: string;
  readonly seed: number;
  /** Null for a trial. */
  readonly recipe: Recipe | null;
  /** Folder of the run, or file of the trial. */
  readonly folder: string;
}

/** The part of one process. */
export interface Share {
  readonly jobs: readonly Job[];
  readonly place: Place;
  readonly open: OpenOptions;
}

/** What is left to train for claims; a run that several claims share is there once. */
export function jobsLeft(claims: readonly Claim[], seeds: number, { scale, out }: Place): Job[] {
  const jobs = claims.flatMap(({ name, variants, trials }): Job[] => [
    ...seedsUpTo(seeds).flatMap((seed) =>
      Object.entries(variants(scale)).map(([variant, changes]) => {
        const recipe = parseRecipe({ ...changes, seed }, `${name}, ${variant}`);
        return { claim: name, variant, seed, recipe, folder: join(out, folderOf(recipe)) };
      }),
    ),
    ...(trials === undefined ? [] : seedsUpTo(seeds)).map((seed) => {
      const recipe = parseRecipe({ ...trials!.recipes[scale], seed }, name);
      const folder = join(out, "measured", `${name}-${runName(recipe)}.json`);
      return { claim: name, variant: "trial", seed, recipe: null, folder };
    }),
  ]);
  const distinct = [...new Map(jobs.map((job) => [job.folder, job])).values()];
  return distinct.filter(({ recipe, folder }) => !existsSync(recipe === null ? folder : join(folder, "result.json")));
}

/**
 * Does the jobs in `processes` processes, which take them in turn. Resolves when all processes have ended. Throws if one
 * of them fails, after the others have ended; what they did stays.
 */
export async function spread(
  jobs: readonly Job[],
  processes: number,
  { place, open }: Omit<Share, "jobs">,
  onJob: (job: Job) => void = () => {},
): Promise<void> {
  const built = import.meta.url.endsWith(".js");
  const worker = fileURLToPath(new URL(`./worker.${built ? "js" : "ts"}`, import.meta.url));
  const execArgv = built ? [] : ["--import", import.meta.resolve("tsx")];
  const shares = Array.from({ length: Math.min(processes, jobs.length) }, (_, k) =>
    jobs.filter((__, i) => i % processes === k),
  );
  const ended = shares.map(
    (own) =>
      new Promise<number | string>((resolve) => {
        const child = fork(worker, [JSON.stringify({ jobs: own, place, open } satisfies Share)], { execArgv });
        child.on("message", (job) => onJob(job as Job));
        child.on("error", ({ message }) => resolve(message));
        child.on("exit", (code, signal) => resolve(code ?? signal ?? 1));
      }),
  );
  const failed = (await Promise.all(ended)).filter((code) => code !== 0);
  if (failed.length === 0) return;
  const todo = "Run the same command again: what was done is kept";
  throw expected("reproduce", "processes that do their share", `${failed.length} that ended with ${failed[0]}`, todo);
}
