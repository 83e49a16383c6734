import { checkNumbers, checkSizes, requireOptions } from "../options.ts";
import type { Batches } from "./batches.ts";
import { BoxBatches } from "./box-batches.ts";
import type { Dataset } from "./dataset.ts";
import { type Augmentation, ImageBatches } from "./image-batches.ts";
import { TokenBatches } from "./token-batches.ts";

export interface BatchesOptions {
  /** Number of images, scenes or windows of a text in a step. */
  readonly batchSize: number;
  /** Seed of order, augmentation and windows. Default 0. */
  readonly seed?: number | undefined;
  /** Augmentation of images. Default: none. */
  readonly augment?: Augmentation | undefined;
  /** Number of characters in a window of a text. Default 128. */
  readonly context?: number | undefined;
}

/** Cuts a data set into batches, according to its kind. */
export function batchesOf(data: Dataset, options: BatchesOptions): Batches {
  requireOptions("batchesOf", options, { batchSize: true, seed: true, augment: true, context: true });
  const { batchSize, seed, augment, context = 128 } = options;
  checkSizes("batchesOf", { batchSize, context });
  if (seed !== undefined) checkNumbers("batchesOf", { seed }, { min: 0, max: 0xffffffff, integer: true });
  if (data.kind === "text") return new TokenBatches(data, { batchSize, seed, context });
  if (data.kind === "boxes") return new BoxBatches(data, { batchSize, seed });
  return new ImageBatches(data, { batchSize, seed, augment });
}
