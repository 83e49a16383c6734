/**
 * Optimizers as transforms of gradients. A chain runs from the raw gradients to the step itself:
 * chain(clipByGlobalNorm(1), adamW({ learningRate: 1e-3 })). Everything happens in place; the last transform, and only
 * it, writes to the weights.
 */

import type { PrunedDecay } from "../backend/families/optimizers.ts";
import type { F32 } from "../backend/memory.ts";
import { expected } from "../errors.ts";
import type { Parameter } from "../tensor/tensor.ts";

/** Arrays that a transform keeps for one parameter, by name; they are saved with a checkpoint. */
export type OptimizerState = Readonly<Record<string, F32>>;

export type { PrunedDecay };

/** A parameter that has a gradient at this step, with the state of the chain. */
export interface Slot {
  readonly parameter: Parameter;
  readonly state: OptimizerState;
  /** Decay of the pruned weights; given only to a transform that says `decaysPruned`. */
  readonly prunedDecay?: PrunedDecay;
}

/**
 * Sets the moments of a parameter [rows, k] to zero where the mask is 0, so that pruned weights that come back start
 * anew.
 */
export function forgetPruned({ parameter, state }: Slot, mask: Uint32Array, rows: number, k: number): void {
  for (const array of Object.values(state)) {
    if (array.length === parameter.size) parameter.device.kernels.applyMask(array, mask, rows, k);
  }
}

/** The running variance of Adam, which STEP in methods/weights reads and freezes. */
export interface RunningVariance {
  /** Number that Adam adds to the root of the variance. */
  readonly epsilon: number;
  /** Number of updates that the variance looks back: 1 / (1 - beta2). */
  readonly window: number;
  /**
   * Begins a run, in which only the variance of these parameters is looked at and frozen. It forgets a run before, or a
   * transform that has served another session would begin frozen.
   */
  begin(parameters: ReadonlySet<Parameter>): void;
  /**
   * Mean of |v_t - v_(t-1)| in the last update, over a sample of the entries; NaN before the first update and while
   * `watched` is false.
   */
  readonly drift: number;
  /** Whether to compute the drift, which costs a pass over the sample. */
  watched: boolean;
  /** Number of updates after which the variance was frozen; null while it still changes. */
  frozenAt: number | null;
}

export interface Transform {
  readonly name: string;
  /** Whether it writes to the weights, which only the last transform of a chain does. */
  readonly applies: boolean;
  /**
   * Whether it applies a slot's prunedDecay in its own pass; for other transforms the decay is a pass before theirs.
   */
  readonly decaysPruned?: boolean;
  /** The learning rate of a step, if the transform has one. */
  learningRate?(step: number): number;
  readonly variance?: RunningVariance;
  /** Zeroed arrays for one parameter; their names are unique within a chain. */
  init(parameter: Parameter): OptimizerState;
  /** Runs the transform; `step` counts from 0, and `slots` leaves out parameters without a gradient. */
  update(slots: readonly Slot[], step: number): void;
}

/** Runs transforms in order. Throws unless exactly the last one applies the step. */
export function chain(...transforms: readonly Transform[]): Transform {
  const names = transforms.map(({ name }) => name).join(", ");
  transforms.forEach(({ name, applies }, i) => {
    if (applies !== (i === transforms.length - 1)) {
      throw expected(
        `chain(${names})`,
        "one transform that applies the step (sgd, adamW), at the end",
        applies ? `${name} before the end` : `${name} at the end`,
        "Put clipping and the like first and the optimizer last",
      );
    }
  });
  if (transforms.length === 0) throw expected("chain", "at least one transform", "none", "End it with sgd or adamW");
  const last = transforms[transforms.length - 1];
  return {
    // what methods ask of an optimizer: its rate, its variance, whether it decays pruned weights itself
    ...last,
    name: `chain(${names})`,
    applies: true,
    init: (parameter) => {
      const state: Record<string, F32> = {};
      for (const transform of transforms) {
        for (const [key, array] of Object.entries(transform.init(parameter))) {
          if (key in state)
            throw expected(`chain(${names})`, "states of different names", `${key} twice`, "Rename one");
          state[key] = array;
        }
      }
      return state;
    },
    update: (slots, step) => {
      for (const transform of transforms) transform.update(slots, step);
    },
  };
}
