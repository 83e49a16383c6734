/** The batches that a run asks for, whatever kind of data they hold. */

import type { F32 } from "../backend/memory.ts";
import { expected } from "../errors.ts";
import type { Device } from "../tensor/device.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { BoxedObject, Task } from "./dataset.ts";

/** One batch; its tensors belong to the step in which it was made, like all tensors. */
export interface Batch {
  /** Images or scenes [b, height, width, channels], normalized; or text [b, context], tokens as whole numbers. */
  readonly x: Tensor;
  /**
   * The right answers: a class for each image, the next character for each place of a text, or the class of each cell
   * of a scene.
   */
  readonly labels: Int32Array;
  /** The boxes of scenes; only batches of scenes have them. */
  readonly boxes?: BoxTargets;
}

/** The positions of the objects of scenes. */
export interface BoxTargets {
  /** Offsets of the boxes, [cells, 4] (see cells.ts); zeros in cells without an object. */
  readonly offsets: F32;
  /** The objects of each image. */
  readonly objects: readonly (readonly BoxedObject[])[];
}

/** A data set has a validation split only where one was held back. */
export type SplitName = "train" | "validation" | "test";

/** The split of this name. Throws if there is none. */
export function splitOf<T>(splits: Partial<Readonly<Record<SplitName, T>>>, name: SplitName): T {
  const split = splits[name];
  if (split !== undefined) return split;
  throw expected("data", `a ${name} split`, "none", "Set data.validation.fraction, such as 0.1");
}

/** The batches of one data set, all of one size. */
export interface Batches {
  readonly kind: Task["kind"];
  /** Whether there is a validation split. */
  readonly validates: boolean;
  /** Number of images, scenes or windows of a text in a step. */
  readonly batchSize: number;
  /** Number of steps that see about as much as the training split holds. */
  readonly stepsPerEpoch: number;
  /**
   * The batch of a training step (0, 1, ...). It is a pure function of seed and step, so that any step can be replayed.
   */
  training(device: Device, step: number): Batch;
  /** Number of parts of a split; each part is a batch to evaluate on. */
  parts(split: SplitName): number;
  /** Part 0, 1, ... of a split. Together they hold all of it, each image or character once, unchanged and in order. */
  part(device: Device, split: SplitName, part: number): Batch;
}
