/** What a run asks of its data, whatever they are of. */

import type { F32 } from "../backend/memory.ts";
import type { Device } from "../tensor/device.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { BoxedObject, Task } from "./dataset.ts";

/** Of the scope it was made in, as all tensors. */
export interface Batch {
  /** Images or scenes [b, height, width, channels], normalized; of text [b, context], tokens as whole numbers. */
  readonly x: Tensor;
  /** What is to be named: a class an image, the next character at each place of a text, what each cell of a scene holds. */
  readonly labels: Int32Array;
  /** Of scenes. */
  readonly boxes?: BoxTargets;
}

/** Where the objects of scenes are. */
export interface BoxTargets {
  /** [cells, 4]: see cells.ts; zeros in cells without an object. */
  readonly offsets: F32;
  /** Those of each image. */
  readonly objects: readonly (readonly BoxedObject[])[];
}

export type SplitName = "train" | "test";

/** The batches of one data set, of one size. */
export interface Batches {
  readonly kind: Task["kind"];
  /** Images, scenes or windows of a text, a step. */
  readonly batchSize: number;
  /** Steps that see about as much as the training split holds. */
  readonly stepsPerEpoch: number;
  /** The batch of a training step (0, 1, ...): a pure function of seed and step, so that any step can be replayed. */
  training(device: Device, step: number): Batch;
  /** How many parts a split has, each a batch to evaluate on. */
  parts(split: SplitName): number;
  /** Part 0, 1, ...: together all of the split, each image or character once, as they are and in order. */
  part(device: Device, split: SplitName, part: number): Batch;
}
