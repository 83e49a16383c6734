/**
 * The contract of claims: a sentence of a source, what is run at which scale, and the conditions under which it holds.
 */
import type { Dataset } from "../../core/data/dataset.ts";
import type { Device } from "../../core/tensor/device.ts";
import type { Recipe } from "../recipes/recipe.ts";
import type { RunResult } from "../runs/together.ts";

export const SCALES = ["smoke", "small", "full"] as const;
export type Scale = (typeof SCALES)[number];

/** Recipes by the name of a variant; one of them is called "dense". */
export type Variants = Readonly<Record<string, object>>;

/** A number that is measured in one run. */
export interface Quantity {
  readonly name: string;
  readonly unit: string;
  of(result: RunResult): number;
}

/**
 * A condition on variants that are trained with the same seed: the sum of the quantity times these factors is at most,
 * or at least, a bound. { "sr-ste": 1, dense: -1 } is the difference from dense.
 */
export interface Contrast {
  readonly says: string;
  readonly quantity: Quantity;
  readonly sum: Readonly<Record<string, number>>;
  readonly atMost?: number;
  readonly atLeast?: number;
}

/** A condition on the mean of numbers that are measured outside of training: it is at most, or at least, a bound. */
export interface Measurement {
  readonly says: string;
  readonly name: string;
  readonly unit: string;
  /** Measures the same thing several times: once a seed, or in several processes. */
  measure(bench: Bench): Promise<readonly number[]>;
  readonly atMost?: number;
  readonly atLeast?: number;
}

/** The tools that measurements may use. */
export interface Bench {
  readonly scale: Scale;
  readonly threads: number;
  /** The seeds of its runs: all that the user asked for, or those of one process. */
  readonly seeds: readonly number[];
  readonly device: Device;
  /** Loads the complete recipe and its data, for a measurement that trains by itself. */
  load(recipe: object): Promise<{ readonly recipe: Recipe; readonly data: Dataset }>;
  /** The plain data that `make` finds for a recipe. The folder keeps it, and a later call reads it there. */
  kept<T>(recipe: object, make: () => Promise<T>): Promise<T>;
  /**
   * Dense / sparse step times of a model, for each of several processes and each pattern: medians of rounds in turn.
   */
  stepSpeedUps(model: string, plan: string, patterns: readonly string[]): Promise<readonly (readonly number[])[]>;
}

/** Trainings within measurements; see trials.ts. */
export interface Trials {
  readonly recipes: Readonly<Record<Scale, object>>;
  /** How many times the recipe is trained in a trial, about: for estimates of time. */
  readonly trainings: number;
  /** Does what is left of the trials of the seeds of `bench`; the folder keeps what they found. */
  finish(bench: Bench): Promise<unknown>;
}

export interface Claim {
  /** Name on the command line. */
  readonly name: string;
  /** Paper and section. */
  readonly source: string;
  /** The claim, in our words. */
  readonly sentence: string;
  /** What is run here for it, in words. */
  readonly run: string;
  variants(scale: Scale): Variants;
  readonly contrasts: readonly Contrast[];
  /** For a claim that trains within its measurements: what it trains once a seed. */
  readonly trials?: Trials;
  readonly measurements?: readonly Measurement[];
}
