/** Holds a part of the training split back for validation, so that choices need not be made on the test split. */
import { expected } from "../errors.ts";
import { checkNumbers, requireOptions } from "../options.ts";
import { Random } from "../random.ts";
import { type BoxSplit, channelStatistics, type Dataset, type Split } from "./dataset.ts";

export interface ValidationOptions {
  /** Share of the training split that is held back: above 0, below 1. */
  readonly fraction: number;
  /** Seed of the choice. Default 0: runs of all seeds validate on the same examples. */
  readonly seed?: number | undefined;
  /** Whether each class gives the same share, of images. Default true. */
  readonly stratified?: boolean | undefined;
}

// "vali": a stream that no other part draws from
const STREAM = 0x76616c69;

/**
 * The data set with a validation split of round(fraction * count) examples of its training split, which loses them.
 * Both keep their order. Mean and deviation are measured anew on what is left, because validation examples must not
 * have a part in anything that training sees. Of a text the end is held back: windows at random places would share
 * characters with those that are trained on. Throws if a split would be empty.
 */
export function withValidation(data: Dataset, options: ValidationOptions): Dataset {
  requireOptions("validation", options, { fraction: true, seed: true, stratified: true });
  const { fraction, seed = 0, stratified = true } = options;
  checkNumbers("validation", { seed }, { min: 0, max: 0xffffffff, integer: true });
  const count = data.kind === "text" ? data.train.length : data.train.count;
  const held = Math.round(fraction * count);
  if (!(fraction > 0 && fraction < 1 && held >= 1 && held < count)) {
    const what = `a share of ${count} training examples that leaves some on both sides`;
    throw expected("validation.fraction", what, String(fraction), "Choose a share such as 0.1, or use more data");
  }
  if (data.kind === "text") {
    const cut = count - held;
    return { ...data, train: data.train.subarray(0, cut), validation: data.train.subarray(cut) };
  }
  const random = new Random(seed, STREAM);
  const channels = data.shape[2];
  if (data.kind === "boxes") {
    const isHeld = heldBack([count], () => 0, held, random);
    const part = (which: number): BoxSplit => ({
      ...imagesWhere(data.train, isHeld, which),
      objects: data.train.objects.filter((_, i) => isHeld[i] === which),
    });
    const train = part(0);
    return { ...data, train, validation: part(1), ...channelStatistics(train.images, channels) };
  }
  const { labels } = data.train;
  const sizes = stratified ? new Array<number>(data.classes).fill(0) : [count];
  if (stratified) for (const label of labels) sizes[label]++;
  const isHeld = heldBack(sizes, (i) => (stratified ? labels[i] : 0), held, random);
  const part = (which: number): Split => ({
    ...imagesWhere(data.train, isHeld, which),
    labels: labels.filter((_, i) => isHeld[i] === which),
  });
  const train = part(0);
  return { ...data, train, validation: part(1), ...channelStatistics(train.images, channels) };
}

/**
 * 1 for `held` of the examples, 0 for the others. Each group of `sizes` gives its share, rounded down; those with the
 * largest remainders give one more until there are enough, so that the count is exact.
 */
function heldBack(
  sizes: readonly number[],
  groupOf: (example: number) => number,
  held: number,
  random: Random,
): Uint8Array {
  const count = sizes.reduce((a, b) => a + b, 0);
  const shares = sizes.map((size) => (held * size) / count);
  const quotas = shares.map(Math.floor);
  const missing = held - quotas.reduce((a, b) => a + b, 0);
  const byRemainder = shares.map((_, group) => group).sort((a, b) => (shares[b] % 1) - (shares[a] % 1) || a - b);
  for (const group of byRemainder.slice(0, missing)) quotas[group]++;
  const isHeld = new Uint8Array(count);
  for (const example of random.permutation(count)) {
    const group = groupOf(example);
    if (quotas[group] === 0) continue;
    quotas[group]--;
    isHeld[example] = 1;
  }
  return isHeld;
}

function imagesWhere(
  { count, images }: Pick<Split, "count" | "images">,
  isHeld: Uint8Array,
  which: number,
): Pick<Split, "count" | "images"> {
  const pixels = images.length / count;
  const chosen = isHeld.reduce((sum, one) => sum + Number(one === which), 0);
  const copy = new Uint8Array(chosen * pixels);
  let to = 0;
  isHeld.forEach((one, image) => {
    if (one === which) copy.set(images.subarray(image * pixels, (image + 1) * pixels), pixels * to++);
  });
  return { count: chosen, images: copy };
}
