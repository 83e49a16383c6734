/** The contracts of methods: a method is what a paper's procedure does to the sparse operand of a product. */

import type { TransposableSolver } from "../../backend/families/masks.ts";
import type { Geometry } from "../../backend/geometry.ts";
import type { Kernels } from "../../backend/kernels.ts";
import type { F32 } from "../../backend/memory.ts";
import type { Draw } from "../../random.ts";
import type { FixedMaskChoice } from "../../sparse/formats/fixed-mask.ts";
import type { PackedMatrix } from "../../sparse/formats/packed-matrix.ts";
import type { PackedTranspose } from "../../sparse/formats/packed-transpose.ts";
import type { Pattern } from "../../sparse/pattern.ts";

/** A weight that multiplies, as a method sees it: [rows, k], with groups along k. */
export interface SparseParameter {
  /** Path of the weight, e.g. "fc1.weight". */
  readonly name: string;
  readonly rows: number;
  readonly k: number;
  /** Number of places of the kernel's window; k = taps * channels. */
  readonly taps: number;
  /** Number of rows of the product's other operand in a step: samples, or their places; 0 before the first step. */
  readonly positions: number;
  readonly kernels: Kernels;
  /**
   * The dense weight that is trained. The optimizer writes it, and a method may write it outside of the optimizer's
   * step.
   */
  readonly weight: F32;
  /** Gradient of the loss by the values that the products multiplied by; a method may write to it in onGradient. */
  readonly gradient: F32;
  /** The N:M pattern of the run, which must hold at its end. */
  readonly asked: Pattern;
  /** The present N:M pattern: `asked`, or the one that changePattern set. */
  readonly pattern: Pattern;
  /** The mask that was chosen last, see sparse/mask.ts; it has no meaning before the first choice. */
  readonly mask: Uint32Array;
  /** Whether products are sparse at present. */
  readonly pruned: boolean;
  /** An array of numbers that a method keeps with this weight, by name. It is zero at first and saved with the run. */
  state(name: string, length: number): F32;
  /** An array like those of `state`, but not saved, for values that are written before they are read. */
  scratch(name: string, length: number): F32;

  /** Chooses the mask anew by magnitude and packs the weight. From then on the parameter is sparse. */
  prune(): void;
  /** Prunes with soft thresholds, scaled by a factor that the first call chooses: see S-STE. */
  pruneSoftly(): void;
  /** Prunes with a mask that is N:M along the rows too. Throws if there is none. */
  pruneTransposable(solver: TransposableSolver): void;
  /** Prunes with a mask that the caller writes, which must be exactly N:M. */
  pruneBy(choose: (mask: Uint32Array) => void): void;
  /** Packs the weight, or other values [rows, k] in its place, under the present mask. */
  repack(values?: F32): void;
  /**
   * Makes the products dense, with these values [rows, k] in place of the weight, until the parameter is pruned again.
   */
  multiplyBy(values: F32): void;
  /** The values [rows, k] of the last prune, with zeros where it pruned. */
  readonly masked: F32;
  /**
   * Sets another N:M for the next choices, along the same axis; if n is m, the weight stays dense. The last one set
   * counts.
   */
  changePattern(pattern: Pattern): void;

  /**
   * Adds lambda * weight to the gradient where the mask of the last forward is 0. It is done last, with or right before
   * the update.
   */
  decayPruned(lambda: number): void;
  /** Sets the gradient to 0 where the mask is 0. */
  maskGradient(): void;
  /** Sets the weight to 0 where the mask is 0. */
  maskWeight(): void;
  /** Sets the optimizer's moments to zero where the mask is 0, before its next step. */
  forgetPruned(): void;
}

/** The progress of a run. */
export interface Clock {
  /** Number of steps taken, from 0. */
  readonly step: number;
  /** Number of steps of the whole run. */
  readonly steps: number;
  /** False in an evaluation before this step, which may pack but begins no phase. */
  readonly training: boolean;
  /** The optimizer's learning rate at this step. */
  readonly learningRate: number;
  /** Sum of the learning rates of all steps of the run. */
  readonly learningRates: number;
}

/** The running variance of an optimizer that has one (Adam), for the weights whose method needs it. */
export interface RunningVariance {
  /** Number that the optimizer adds to the root of the variance. */
  readonly epsilon: number;
  /** Number of updates that the variance looks back: 1 / (1 - beta2). */
  readonly window: number;
  /** Mean of |v_t - v_(t-1)| in the last update, over a sample of the entries; NaN before. */
  readonly drift: number;
  /** The step before which it was frozen; null while it still changes. */
  readonly frozenAt: number | null;
  /** Keeps the variance constant from now on. */
  freeze(): void;
}

/** All weights of a run that are under one method. */
export interface SparseParameters {
  readonly parameters: readonly SparseParameter[];
  /** The running variance of the optimizer; null if it has none. */
  readonly variance: RunningVariance | null;
  /** An array like `state` of a parameter, but kept once for all. */
  state(name: string, length: number): F32;
}

