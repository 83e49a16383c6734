/**
 * The contract of methods whose zeros have no pattern: any entry of a weight may be pruned. The weight itself holds the
 * zeros. Products skip them as compressed rows where that pays, else they multiply by them, and plans say "emulated".
 */

import type { Kernels } from "../../../backend/kernels.ts";
import type { F32 } from "../../../backend/memory.ts";
import type { Random } from "../../../random.ts";
import { type Define, definerOf } from "../define-method.ts";
import type { Clock } from "../method.ts";

/** A weight whose zeros have no pattern, as a method sees it. */
export interface UnstructuredParameter {
  /** Path of the weight, e.g. "fc1.weight". */
  readonly name: string;
  /** [out, in], or [out, kernelHeight, kernelWidth, channels]. */
  readonly shape: readonly number[];
  readonly rows: number;
  readonly k: number;
  readonly kernels: Kernels;
  /** Zero where it is pruned. */
  readonly weight: F32;
  /** Of this step; pruned entries have theirs only where the method `readsGradient`, else 0. */
  readonly gradient: F32;
  /** 1 for each entry that is kept, else 0; all are at first. */
  readonly maskBytes: Uint8Array;
  /**
   * From now on these are kept. What leaves becomes zero, and what enters starts there; moments are cleared wherever it was
   * not kept before and after.
   */
  keep(maskBytes: Uint8Array): void;
}

/** All weights of a run that are under one method. */
export interface UnstructuredParameters {
  readonly parameters: readonly UnstructuredParameter[];
  /** The draws of a step. */
  random(step: number): Random;
  /** Notes all parameters of the model as they are. */
  remember(): void;
  /** Brings the parameters back to what was noted, but for what is pruned by now; moments are cleared. */
  rewind(): void;
}

/** A procedure as a value; it keeps no state but masks. */
export interface UnstructuredMethod {
  readonly name: string;
  /** As of a method for weights. */
  readonly readsHost?: string;
  /** Steps at which the schedule of the learning rate starts anew. */
  restarts?(steps: number): readonly number[];
  /** Before the first step. */
  begin?(all: UnstructuredParameters): void;
  /** Whether `update` looks at the gradients of pruned entries in this step; in others they need not be computed. */
  readsGradient(clock: Pick<Clock, "step" | "steps">): boolean;
  /** On the finished gradients, before the optimizer. "rest": the weights under it are not stepped this time. */
  update(all: UnstructuredParameters, clock: Clock): "step" | "rest";
}

export const defineUnstructuredMethod: Define<UnstructuredMethod> = definerOf();
