/**
 * A data set in memory (images, scenes with boxes or text), and the contract of a source of one. File formats and
 * batches are elsewhere.
 * h, w, c: height, width and channels of one image. Images are channels-last: pixel (y, x, channel) of image i is at
 * ((i * h + y) * w + x) * c + channel.
 */

import { expected } from "../errors.ts";
import type { ValidationOptions } from "./validation.ts";

/** A split of images. `images` is uint8 channels-last [count, h, w, c]; `labels` is [count], in 0..classes-1. */
export interface Split {
  readonly count: number;
  readonly images: Uint8Array;
  readonly labels: Uint8Array;
}

/** What a model is trained to do, with the shapes it has to fit; known without the data. */
export type Task = ImageTask | TextTask | BoxTask;

/** Predict the class of an image. */
export interface ImageTask {
  readonly kind: "images";
  readonly shape: readonly [height: number, width: number, channels: number];
  readonly classes: number;
}

/** Predict the next character. */
export interface TextTask {
  readonly kind: "text";
  /** Number of different characters. */
  readonly classes: number;
}

/** Find objects: where they are, and the class of each. */
export interface BoxTask {
  readonly kind: "boxes";
  readonly shape: ImageTask["shape"];
  readonly classes: number;
}

/** Names of the kinds of tasks, for errors. */
export const KIND_WORDS: Readonly<Record<Task["kind"], string>> = {
  images: "images",
  text: "a text",
  boxes: "scenes with boxes",
};

export type Dataset = ImageDataset | TextDataset | BoxDataset;

/** A training and a test split of images, with the statistics that normalization needs. */
export interface ImageDataset extends ImageTask {
  readonly name: string;
  readonly train: Split;
  /** What was held back of the training split; see withValidation. */
  readonly validation?: Split;
  readonly test: Split;
  /** Mean of each channel over the training split, of pixels scaled to 0..1. */
  readonly mean: readonly number[];
  /** Standard deviation of each channel, like `mean`. It is never 0: a constant channel has 1. */
  readonly std: readonly number[];
}

/** A text, whose end is held back for tests. */
export interface TextDataset extends TextTask {
  readonly name: string;
  /** The different characters of the whole text, in the order of their code points; token i is character i. */
  readonly vocabulary: readonly string[];
  readonly train: Uint32Array;
  readonly validation?: Uint32Array;
  readonly test: Uint32Array;
}

/** An object in a scene. */
export interface BoxedObject {
  readonly label: number;
  /** Edges in pixels: the box covers columns left to right - 1 and rows top to bottom - 1. */
  readonly box: readonly [left: number, top: number, right: number, bottom: number];
}

/** A split of scenes. `images` is as in Split; `objects` lists those of each image. */
export interface BoxSplit {
  readonly count: number;
  readonly images: Uint8Array;
  readonly objects: readonly (readonly BoxedObject[])[];
}

/** Scenes; mean and std are those of ImageDataset. */
export interface BoxDataset extends BoxTask, Pick<ImageDataset, "name" | "mean" | "std"> {
  readonly train: BoxSplit;
  readonly validation?: BoxSplit;
  readonly test: BoxSplit;
}

/** Where to load from and how much. Every source accepts all options and uses those it needs. */
export interface LoadOptions {
  /** Folder that already holds the files (--data-dir): nothing is downloaded then. */
  readonly dir?: string | undefined;
  /** File of a text; in `dir`, if that is given. */
  readonly file?: string | undefined;
  /** Folder for downloads; see cacheFolder. */
  readonly cacheDir?: string | undefined;
  /** Seed of sources that generate their data. Default 0. */
  readonly seed?: number | undefined;
  /** Number of images, or characters, to keep from the start of each split. */
  readonly limit?: { readonly train?: number | undefined; readonly test?: number | undefined } | undefined;
  /** Whether to put the pixels of all images in one other order: see shuffledPixels. Default false. */
  readonly shuffled?: boolean | undefined;
  /** What is held back of the training split, after limits: see withValidation. Default: nothing. */
  readonly validation?: ValidationOptions | undefined;
  /** Called while a file arrives. received and total are bytes; total is undefined if the server does not say. */
  readonly onProgress?: ((p: { file: string; received: number; total: number | undefined }) => void) | undefined;
  /** Replaces the global fetch. */
  readonly fetch?: typeof fetch | undefined;
}

/** A source of a data set: an entry of the table of sources. */
export interface DataSource<D extends Dataset = Dataset> {
  readonly name: string;
  /** One line of description for a list of sources. */
  readonly description: string;
  readonly task: Task;
  /** Whether it is generated, and has no files. Default false. */
  readonly isMade?: boolean;
  load(options: LoadOptions): Promise<D>;
}

/**
 * Completes a data set of images: checks sizes and labels, applies the limits, and measures mean and std of the
 * remaining training images. Throws if a split does not hold as much as its count says, or if a label is not below
 * `classes`.
 */
