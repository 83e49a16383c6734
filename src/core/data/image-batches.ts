/**
 * Normalized batches of images: shuffled ones to train on, plain ranges to evaluate on. A batch is a pure function of
 * (seed, step): nothing is remembered but a cached order, so any step can be replayed.
 * b: images in a batch; h, w, c as in dataset.ts; x: [b, h * w * c] channels-last, (pixel / 255 - mean) / std of its
 * channel.
 */

import { expected } from "../errors.ts";
import { philox, Random } from "../random.ts";
import type { Device } from "../tensor/device.ts";
import { Tensor } from "../tensor/tensor.ts";
import { type Batch, type Batches, type SplitName, splitOf } from "./batches.ts";
import type { ImageDataset, Split } from "./dataset.ts";

/** Random changes of a training image. */
export interface Augmentation {
  /** Whether to mirror half of the images left to right. */
  readonly flip: boolean;
  /**
   * Pixels of zeros added on each side (after normalization), before the original size is cropped anywhere; 0 is off.
   */
  readonly pad: number;
}

/** The usual augmentation for CIFAR-10. */
export const flipAndCrop: Augmentation = { flip: true, pad: 4 };

/** How to cut a training split into batches. */
export interface ImageBatchOptions {
  /** Number of images in a batch. */
  readonly batchSize: number;
  /** Seed of order and augmentation. Default 0. */
  readonly seed?: number | undefined;
  /** Augmentation of training images. Default: none. */
  readonly augment?: Augmentation | undefined;
}

// Streams that no other part draws from ("shuf", "augm"). The epoch moves the stream, not the seed: with seed + epoch,
// runs of neighboring seeds would see the same orders one epoch apart.
const SHUFFLE_STREAM = 0x73687566;
const AUGMENT_STREAM = 0x6175676d;

/** Number of images in a part of an evaluation. */
const PART = 500;

/** The batches of a data set of images. Step s is batch s mod stepsPerEpoch of epoch floor(s / stepsPerEpoch). */
export class ImageBatches implements Batches {
  readonly kind = "images";
  readonly validates: boolean;
  readonly batchSize: number;
  /** Number of whole batches in an epoch; the remaining images are dropped, different ones in each epoch. */
  readonly stepsPerEpoch: number;
  readonly #splits: Pick<ImageDataset, SplitName>;
  /** Height, width, channels of an image. */
  readonly shape: ImageDataset["shape"];
  readonly #seed: number;
  readonly #augment: Augmentation;
  // Per channel, (pixel / 255 - mean) / std = pixel * scale + shift; measured 2.5 times as fast as a table of 256
  // values.
  readonly #scale: readonly number[];
  readonly #shift: readonly number[];
  #epoch = -1;
  #order: Uint32Array = new Uint32Array(0);
  readonly #words: Uint32Array = new Uint32Array(4);

  constructor(data: Pick<ImageDataset, SplitName | "shape" | "mean" | "std">, options: ImageBatchOptions) {
    const { batchSize, seed = 0, augment = { flip: false, pad: 0 } } = options;
    if (!Number.isInteger(batchSize) || batchSize < 1 || batchSize > data.train.count) {
      throw expected(
        "batchSize",
        `a whole number in 1..${data.train.count} (the training images)`,
        String(batchSize),
        "Choose a smaller batch or load more images",
      );
    }
    if (!Number.isInteger(augment.pad) || augment.pad < 0) {
      throw expected("augment.pad", "a whole number of pixels, 0 or more", String(augment.pad), "Use 4 for CIFAR-10");
    }
    this.batchSize = batchSize;
    this.validates = data.validation !== undefined;
    this.stepsPerEpoch = Math.floor(data.train.count / batchSize);
    this.#splits = data;
    this.shape = data.shape;
    this.#seed = seed;
    this.#augment = augment;
    this.#scale = data.std.map((std) => 1 / (255 * std));
    this.#shift = data.mean.map((mean, channel) => -mean / data.std[channel]);
  }

  training(device: Device, step: number): Batch {
    return this.#batch(device, this.batchSize, (pixels, labels) => this.fill(step, pixels, labels));
  }

