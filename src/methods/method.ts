/** The contracts of methods: what a paper's procedure does to the sparse operand of a product. */
import type { F32 } from "../kernels/kernels.ts";
import type { Draw, PackedTranspose } from "../sparse/packed-transpose.ts";

/** A weight that multiplies, as a method sees it: [rows, k], groups along k. */
export interface WeightSite {
  /** Chooses the mask anew by magnitude and packs the weight. From then on the site is sparse. */
  prune(): void;
  /** Packs the weight under the mask as it stands. */
  repack(): void;
  /** Whether it was pruned before. */
  readonly pruned: boolean;
  /** gradient += lambda * weight where the mask of the last forward is 0; done last, with or right before the update. */
  decayPruned(lambda: number): void;
  /** gradient = 0 where the mask is 0. */
  maskGradient(): void;
  /** weight = 0 where the mask is 0. */
  maskWeight(): void;
}

/** Where a run is. */
export interface Clock {
  /** Steps taken, from 0. */
  readonly step: number;
  /** Steps of the whole run. */
  readonly steps: number;
}

/** A procedure as a value; it keeps no state but what the site keeps. */
export interface WeightMethod {
  readonly name: string;
  /** Before the first product with a weight that has changed. */
  beforeForward(site: WeightSite, clock: Clock): void;
  /** On the finished gradient, after clipping, before the optimiser. */
  onGradient?(site: WeightSite, clock: Clock): void;
  /** After the optimiser's step. */
  afterStep?(site: WeightSite, clock: Clock): void;
  /** Steps at which the schedule of the learning rate starts anew. */
  restarts?(steps: number): readonly number[];
}

/** A number that a method takes. */
export interface HyperParameter {
  readonly default: number;
  readonly min: number;
  readonly max: number;
  readonly about: string;
}

/** A line of the table of methods. */
export interface WeightMethodEntry {
  /** As in recipes and on the command line. */
  readonly name: string;
  /** As in tables. */
  readonly title: string;
  readonly about: string;
  /** Paper and section. */
  readonly source: string;
  /** False for the one that leaves weights dense. */
  readonly sparse: boolean;
  readonly hyperParameters: Readonly<Record<string, HyperParameter>>;
  /** Makes the method; values left out take their defaults. */
  make(values?: Readonly<Record<string, number>>): WeightMethod;
}

/** A line of the table of methods for inputGrad: packs the transpose of a weight, N:M along its outputs. */
export interface InputGradMethod {
  readonly name: string;
  readonly title: string;
  readonly about: string;
  readonly source: string;
  /** weight [outputs, taps, channels], dense; mask: what the forward product keeps of it, rows of taps * channels. */
  pack(transpose: PackedTranspose, weight: F32, mask: Uint32Array, taps: number): void;
}

/** A line of the table of methods for weightGrad: packs the transpose of the gradient, N:M along its positions. */
export interface WeightGradMethod {
  readonly name: string;
  readonly title: string;
  readonly about: string;
  readonly source: string;
  /** gradient [T, outputs]. */
  pack(transpose: PackedTranspose, gradient: F32, draw: Draw): void;
}