/** A procedure for sparse weights as a value; its only state is that which the parameters keep. */
export interface WeightMethod {
  readonly name: string;
  /** Whether a branch is trained beside each sparse 3x3 convolution that a batch norm follows: see SpRe. */
  readonly spatialBranches?: boolean;
  /** Whether it leaves the choice in each group to the parameter, which knows shorter groups too. Default false. */
  readonly shortGroups?: boolean;
  /**
   * Why it has no masks of this pattern for a weight with this number of rows; undefined if it has. Left out if it has
   * all.
   */
  misfit?(pattern: Pattern, rows: number): string | undefined;
  /**
   * Why a step of this method waits for the host, which computes with values that kernels wrote. A device whose reads
   * come later cannot run it. Left out if kernels do everything.
   */
  readonly readsHost?: string;
  /** Whether it works only with an optimizer that has a running variance. */
  readonly needsVariance?: boolean;
  /**
   * Called before the first product with a weight that has changed; an evaluation before the step may have called it
   * already.
   */
  beforeForward(parameter: SparseParameter, clock: Clock): void;
  /** Called with the finished gradient, after clipping, before the optimizer. */
  onGradient?(parameter: SparseParameter, clock: Clock): void;
  /** Called after the optimizer's step. */
  afterStep?(parameter: SparseParameter, clock: Clock): void;
  /** Called once a step, after afterStep of all of its weights. */
  afterStepOfAll?(all: SparseParameters, clock: Clock): void;
  /**
   * The step before which channels are ordered so that pruning keeps more of them: see sparsity/permute.ts. Left out if
   * there is none.
   */
  permutesAt?(steps: number): number;
  /** Steps at which the schedule of the learning rate starts anew. */
  restarts?(steps: number): readonly number[];
}

/** The common part of methods that make the operand of one product. */
interface OfProduct {
  readonly name: string;
  /** Why a step of this method waits for the host, as for a WeightMethod. */
  readonly readsHost?: string;
  /** Why it has no operand of this pattern; undefined if it has. Left out if it has all. */
  misfit?(pattern: Pattern): string | undefined;
}

/**
 * Makes the sparse operand of forward, y = x w^T, from the input of a layer whose weight stays dense. It is N:M along
 * the inputs, which forward sums over.
 */
export interface ActivationMethod extends OfProduct {
  /** Packs x [T, inputs] to `rows`, which has the same shape, and writes its mask. */
  pack(rows: PackedMatrix, x: F32): void;
}

/** Makes the sparse operand of inputGrad, dx = dy w. It is N:M along the outputs, which inputGrad sums over. */
export type InputGradMethod = OfWeight | OfWeightCopy | OfGradientRows;

/** A method that packs the transpose of a weight. */
interface OfWeight extends OfProduct {
  readonly operand: "weight";
  /** Whether its choice is that of the transpose alone, which then may have shorter groups. Default false. */
  readonly shortGroups?: boolean;
  /**
   * Packs `weight` [outputs, taps, channels], which is dense; `mask` has the entries that the forward product keeps of
   * it, in rows of taps * channels. The choice and order that the transpose holds are still there at the next step and
   * in a resumed run; a dense phase ends them.
   */
  pack(transpose: PackedTranspose, weight: F32, mask: Uint32Array, taps: number, draw: Draw): void;
}

/**
 * A method that prunes the weight in groups that do not run along the outputs, so that there is no pack: inputGrad
 * multiplies by a copy with zeros.
 */
interface OfWeightCopy extends OfProduct {
  readonly operand: "weight";
  /** Why no kernel skips its zeros. */
  readonly emulatedOnly: string;
  /**
   * Writes `weight` [outputs, taps, channels] to `copy`, with zeros in place of what forward's `mask` or this method
   * prunes. M^2 divides the number of weights.
   */
  prune(copy: F32, weight: F32, mask: Uint32Array, shape: WeightShape, pattern: Pattern): void;
}

/** A weight is [outputs, taps, channels]; a linear layer has one tap. */
export interface WeightShape {
  readonly outputs: number;
  readonly taps: number;
  readonly channels: number;
}

interface OfGradientRows extends OfProduct {
  readonly operand: "gradient";
  /** Packs gradient [T, outputs] to `rows`, which has the same shape. */
  pack(rows: PackedMatrix, gradient: F32, draw: Draw): void;
}

/** Makes the sparse operand of weightGrad, dw = dy^T x. It is N:M along the positions, which weightGrad sums over. */
export type WeightGradMethod = OfGradientColumns | OfActivations;

/** A method that packs the transpose of the gradient. */
interface OfGradientColumns extends OfProduct {
  readonly operand: "gradient";
  /** Packs the transpose of gradient [T, outputs]. */
  pack(transpose: PackedTranspose, gradient: F32, draw: Draw): void;
}

/**
 * A method that keeps half of the positions of the activations, or of each of their entries, whatever their values;
 * nothing is packed.
 */
interface OfActivations extends OfProduct {
  readonly operand: "activations";
  readonly pattern: Pattern;
  /** Whether neighbors must be similar; layers whose positions are samples then stay dense. */
  readonly ofImages?: boolean;
  /** The mask by which the product is timed: the slowest that it may choose. Default 0. */
  readonly timedMask?: number;
  /** Chooses which positions of x, the layer's input, are kept, and what replaces the others. */
  keep(x: F32, geometry: Geometry, draw: Draw): FixedMaskChoice;
}
