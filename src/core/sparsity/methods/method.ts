/** The contracts of methods: what a paper's procedure does to the sparse operand of a product. */

import type { TransposableSolver } from "../../backend/families/masks.ts";
import type { Geometry } from "../../backend/geometry.ts";
import type { Kernels } from "../../backend/kernels.ts";
import type { F32 } from "../../backend/memory.ts";
import type { Draw } from "../../random.ts";
import type { FixedMaskChoice } from "../../sparse/formats/fixed-mask.ts";
import type { PackedMatrix } from "../../sparse/formats/packed-matrix.ts";
import type { PackedTranspose } from "../../sparse/formats/packed-transpose.ts";
import type { Pattern } from "../../sparse/pattern.ts";

/** A weight that multiplies, as a method sees it: [rows, k], groups along k. */
export interface SparseParameter {
  /** Path of the weight, e.g. "fc1.weight". */
  readonly name: string;
  readonly rows: number;
  readonly k: number;
  /** Of the kernel's window; k = taps * channels. */
  readonly taps: number;
  /** Rows of the product's other operand in a step: samples, or their places; 0 before the first. */
  readonly positions: number;
  readonly kernels: Kernels;
  /** The weight as it is trained, dense; written by the optimizer, and by a method beside its step. */
  readonly weight: F32;
  /** Of the loss by what the products multiplied by; a method may write to it in onGradient. */
  readonly gradient: F32;
  /** N:M of the run, which must hold at its end. */
  readonly asked: Pattern;
  /** N:M of this moment: what is asked for, or what changePattern set. */
  readonly pattern: Pattern;
  /** What was chosen last, see sparse/mask.ts; meaningless before the first choice. */
  readonly mask: Uint32Array;
  /** Whether products are sparse at this moment. */
  readonly pruned: boolean;
  /** Numbers that a method keeps with this weight, zeros at first, by name; saved with the run. */
  state(name: string, length: number): F32;
  /** As memory, but not saved: for what is written before it is read. */
  scratch(name: string, length: number): F32;

  /** Chooses the mask anew by magnitude and packs the weight. From then on the parameter is sparse. */
  prune(): void;
  /** The same with soft thresholds, scaled by a factor that the first call chooses: see S-STE. */
  pruneSoftly(): void;
  /** As prune, with a mask that is N:M along the rows too. Throws where there is none. */
  pruneTransposable(solver: TransposableSolver): void;
  /** As prune, with a mask that the caller writes: exactly N:M. */
  pruneBy(choose: (mask: Uint32Array) => void): void;
  /** Packs the weight under the mask as it stands, or other values [rows, k] in its place. */
  repack(values?: F32): void;
  /** Makes the products dense, by these values [rows, k] in the place of the weight; until the parameter is pruned again. */
  multiplyBy(values: F32): void;
  /** The values [rows, k] of the last prune with zeros where it pruned. */
  readonly masked: F32;
  /** Another N:M for the choices to come, along the same axis; n may be m: then the weight stays dense. The last one set counts. */
  changePattern(pattern: Pattern): void;

  /** gradient += lambda * weight where the mask of the last forward is 0; done last, with or right before the update. */
  decayPruned(lambda: number): void;
  /** gradient = 0 where the mask is 0. */
  maskGradient(): void;
  /** weight = 0 where the mask is 0. */
  maskWeight(): void;
  /** The optimizer's moments are set to zero where the mask is 0, before its next step. */
  forgetPruned(): void;
}

/** Where a run is. */
export interface Clock {
  /** Steps taken, from 0. */
  readonly step: number;
  /** Steps of the whole run. */
  readonly steps: number;
  /** False in an evaluation before this step: it may pack, but begins no phase. */
  readonly training: boolean;
  /** The optimizer's learning rate at this step. */
  readonly learningRate: number;
}

/** The running variance of an optimizer that has one (Adam). */
export interface RunningVariance {
  /** What is added to its root. */
  readonly epsilon: number;
  /** Updates that it looks back: 1 / (1 - beta2). */
  readonly window: number;
  /** Mean of |v_t - v_(t-1)| in the last update, over a sample of the entries; NaN before. */
  readonly drift: number;
  /** The step before which it was frozen; null while it moves. */
  readonly frozenAt: number | null;
  /** Keeps it as it is from now on. */
  freeze(): void;
}

