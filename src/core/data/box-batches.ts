/**
 * Batches of scenes: the images of image-batches.ts, with the label and box that a detector should predict for each
 * cell.
 */
import { expected } from "../errors.ts";
import type { Device } from "../tensor/device.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type Batch, type Batches, type SplitName, splitOf } from "./batches.ts";
import { CELL, cellOf, offsetsOf } from "./cells.ts";
import type { BoxDataset, BoxedObject, BoxSplit } from "./dataset.ts";
import { ImageBatches } from "./image-batches.ts";

export class BoxBatches implements Batches {
  readonly kind = "boxes";
  readonly validates: boolean;
  readonly batchSize: number;
  readonly stepsPerEpoch: number;
  readonly #images: ImageBatches;
  readonly #data: BoxDataset;

  constructor(data: BoxDataset, options: { readonly batchSize: number; readonly seed?: number | undefined }) {
    const [height, width] = data.shape;
    if (height % CELL !== 0 || width % CELL !== 0) {
      throw expected("scenes", `sides that are multiples of ${CELL}`, `${width}x${height}`, "Pad the images");
    }
    const unlabeled = ({ count, images }: BoxSplit) => ({ count, images, labels: new Uint8Array(count) });
    const { train, validation, test } = data;
    this.#images = new ImageBatches(
      {
        ...{ shape: data.shape, mean: data.mean, std: data.std },
        ...{ train: unlabeled(train), test: unlabeled(test) },
        ...(validation === undefined ? {} : { validation: unlabeled(validation) }),
      },
      options,
    );
    this.validates = validation !== undefined;
    this.#data = data;
    this.batchSize = options.batchSize;
    this.stepsPerEpoch = this.#images.stepsPerEpoch;
  }

  training(device: Device, step: number): Batch {
    const { objects } = this.#data.train;
    const { x } = this.#images.training(device, step);
    return this.#withBoxes(
      x,
      Array.from(this.#images.imagesOf(step), (image) => objects[image]),
    );
  }

  parts(split: SplitName): number {
    return this.#images.parts(split);
  }

  part(device: Device, split: SplitName, part: number): Batch {
    const { x } = this.#images.part(device, split, part);
    return this.#withBoxes(x, splitOf<BoxSplit>(this.#data, split).objects.slice(...this.#images.partOf(split, part)));
  }

  /**
   * Adds labels and boxes. Cells without an object have the label `classes`; of two objects in one cell the smaller one
   * counts.
   */
  #withBoxes(x: Tensor, objects: readonly (readonly BoxedObject[])[]): Batch {
    const { shape, classes } = this.#data;
    const [rows, columns] = [shape[0] / CELL, shape[1] / CELL];
    const labels = x.device.integers(objects.length * rows * columns).fill(classes);
    const offsets = x.device.buffer(4 * labels.length).fill(0);
    objects.forEach((list, image) => {
      for (const { label, box } of [...list].sort((a, b) => areaOf(b) - areaOf(a))) {
        const [row, column] = cellOf(box);
        const cell = (image * rows + row) * columns + column;
        labels[cell] = label;
        offsets.set(offsetsOf(box, row, column), 4 * cell);
      }
    });
    return { x, labels, boxes: { offsets, objects } };
  }
}

function areaOf({ box: [left, top, right, bottom] }: BoxedObject): number {
  return (right - left) * (bottom - top);
}
