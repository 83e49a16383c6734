/** Batches as tensors of a device. */
import type { Device } from "../tensor/device.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { Batches } from "./batches.ts";
import type { Split } from "./dataset.ts";

/** x [b, height, width, channels], normalised; labels [b]. Of the scope they were made in, as all tensors. */
export interface LabelledImages {
  readonly x: Tensor;
  readonly labels: Int32Array;
}

/** Training batch `step`, shuffled and augmented. */
export function trainingBatch(device: Device, batches: Batches, step: number): LabelledImages {
  return fill(device, batches, batches.batch, (pixels, labels) => batches.fill(step, pixels, labels));
}

/** Images from..to-1 of a split, in order. */
export function imageRange(device: Device, batches: Batches, split: Split, from: number, to: number): LabelledImages {
  return fill(device, batches, to - from, (pixels, labels) => batches.fillRange(split, from, to, pixels, labels));
}

function fill(
  device: Device,
  { shape }: Batches,
  count: number,
  write: (pixels: Float32Array, labels: Int32Array) => void,
): LabelledImages {
  const pixels = device.buffer(count * shape[0] * shape[1] * shape[2]);
  const labels = device.integers(count);
  write(pixels, labels);
  return { x: new Tensor(device, [count, ...shape], pixels), labels };
}
