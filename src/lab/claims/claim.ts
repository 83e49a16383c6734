/** The contract of claims: a sentence of a source, what is run at which scale, and when it holds. */
import type { Dataset } from "../../core/data/dataset.ts";
import type { Device } from "../../core/tensor/device.ts";
import type { Recipe } from "../recipes/recipe.ts";
import type { RunResult } from "../runs/together.ts";

export const SCALES = ["smoke", "small", "full"] as const;
export type Scale = (typeof SCALES)[number];

/** Recipes by the name of a variant; one of them is called "dense". */
export type Variants = Readonly<Record<string, object>>;

/** A number of one run. */
export interface Quantity {
  readonly name: string;
  readonly unit: string;
  of(result: RunResult): number;
}

/**
 * What must be true of variants trained with the same seed: the sum of the quantity times these factors is at most, or at
 * least, a bound. { "sr-ste": 1, dense: -1 } is a difference to dense.
 */
export interface Contrast {
  readonly says: string;
  readonly quantity: Quantity;
  readonly sum: Readonly<Record<string, number>>;
  readonly atMost?: number;
  readonly atLeast?: number;
}

/**
 * What must be true of numbers that are measured apart from training, their median with its quartiles, or of what is found
 * over seeds: at most, or at least, a bound.
 */
export interface Measurement {
  readonly says: string;
  readonly name: string;
  readonly unit: string;
  /** Several measurements of the same thing. */
  measure(bench: Bench): Promise<readonly number[]>;
  /** They are one a seed: their mean with its 95 % interval counts, as in a contrast. */
  readonly overSeeds?: boolean;
  readonly atMost?: number;
  readonly atLeast?: number;
}

/** What measurements may use. */
export interface Bench {
  readonly scale: Scale;
  readonly threads: number;
  /** Runs of a variant that the user asked for. */
  readonly seeds: number;
  readonly device: Device;
  /** For a measurement that trains by itself: the whole recipe, and its data. */
  load(recipe: object): Promise<{ readonly recipe: Recipe; readonly data: Dataset }>;
  /** What `make` finds for a recipe, plain data. The folder keeps it, and a later call reads it there. */
  kept<T>(recipe: object, make: () => Promise<T>): Promise<T>;
  /** Median of dense / sparse step times of a model, rounds interleaved in one process. */
  stepSpeedUp(model: string, plan: string, pattern: string): number;
}

export interface Claim {
  /** As on the command line. */
  readonly name: string;
  /** Paper and section. */
  readonly source: string;
  /** What it says, in our words. */
  readonly sentence: string;
  /** What is run here for it, in words. */
  readonly run: string;
  variants(scale: Scale): Variants;
  readonly contrasts: readonly Contrast[];
  readonly measurements?: readonly Measurement[];
}
