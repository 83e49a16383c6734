/**
 * Windows of a text: random ones to train on, consecutive ones to evaluate on. A batch is a pure function of (seed,
 * step). The label of a place is the character after it.
 */
import { expected } from "../errors.ts";
import { philox } from "../random.ts";
import type { Device } from "../tensor/device.ts";
import { Tensor } from "../tensor/tensor.ts";
import { type Batch, type Batches, type SplitName, splitOf } from "./batches.ts";
import type { TextDataset } from "./dataset.ts";

export interface TokenBatchOptions {
  /** Number of windows in a batch. */
  readonly batchSize: number;
  /** Number of characters in a window. */
  readonly context: number;
  /** Seed of the windows' positions. Default 0. */
  readonly seed?: number | undefined;
}

// "wind": a stream that no other part draws from
const STREAM = 0x77696e64;

export class TokenBatches implements Batches {
  readonly kind = "text";
  readonly validates: boolean;
  readonly batchSize: number;
  readonly context: number;
  readonly stepsPerEpoch: number;
  readonly #data: Pick<TextDataset, SplitName>;
  readonly #seed: number;
  readonly #words: Uint32Array = new Uint32Array(4);

  constructor(data: Pick<TextDataset, SplitName>, { batchSize, context, seed = 0 }: TokenBatchOptions) {
    for (const [what, value] of Object.entries({ batchSize, context })) {
      if (!Number.isInteger(value) || value < 1) {
        throw expected(what, "a whole number of at least 1", String(value), "Choose 32 windows of 128 characters");
      }
    }
    for (const split of ["train", "validation", "test"] as const) {
      const { length = Infinity } = data[split] ?? {};
      if (length > context) continue;
      throw expected(
        `text ${split}`,
        `at least ${context + 1} characters, a window of ${context} and the one behind it`,
        String(length),
        "Use a longer text or a smaller model.context; the last tenth of a text is for tests",
      );
    }
    this.batchSize = batchSize;
    this.validates = data.validation !== undefined;
    this.context = context;
    this.stepsPerEpoch = Math.ceil(data.train.length / (batchSize * context));
    this.#data = data;
    this.#seed = seed;
  }

  training(device: Device, step: number): Batch {
    if (!Number.isInteger(step) || step < 0) {
      throw expected("training", "a step of 0 or more", String(step), "Steps count from the start of training");
    }
    const { train } = this.#data;
    const starts = train.length - this.context;
    return this.#windows(device, train, this.batchSize, this.context, (i) => {
      philox(this.#words, this.#seed, STREAM, step, i, 0, 0);
      return Math.floor((this.#words[0] / 4294967296) * starts);
    });
  }

  /** Parts of batchSize windows each, then one of the remaining windows, then one of a last, shorter window. */
  parts(split: SplitName): number {
    const { windows, rest } = this.#cut(split);
    return Math.ceil(windows / this.batchSize) + Number(rest > 0);
  }

  part(device: Device, split: SplitName, part: number): Batch {
    const { windows, rest } = this.#cut(split);
    const first = part * this.batchSize;
    const tokens = splitOf(this.#data, split);
    if (first >= windows) return this.#windows(device, tokens, 1, rest, () => windows * this.context);
    const count = Math.min(this.batchSize, windows - first);
    return this.#windows(device, tokens, count, this.context, (i) => (first + i) * this.context);
  }

  /** The number of whole windows of a split, and of the characters left; its last character has no label. */
  #cut(split: SplitName): { readonly windows: number; readonly rest: number } {
    const places = splitOf(this.#data, split).length - 1;
    return { windows: Math.floor(places / this.context), rest: places % this.context };
  }

  #windows(device: Device, tokens: Uint32Array, count: number, length: number, startOf: (i: number) => number): Batch {
    const x = device.buffer(count * length);
    const labels = device.integers(count * length);
    for (let i = 0; i < count; i++) {
      const start = startOf(i);
      x.set(tokens.subarray(start, start + length), i * length);
      labels.set(tokens.subarray(start + 1, start + 1 + length), i * length);
    }
    return { x: new Tensor(device, [count, length], x), labels };
  }
}