  parts(split: SplitName): number {
    return Math.ceil(splitOf(this.#splits, split).count / PART);
  }

  part(device: Device, split: SplitName, part: number): Batch {
    const images = splitOf(this.#splits, split);
    const [from, to] = this.partOf(split, part);
    return this.#batch(device, to - from, (pixels, labels) => this.fillRange(images, from, to, pixels, labels));
  }

  #batch(device: Device, count: number, write: (pixels: Float32Array, labels: Int32Array) => void): Batch {
    const [height, width, channels] = this.shape;
    const pixels = device.buffer(count * height * width * channels);
    const labels = device.integers(count);
    write(pixels, labels);
    return { x: new Tensor(device, [count, ...this.shape], pixels), labels };
  }

  /** Numbers of the training images in the batch of a step, in their order in the batch. */
  imagesOf(step: number): Uint32Array {
    if (!Number.isInteger(step) || step < 0) {
      throw expected("fill", "a step of 0 or more", String(step), "Steps count batches from the start of training");
    }
    const first = (step % this.stepsPerEpoch) * this.batchSize;
    return this.#orderOf(Math.floor(step / this.stepsPerEpoch)).subarray(first, first + this.batchSize);
  }

  /** The range of images of a part. */
  partOf(split: SplitName, part: number): readonly [from: number, to: number] {
    return [part * PART, Math.min(splitOf(this.#splits, split).count, (part + 1) * PART)];
  }

  /** Writes the training batch of a step (0, 1, ...) to x [b, h * w * c] and labels [b]; both arrays may be longer. */
  fill(step: number, x: Float32Array, labels: Int32Array): void {
    const chosen = this.imagesOf(step);
    this.#checkRoom(this.batchSize, x, labels);
    const { train } = this.#splits;
    const { flip, pad } = this.#augment;
    const spread = 2 * pad + 1;
    for (let i = 0; i < this.batchSize; i++) {
      const image = chosen[i];
      labels[i] = train.labels[image];
      if (flip || pad > 0) {
        philox(this.#words, this.#seed, AUGMENT_STREAM, step, i, 0, 0);
        const [mirror, down, right] = this.#words;
        this.#copyMoved(train, image, x, i, (down % spread) - pad, (right % spread) - pad, flip && mirror % 2 === 1);
      } else {
        this.#copy(train, image, x, i);
      }
    }
  }

  /**
   * Writes images from..to-1 of any split of this data set to x [to - from, h * w * c], in order and never augmented.
   */
  fillRange(split: Split, from: number, to: number, x: Float32Array, labels: Int32Array): void {
    if (!(Number.isInteger(from) && Number.isInteger(to) && 0 <= from && from <= to && to <= split.count)) {
      throw expected("fillRange", `a range within 0..${split.count}`, `${from}..${to}`, "Cut the last range short");
    }
    this.#checkRoom(to - from, x, labels);
    for (let image = from; image < to; image++) {
      labels[image - from] = split.labels[image];
      this.#copy(split, image, x, image - from);
    }
  }

  #checkRoom(count: number, x: Float32Array, labels: Int32Array): void {
    const [height, width, channels] = this.shape;
    const pixels = height * width * channels;
    if (x.length < count * pixels || labels.length < count) {
      throw expected(
        "batch",
        `room for ${count} images: ${count * pixels} values and ${count} labels`,
        `${x.length} and ${labels.length}`,
        "Allocate the arrays for the largest batch",
      );
    }
  }

  #orderOf(epoch: number): Uint32Array {
    if (epoch !== this.#epoch) {
      this.#order = new Random(this.#seed, SHUFFLE_STREAM + epoch).permutation(this.#splits.train.count);
      this.#epoch = epoch;
    }
    return this.#order;
  }

  #copy(split: Split, image: number, x: Float32Array, slot: number): void {
    const [height, width, channels] = this.shape;
    const pixels = height * width * channels;
    const { images } = split;
    const end = (slot + 1) * pixels;
    for (let channel = 0; channel < channels; channel++) {
      const [scale, shift] = [this.#scale[channel], this.#shift[channel]];
      let from = image * pixels + channel;
      for (let to = slot * pixels + channel; to < end; to += channels, from += channels) {
        x[to] = images[from] * scale + shift;
      }
    }
  }

  /**
   * Copies a moved image: output pixel (y, x) is input pixel (y + down, x + right), counted from the other side if
   * mirrored, and 0 outside.
   */
  #copyMoved(
    split: Split,
    image: number,
    x: Float32Array,
    slot: number,
    down: number,
    right: number,
    mirror: boolean,
  ): void {
    const [height, width, channels] = this.shape;
    const { images } = split;
    const direction = mirror ? -channels : channels;
    // Output columns first..last-1 see the image, the others see padding.
    const first = Math.max(0, mirror ? right : -right);
    const last = Math.min(width, mirror ? width + right : width - right);
    const origin = mirror ? width - 1 + right : right;
    const stride = width * channels;
    for (let row = 0; row < height; row++) {
      const fromRow = row + down;
      const toRow = (slot * height + row) * stride;
      x.fill(0, toRow, toRow + stride);
      if (fromRow < 0 || fromRow >= height) continue;
      for (let channel = 0; channel < channels; channel++) {
        const [scale, shift] = [this.#scale[channel], this.#shift[channel]];
        let from = (image * height + fromRow) * stride + origin * channels + first * direction + channel;
        const end = toRow + last * channels;
        for (let to = toRow + first * channels + channel; to < end; to += channels, from += direction) {
          x[to] = images[from] * scale + shift;
        }
      }
    }
  }
}