/** All weights of a run that are under one method. */
export interface SparseParameters {
  readonly parameters: readonly SparseParameter[];
  /** Null with an optimizer that has none. */
  readonly variance: RunningVariance | null;
  /** As that of a parameter. */
  state(name: string, length: number): F32;
}

/** A procedure as a value; it keeps no state but what the parameter keeps. */
export interface WeightMethod {
  readonly name: string;
  /** Whether a branch is trained beside each sparse 3x3 convolution that a batch norm follows: see SpRe. */
  readonly spatialBranches?: boolean;
  /** Why it has no masks of this pattern for a weight of so many rows, or undefined if it has; left out: it has all. */
  misfit?(pattern: Pattern, rows: number): string | undefined;
  /**
   * Why a step of it waits for the host: what it computes there of values that kernels wrote. A device whose reads come
   * later cannot run it. Left out: kernels do everything.
   */
  readonly readsHost?: string;
  /** Whether it works only with an optimizer that has a running variance. */
  readonly needsVariance?: boolean;
  /**
   * Before the first product with a weight that has changed; an evaluation before the step may have called it already.
   */
  beforeForward(parameter: SparseParameter, clock: Clock): void;
  /** On the finished gradient, after clipping, before the optimizer. */
  onGradient?(parameter: SparseParameter, clock: Clock): void;
  /** After the optimizer's step. */
  afterStep?(parameter: SparseParameter, clock: Clock): void;
  /** Once a step, behind afterStep of all of its weights. */
  afterStepOfAll?(all: SparseParameters, clock: Clock): void;
  /** The step before which channels are ordered so that pruning keeps more of them: see train/permute.ts. Left out: none. */
  permutesAt?(steps: number): number;
  /** Steps at which the schedule of the learning rate starts anew. */
  restarts?(steps: number): readonly number[];
}

/** What methods that make the operand of one product have. */
interface OfProduct {
  readonly name: string;
  /** As of a method for weights. */
  readonly readsHost?: string;
  /** Why it has no operand of this pattern, or undefined if it has; left out: it has all. */
  misfit?(pattern: Pattern): string | undefined;
}

/**
 * Makes the sparse operand of forward, y = x w^T, from the input of a layer whose weight stays dense in it: N:M along the
 * inputs, which it sums over.
 */
export interface ActivationMethod extends OfProduct {
  /** x [T, inputs], as rows is; writes its mask too. */
  pack(rows: PackedMatrix, x: F32): void;
}

/** Makes the sparse operand of inputGrad, dx = dy w: N:M along the outputs, which it sums over. */
export type InputGradMethod = OfWeight | OfGradientRows;

/** Packs the transpose of a weight. */
interface OfWeight extends OfProduct {
  readonly operand: "weight";
  /**
   * weight [outputs, taps, channels], dense; mask: what the forward product keeps of it, rows of taps * channels. What the
   * transpose holds, its choice and order, is there again at the next step and in a resumed run; a dense phase ends it.
   */
  pack(transpose: PackedTranspose, weight: F32, mask: Uint32Array, taps: number, draw: Draw): void;
}

interface OfGradientRows extends OfProduct {
  readonly operand: "gradient";
  /** gradient [T, outputs], as rows is. */
  pack(rows: PackedMatrix, gradient: F32, draw: Draw): void;
}

/** Makes the sparse operand of weightGrad, dw = dy^T x: N:M along the positions, which it sums over. */
export type WeightGradMethod = OfGradientColumns | OfActivations;

/** Packs the transpose of the gradient. */
interface OfGradientColumns extends OfProduct {
  readonly operand: "gradient";
  /** gradient [T, outputs]. */
  pack(transpose: PackedTranspose, gradient: F32, draw: Draw): void;
}

/** Keeps one of each two neighboring positions of the activations, whatever their values: nothing is packed. */
interface OfActivations extends OfProduct {
  readonly operand: "activations";
  readonly pattern: Pattern;
  /** Whether neighbors must be alike: then layers whose positions are samples stay dense. */
  readonly ofImages?: boolean;
  /** Which positions of x, the layer's input, and what takes the place of the others. */
  keep(x: F32, geometry: Geometry, draw: Draw): FixedMaskChoice;
}
