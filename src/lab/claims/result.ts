/** The result of a claim, as claims.json holds it. */
import type { Machine } from "../runs/together.ts";
import type { Interval } from "../statistics/interval.ts";
import type { Scale } from "./claim.ts";
import type { Verdict } from "./verdict.ts";

/** One line of the findings. */
export interface Finding {
  readonly says: string;
  readonly quantity: string;
  readonly unit: string;
  /** What it was for each seed, or in each process. */
  readonly values: readonly number[];
  /** Their mean with its 95 % interval. */
  readonly value: Interval;
  /** Two-sided p value of the verdict, adjusted by Holm for the number of findings of the claim. */
  readonly p: number;
  readonly atMost?: number | undefined;
  readonly atLeast?: number | undefined;
  readonly verdict: Verdict;
}

/** One variant over the seeds: means, and the values of each seed in the order of the seeds. */
export interface VariantSummary {
  readonly variant: string;
  readonly seeds: number;
  readonly loss: number;
  readonly losses: readonly number[];
  /** Percentage points, or bits per character. */
  readonly score: number;
  readonly scores: readonly number[];
  /** Folders of its runs, relative to that of the reproduction. */
  readonly runs: readonly string[];
}

export interface ClaimResult {
  readonly name: string;
  readonly source: string;
  readonly sentence: string;
  readonly run: string;
  readonly scale: Scale;
  /** Number of runs of each variant, and the machine: calls that share a folder may differ in both. */
  readonly seeds: number;
  readonly machine: Machine;
  readonly verdict: Verdict | "failed";
  /** Why it failed; null if it did not. */
  readonly error: string | null;
  readonly findings: readonly Finding[];
  readonly variants: readonly VariantSummary[];
}