export function dataset(
  parts: Omit<ImageDataset, "kind" | "mean" | "std">,
  limit: LoadOptions["limit"] = {},
): ImageDataset {
  const [height, width, channels] = parts.shape;
  const pixels = height * width * channels;
  checkSplit(parts.train, pixels, parts.classes, `${parts.name} train`);
  checkSplit(parts.test, pixels, parts.classes, `${parts.name} test`);
  const train = limitSplit(parts.train, limit.train);
  const test = limitSplit(parts.test, limit.test);
  return { ...parts, kind: "images", train, test, ...channelStatistics(train.images, channels) };
}

/** Completes a data set of scenes, like `dataset`; each box must lie in its image and hold a pixel. */
export function boxDataset(
  parts: Omit<BoxDataset, "kind" | "mean" | "std">,
  limit: LoadOptions["limit"] = {},
): BoxDataset {
  const [height, width, channels] = parts.shape;
  const checked = (name: "train" | "test"): BoxSplit => {
    const split = parts[name];
    const where = `${parts.name} ${name}`;
    checkImages(split, height * width * channels, where);
    if (split.objects.length !== split.count) {
      const got = `${split.objects.length} lists`;
      throw expected(
        where,
        `the objects of each of ${split.count} images`,
        got,
        "Give an image without any an empty list",
      );
    }
    for (const [image, objects] of split.objects.entries()) {
      for (const { label, box } of objects) {
        const [left, top, right, bottom] = box;
        const inside = 0 <= left && left < right && right <= width && 0 <= top && top < bottom && bottom <= height;
        if (inside && Number.isInteger(label) && label >= 0 && label < parts.classes) continue;
        const wanted = `labels in 0..${parts.classes - 1} and boxes within ${width}x${height} pixels`;
        throw expected(where, wanted, `label ${label}, box ${box.join(", ")} in image ${image}`, "Correct its objects");
      }
    }
    const kept = limitedCount(split.count, limit[name]);
    const bytes = split.images.length / split.count;
    return { count: kept, images: split.images.subarray(0, kept * bytes), objects: split.objects.slice(0, kept) };
  };
  const train = checked("train");
  return { ...parts, kind: "boxes", train, test: checked("test"), ...channelStatistics(train.images, channels) };
}

/** Mean and (population) standard deviation of each channel of `images` [any, channels], for pixels / 255. */
export function channelStatistics(images: Uint8Array, channels: number): Pick<ImageDataset, "mean" | "std"> {
  const mean: number[] = [];
  const std: number[] = [];
  for (let channel = 0; channel < channels; channel++) {
    // Integer sums stay exact: 255 * 255 * 60000 * 1024 pixels is far below 2^53.
    let [count, sum, squares] = [0, 0, 0];
    for (let i = channel; i < images.length; i += channels) {
      count++;
      sum += images[i];
      squares += images[i] * images[i];
    }
    const average = sum / count;
    mean.push(average / 255);
    std.push(Math.sqrt(Math.max(0, squares / count - average * average)) / 255 || 1);
  }
  return { mean, std };
}

/** The first `count` images of a split (all if undefined), without copying. */
export function limitSplit(split: Split, count: number | undefined): Split {
  const kept = limitedCount(split.count, count);
  const pixels = split.images.length / split.count;
  return { count: kept, images: split.images.subarray(0, kept * pixels), labels: split.labels.subarray(0, kept) };
}

/**
 * The number of `available` images, or characters, that a limit leaves. Throws unless the limit is a whole number of at
 * least 1 or undefined.
 */
export function limitedCount(available: number, limit: number | undefined, what = "images"): number {
  if (limit === undefined) return available;
  if (!Number.isInteger(limit) || limit < 1) {
    throw expected("limit", `a whole number of ${what}, at least 1`, String(limit), `Leave it out to use all ${what}`);
  }
  return Math.min(available, limit);
}

/** Throws unless `split` holds count > 0 images of `pixels` bytes and as many labels, all in 0..classes-1. */
export function checkSplit(split: Split, pixels: number, classes: number, where: string): void {
  checkImages(split, pixels, where);
  if (split.labels.length !== split.count) {
    throw expected(
      where,
      `a label for each of ${split.count} images`,
      `${split.labels.length} labels`,
      "Use the label file that belongs to these images",
    );
  }
  const wrong = split.labels.findIndex((label) => label >= classes);
  if (wrong >= 0) {
    throw expected(
      where,
      `labels in 0..${classes - 1}`,
      `${split.labels[wrong]} for image ${wrong}`,
      "The file may be of another data set or damaged; get it again",
    );
  }
}

function checkImages(split: Pick<Split, "count" | "images">, pixels: number, where: string): void {
  if (split.count < 1) {
    throw expected(where, "at least one image", "none", "Use files that hold images");
  }
  if (split.images.length !== split.count * pixels) {
    throw expected(
      where,
      `${split.count} images of ${pixels} bytes`,
      `${split.images.length} bytes`,
      "The file may be of another data set or damaged; get it again",
    );
  }
}
