/**
 * The contract of methods whose zeros have no pattern: any entry of a weight may be pruned. The weight itself holds the
 * zeros. Products skip them as compressed rows where that pays, else they multiply by them, and plans say "emulated".
 */

import type { F32 } from "../../../backend/memory.ts";
import type { Random } from "../../../random.ts";
import { type Define, definerOf } from "../define-method.ts";
import type { CurvedParameter, SampleGradients } from "../fisher/curvature.ts";
import type { Clock } from "../method.ts";

/** A weight whose zeros have no pattern, as a method sees it. */
export interface UnstructuredParameter extends CurvedParameter {
  /** Path of the weight, e.g. "fc1.weight". */
  readonly name: string;
  /** Shape [out, in], or [out, kernelHeight, kernelWidth, channels]. */
  readonly shape: readonly number[];
  /** The weight, with zeros where it is pruned. */
  readonly weight: F32;
  /** The gradient of this step. That of pruned entries is there only if the method `readsGradient`; else it is 0. */
  readonly gradient: F32;
  /** 1 for each entry that is kept, else 0; at first all entries are kept. */
  readonly maskBytes: Uint8Array;
  /**
   * Keeps these entries from now on. An entry that leaves becomes zero, and one that enters starts at zero. Moments are
   * cleared for all entries that were not kept both before and after.
   */
  keep(maskBytes: Uint8Array): void;
}

/** All weights of a run that are under one method. */
export interface UnstructuredParameters {
  readonly parameters: readonly UnstructuredParameter[];
  /** The generator of a step's draws. */
  random(step: number): Random;
  /** Remembers the present values of all parameters of the model. */
  remember(): void;
  /**
   * Brings the parameters back to the remembered values, except for entries that are pruned by now; moments are
   * cleared.
   */
  rewind(): void;
}

/** What a method does with the gradients of single samples. */
export interface SampleReader<Parameter> {
  /** Whether it reads those of this step's batch. */
  readsIn(clock: Pick<Clock, "step" | "steps">): boolean;
  /** Called in backward of such a step, before `update`, once for each product with the weight. */
  add(parameter: Parameter, gradients: SampleGradients): void;
}

/** A procedure without a pattern as a value; its only state are the masks and what it keeps with the parameters. */
export interface UnstructuredMethod {
  readonly name: string;
  /** Why a step of this method waits for the host, as for a WeightMethod. */
  readonly readsHost?: string;
  /** Steps at which the schedule of the learning rate starts anew. */
  restarts?(steps: number): readonly number[];
  /** Called before the first step. */
  begin?(all: UnstructuredParameters): void;
  /**
   * Whether `update` looks at the gradients of pruned entries in this step; in other steps they need not be computed.
   */
  readsGradient(clock: Pick<Clock, "step" | "steps">): boolean;
  /** Left out if it looks at no gradients of single samples. */
  readonly samples?: SampleReader<UnstructuredParameter>;
  /**
   * Called with the finished gradients, before the optimizer. If it returns "rest", the weights under it are not
   * updated in this step.
   */
  update(all: UnstructuredParameters, clock: Omit<Clock, "learningRates">): "step" | "rest";
}

export const defineUnstructuredMethod: Define<UnstructuredMethod> = definerOf();
