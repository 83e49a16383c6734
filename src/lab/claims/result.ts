/** What became of a claim, as claims.json holds it. */
import type { Machine } from "../runs/together.ts";
import type { Scale } from "./claim.ts";
import type { Interval, Verdict } from "./verdict.ts";

/** One line of what was found. */
export interface Finding {
  readonly says: string;
  readonly quantity: string;
  readonly unit: string;
  /** Mean with its interval over seeds, or median with quartiles of what is measured apart from them. */
  readonly value: Interval;
  readonly atMost?: number | undefined;
  readonly atLeast?: number | undefined;
  readonly verdict: Verdict;
}

/** Of one variant: its mean over the seeds. */
export interface VariantSummary {
  readonly variant: string;
  readonly seeds: number;
  readonly loss: number;
  /** Points of a hundred, or bits per character. */
  readonly score: number;
  /** Folders of its runs, below that of the reproduction. */
  readonly runs: readonly string[];
}

export interface ClaimResult {
  readonly name: string;
  readonly source: string;
  readonly sentence: string;
  readonly run: string;
  readonly scale: Scale;
  /** Runs of each variant, and where they ran: calls that share a folder may differ in both. */
  readonly seeds: number;
  readonly machine: Machine;
  readonly verdict: Verdict | "failed";
  /** Why it failed. */
  readonly error: string | null;
  readonly findings: readonly Finding[];
  readonly variants: readonly VariantSummary[];
}
