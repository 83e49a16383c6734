/**
 * Common code for the studies of structure: trained networks that are kept by what made them, and a file with a line
 * for each result.
 */
import { createHash } from "node:crypto";
import { appendFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { loadavg } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { deflateRawSync, inflateRawSync } from "node:zlib";
import type { Dataset, Split } from "../src/core/data/dataset.ts";
import { encodeModel } from "../src/core/io/model-file.ts";
import { decodeSafetensors } from "../src/core/io/safetensors.ts";
import { loadState, type State, stateOf } from "../src/core/nn/state.ts";
import type { Device } from "../src/core/tensor/device.ts";
import type { Change } from "../src/lab/compression/compress.ts";
import type { Recipe } from "../src/lab/recipes/recipe.ts";
import { Run } from "../src/lab/runs/run.ts";
import { machineOf } from "../src/lab/runs/together.ts";
import { interleave } from "../src/lab/statistics/interleave.ts";
import { readFile, writeFileAtomically } from "../src/node/files.ts";

/** A network after its training. */
export interface Trained {
  /** Hash of its recipe, its data and the weights it began with. */
  readonly key: string;
  readonly state: State;
}

/** The lengths of learning and tuning in epochs, and the learning rate of learning relative to the recipe's. */
export interface Lengths {
  readonly learn: number;
  readonly tune: number;
  readonly learnRate?: number;
}

/** Trains networks that several settings share only once; with a cache also across calls. */
export class Stages {
  readonly #data: Dataset;
  readonly #device: Device;
  readonly #cache: string | undefined;

  constructor(data: Dataset, device: Device, cache: string | undefined) {
    this.#data = data;
    this.#device = device;
    this.#cache = cache;
    if (cache !== undefined) mkdirSync(cache, { recursive: true });
  }

  train(recipe: Recipe, start?: Trained): Trained {
    const size = this.#data.kind === "text" ? this.#data.train.length : this.#data.train.count;
    const made = [recipe, size, start?.key ?? null];
    const key = createHash("sha256").update(JSON.stringify(made)).digest("hex").slice(0, 16);
    const path = this.#cache === undefined ? undefined : join(this.#cache, `${recipe.model.name}-${key}.safetensors`);
    if (path !== undefined && existsSync(path))
      return { key, state: decodeSafetensors(readFile("cache", path), path).tensors as State };
    const begin = performance.now();
    const run = this.begin(recipe, start);
    while (!run.done) run.advance();
    const state = stateOf(run.model);
    if (path !== undefined) writeFileAtomically(path, encodeModel(state));
    console.log(`${recipe.model.name}, ${run.steps} steps: ${((performance.now() - begin) / 1000).toFixed(0)} s`);
    return { key, state };
  }

  /** The dense network trained on for as many epochs as learning and tuning take, with the same rates. */
  control({ regularize: _, ...recipe }: Recipe, start: Trained, { learn, tune, learnRate = 1 }: Lengths): Trained {
    const { optimizer, seed } = recipe;
    const schedule = { ...optimizer.schedule, name: "constant" as const, warmup: 0 };
    const constant = { ...optimizer, learningRate: learnRate * optimizer.learningRate, weightDecay: 0, schedule };
    const first = this.train({ ...recipe, optimizer: constant, epochs: learn, seed: seed + 1 }, start);
    return this.train({ ...recipe, epochs: tune, seed: seed + 2 }, first);
  }

  /** A run at its first step, with these weights. */
  begin(recipe: Recipe, start?: Trained): Run {
    const run = new Run(recipe, this.#data, this.#device, { compute: "emulated" });
    if (start !== undefined) loadState(run.model, start.state);
    return run;
  }
}

/**
 * Reads a penalty: "row 0.001 conv1" is on the weights with conv1 in their names; "row - conv1 0.25" is on the smallest
 * quarter of rows.
 */
export const penalties = (lines: readonly string[], others: object = {}): object[] =>
  lines.map((line) => {
    const [structure, lambda, layers, smallest] = line.split(" ");
    const strength = smallest === undefined ? { lambda: Number(lambda) } : { smallest: Number(smallest) };
    return { structure, ...strength, layers, ...others };
  });

/**
 * Makes the last `count` training images test images: in place of the test set, for the choice of settings, or in
 * addition to it.
 */
export function heldOut(data: Dataset, count: number, beside = false): Dataset {
  if (data.kind !== "images") return data;
  const { images, labels } = data.train;
  const [size, from] = [images.length / data.train.count, data.train.count - count];
  const part = (begin: number, end: number): Split => ({
    ...{ count: end - begin, images: images.subarray(begin * size, end * size), labels: labels.subarray(begin, end) },
  });
  const [train, last] = [part(0, from), part(from, from + count)];
  return { ...data, train, test: beside ? joined(last, data.test) : last };
}

function joined(one: Split, other: Split): Split {
  const images = new Uint8Array(one.images.length + other.images.length);
  images.set(one.images);
  images.set(other.images, one.images.length);
  return { count: one.count + other.count, images, labels: Uint8Array.from([...one.labels, ...other.labels]) };
}

/** The answers of a network to the test images. */
export interface Answers {
  /** Mean loss, in nats an image. */
  readonly loss: number;
  /** Share of right answers, 0..1. */
  readonly accuracy: number;
  /** Answer to each image: see packed. */
  readonly images: string;
}

/** The answer of a network to one image. */
export interface Answer {
  readonly right: boolean;
  /** Loss in nats. */
  readonly loss: number;
}

/**
 * Packs answers as little-endian words of 16 bits, deflated, in base64: thousandths of a nat, 32.767 at most, with the
 * highest bit set if the answer is wrong.
 */
export function packed(answers: readonly Answer[]): string {
  const words = Buffer.alloc(2 * answers.length);
  for (const [i, { right, loss }] of answers.entries())
    words.writeUInt16LE(Math.min(WRONG - 1, Math.round(1000 * loss)) + (right ? 0 : WRONG), 2 * i);
  return deflateRawSync(words, { level: 9 }).toString("base64");
}

export function unpacked(images: string): Answer[] {
  const words = inflateRawSync(Buffer.from(images, "base64"));
  return Array.from({ length: words.length / 2 }, (_, i) => {
    const word = words.readUInt16LE(2 * i);
    return { right: word < WRONG, loss: (word % WRONG) / 1000 };
  });
}

const WRONG = 2 ** 15;

export function answersOf({ model, batches }: Pick<Run, "model" | "batches">, device: Device): Answers {
  const answers: Answer[] = [];
  model.eval();
  for (let part = 0; part < batches.parts("test"); part++)
    device.step(() =>
      device.withoutGradients(() => {
        const { x, labels } = batches.part(device, "test", part);
        const { data, shape } = model.forward(x);
        labels.forEach((label, row) => {
          const logits = data.subarray(row * shape[1], (row + 1) * shape[1]);
          const most = Math.max(...logits);
          const loss = most - logits[label] + Math.log(logits.reduce((sum, z) => sum + Math.exp(z - most), 0));
          answers.push({ right: logits.indexOf(most) === label, loss });
        });
      }),
    );
  model.train();
  const mean = (of: (answer: Answer) => number): number =>
    answers.reduce((sum, one) => sum + of(one), 0) / answers.length;
  return { loss: mean(({ loss }) => loss), accuracy: mean(({ right }) => Number(right)), images: packed(answers) };
}

export interface Line {
  readonly setting: string;
  readonly seed: number;
}

/** A file of docs/results with one JSON object a line. */
export class Lines<L extends Line> {
  readonly #path: string;

  constructor(name: string) {
    this.#path = fileURLToPath(new URL(`../docs/results/${name}`, import.meta.url));
  }

  get all(): L[] {
    if (!existsSync(this.#path)) return [];
    const text = readFileSync(this.#path, "utf8").trim();
    return text === "" ? [] : text.split("\n").map((line) => JSON.parse(line) as L);
  }

  has(setting: string, seed: number): boolean {
    return this.all.some((line) => line.setting === setting && line.seed === seed);
  }

  add(line: L): void {
    appendFileSync(this.#path, `${JSON.stringify(line)}\n`);
  }

  /** Measures the times of every line again, when the machine is quiet: they do not depend on the weights. */
  timeAnew(device: Device, times: (line: L) => { readonly forwardMs: Change }): void {
    const lines = this.all.map((line) => {
      const load = loadavg()[0];
      const measured = times(line);
      const { before, after } = measured.forwardMs;
      console.log(line.setting, line.seed, (before / after).toFixed(2));
      return { ...line, ...measured, machine: machineOf(device, load) };
    });
    writeFileAtomically(this.#path, lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
  }
}

/** Median milliseconds of training steps of both models, in turn. */
export function stepTimes(dense: Run, small: Run): Change {
  const steps = { before: () => void dense.advance(), after: () => void small.advance() };
  const [before, after] = interleave(steps, 25, 60);
  return { before: before.ms.median, after: after.ms.median };
}
