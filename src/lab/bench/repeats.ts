/**
 * Repeats timings in fresh processes. Rounds of one process share what was decided when it began, such as where its
 * memory lies and what the compiler of the JavaScript engine made of it, so that their spread says too little: two
 * processes have differed by more than the quartiles of either.
 */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { TrisparseError } from "../../core/errors.ts";
import type { OpenOptions } from "../../node/open-device.ts";
import { type Interval, intervalOf } from "../statistics/interval.ts";
import type { StepCase, StepOptions, StepPlan } from "./step.ts";

/** What one process times, as plain data. */
export interface StepRepeat extends Omit<StepOptions, "patterns"> {
  readonly model: string;
  readonly plans: readonly StepPlan[];
  /** Names of patterns. */
  readonly patterns: readonly string[];
  /** The device that it opens. */
  readonly open: OpenOptions;
}

/** A case over several processes. */
export interface RepeatedStep extends StepCase {
  /** The median ratio dense / sparse of each process. */
  readonly ratios: readonly number[];
  /** Their mean, with its 95 % interval. */
  readonly speedUp: Interval;
  readonly verdict: SpeedVerdict;
}

/** Whether the interval of a speed-up lies beyond 1. */
export type SpeedVerdict = "faster" | "slower" | "undecided";

export function speedVerdict({ low, high }: Pick<Interval, "low" | "high">): SpeedVerdict {
  return low > 1 ? "faster" : high < 1 ? "slower" : "undecided";
}

/** Number of processes where nothing else is asked for: the least at which an interval is of use. */
export const REPEATS = 5;

/** Times the cases in `count` processes, one after the other, and returns what each found. */
export async function inProcesses(job: StepRepeat, count: number): Promise<readonly (readonly StepCase[])[]> {
  const found: StepCase[][] = [];
  for (let i = 0; i < count; i++) found.push(await inProcess(job));
  return found;
}

async function inProcess(job: StepRepeat): Promise<StepCase[]> {
  const built = import.meta.url.endsWith(".js");
  const worker = fileURLToPath(new URL(`./step-worker.${built ? "js" : "ts"}`, import.meta.url));
  const loader = built ? [] : ["--import", import.meta.resolve("tsx")];
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [...loader, worker, JSON.stringify(job)]);
    return JSON.parse(stdout) as StepCase[];
  } catch (error) {
    const { stderr, message } = error as { readonly stderr?: string } & Error;
    throw new TrisparseError(`bench step: expected a process that times ${job.model}, got ${stderr || message}`);
  }
}

/** Joins the cases that several processes found; times are those of the process in the middle. */
export function joined(repeats: readonly (readonly StepCase[])[]): RepeatedStep[] {
  return repeats[0].map((_, i) => {
    const own = repeats.map((cases) => cases[i]).sort((a, b) => a.ratio - b.ratio);
    const ratios = repeats.map((cases) => cases[i].ratio);
    const speedUp = intervalOf(ratios);
    return { ...own[Math.floor(own.length / 2)], ratios, speedUp, verdict: speedVerdict(speedUp) };
  });
}
