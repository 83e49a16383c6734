/** The result of a claim, as claims.json holds it. */
import type { Machine } from "../runs/together.ts";
import type { Scale } from "./claim.ts";
import type { Interval, Verdict } from "./verdict.ts";

/** One line of the findings. */
export interface Finding {
  readonly says: string;
  readonly quantity: string;
  readonly unit: string;
  /** Mean with its interval over seeds, or median with quartiles if it was measured outside of training. */
  readonly value: Interval;
  readonly atMost?: number | undefined;
  readonly atLeast?: number | undefined;
  readonly verdict: Verdict;
}

/** The means of one variant over the seeds. */
export interface VariantSummary {
  readonly variant: string;
  readonly seeds: number;
  readonly loss: number;
  /** Percentage points, or bits per character. */
  readonly score: number;
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
