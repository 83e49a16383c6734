/**
 * The folder of a run. It holds recipe.json, plan.json (the chosen routes), metrics.jsonl (a line for each step, each
 * evaluation, and each record of masks or gradients), masks.safetensors (the masks at a few steps),
 * checkpoint.safetensors, best.safetensors while a run with keep "best" trains, and at the end weights.safetensors and
 * result.json. A process may be killed at any moment:
 * files are replaced by renaming, and `resume` cuts metrics.jsonl back to the length that the checkpoint knows.
 */
import { appendFileSync, existsSync, mkdirSync, readdirSync, rmSync, statSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { expected } from "../../core/errors.ts";
import { encodeModel, FORMAT_VERSION, saveModel } from "../../core/io/model-file.ts";
import { decodeSafetensors, encodeSafetensors } from "../../core/io/safetensors.ts";
import { checkpointOfVersion1, isVersion1 } from "../../core/io/version-1.ts";
import type { MaskRecord } from "../../core/metrics/mask-record.ts";
import type { Module } from "../../core/nn/module.ts";
import type { GradientReport } from "../../core/sparsity/gradient-probe.ts";
import type { MaskSnapshots } from "../../core/sparsity/mask-monitor.ts";
import type { PlannedLayer } from "../../core/sparsity/plan.ts";
import type { Evaluation } from "../../core/task/objective.ts";
import { found, obstacle, readFile, writeFileAtomically } from "../../node/files.ts";
import { withCurrentNames } from "../recipes/former-names.ts";
import { parseRecipe, type Recipe } from "../recipes/recipe.ts";
import { readJson, writeJson } from "./json-file.ts";
import { decodeRow, encodeRow } from "./metrics-rows.ts";
import { readPlan } from "./plan-file.ts";
import type { Run, StepRecord } from "./run.ts";
import { checkVersion, versioned } from "./schema-version.ts";

/** A line of metrics.jsonl after an epoch. */
export interface EpochRecord {
  readonly epoch: number;
  readonly step: number;
  /** On the validation split, if there is one. */
  readonly validation?: Evaluation;
  /** On the test split: after each epoch, but with a validation split only at the end. */
  readonly test?: Evaluation;
}

/** The evaluation that curves and choices rest on. */
export function watchedOf({
  validation,
  test,
}: {
  readonly validation?: Evaluation | undefined;
  readonly test?: Evaluation | undefined;
}): Evaluation {
  return (validation ?? test)!;
}

const FORMAT = `trisparse-checkpoint-${FORMAT_VERSION}`;
const MASKS_FORMAT = "trisparse-masks-1";

/** Parses a result file: JSON that says its schemaVersion, or of 0.1. */
export function readResult(where: string, path: string): unknown {
  const value = readJson(where, path);
  checkVersion(path, value);
  return value;
}

export function writeResult(path: string, value: object): void {
  writeJson(path, versioned(value));
}

/**
 * The recipe of a folder that trisparse wrote, as it is, but with the present names of keys: no user has to correct
 * those.
 */
export function readRecipe(where: string, path: string): unknown {
  return withCurrentNames(readJson(where, path));
}

/** Throws unless a new folder can be made at this path: there may be at most an empty folder. */
export function checkVacant(where: string, path: string): void {
  const present = found(path);
  const wrong =
    present === undefined || present.isDirectory()
      ? (obstacle(join(path, "recipe.json")) ??
        (present !== undefined && readdirSync(path).length > 0 ? "files in it" : undefined))
      : "a file";
  if (wrong === undefined) return;
  throw expected(
    where,
    present === undefined ? `${path} to be a place for a new folder` : `${path} not to exist yet`,
    wrong,
    "Choose another --out, or go on with: trisparse resume",
  );
}

/** A comparison of gradients before the step of this number. */
export interface GradientRecord {
  readonly step: number;
  readonly gradients: readonly GradientReport[];
}

export class RunFolder {
  readonly path: string;
  readonly recipe: Recipe;
  readonly steps: StepRecord[] = [];
  readonly epochs: EpochRecord[] = [];
  readonly gradients: GradientRecord[] = [];
  readonly masks: MaskRecord[] = [];
  /** Number of snapshots that masks.safetensors holds. */
  #savedMasks = 0;
  #unwritten: string[] = [];

  private constructor(path: string, recipe: Recipe) {
    this.path = path;
    this.recipe = recipe;
  }

  /** Starts an empty folder. Throws if there is one that holds files. */
  static create(path: string, recipe: Recipe): RunFolder {
    checkVacant("run folder", path);
    mkdirSync(path, { recursive: true });
    writeJson(join(path, "recipe.json"), recipe);
    return new RunFolder(path, recipe);
  }

  /** Opens a folder that `create` made. */
  static open(path: string): RunFolder {
    const file = join(path, "recipe.json");
    return new RunFolder(path, parseRecipe(readRecipe("run folder", file), file));
  }

  #file(name: string): string {
    return join(this.path, name);
  }

  /** The plan that this run began with; undefined before it has begun. */
  get plan(): readonly PlannedLayer[] | undefined {
    const file = this.#file("plan.json");
    if (!existsSync(file)) return undefined;
    return readPlan(file);
  }

  set plan(layers: readonly PlannedLayer[]) {
    writeJson(this.#file("plan.json"), layers);
  }

  recordStep(record: StepRecord): void {
    this.steps.push(record);
    this.#unwritten.push(encodeRow("step", record));
  }

  recordEpoch(record: EpochRecord): void {
    this.epochs.push(record);
    this.#unwritten.push(encodeRow("epoch", record));
  }

  recordGradients(record: GradientRecord): void {
    this.gradients.push(record);
    this.#unwritten.push(encodeRow("gradients", record));
  }

  recordMasks(record: MaskRecord): void {
    this.masks.push(record);
    this.#unwritten.push(encodeRow("masks", record));
  }

  /** Appends recorded lines to metrics.jsonl. */
  flush(): void {
    if (this.#unwritten.length === 0) return;
    const metrics = this.#file("metrics.jsonl");
    try {
      appendFileSync(metrics, `${this.#unwritten.join("\n")}\n`);
    } catch (error) {
      const todo = "Make room or correct its rights, then go on with: trisparse resume";
      throw expected(metrics, "to be writable", (error as Error).message, todo);
    }
    this.#unwritten = [];
  }

  /** Saves everything that the rest of the run depends on. */
  checkpoint(run: Run): void {
    this.flush();
    // saved before the checkpoint: masks beyond it are dropped after a kill, but missing ones could not be made again
    this.#saveMasks(run);
    const metrics = this.#file("metrics.jsonl");
    const metricsBytes = existsSync(metrics) ? statSync(metrics).size : 0;
    const metadata = {
      ...{ format: FORMAT, trisparse_format: FORMAT_VERSION },
      ...{ step: String(run.step), metricsBytes: String(metricsBytes) },
    };
    writeFileAtomically(this.#file("checkpoint.safetensors"), encodeSafetensors(run.state(), metadata));
  }

  /**
   * Saves the state of the evaluation that is the best on the validation split so far. A kill may leave one of a later
   * step than the checkpoint; going on writes the same one again, or a better one.
   */
  keepBest(run: Run): void {
    const metadata = { format: FORMAT, trisparse_format: FORMAT_VERSION, step: String(run.step) };
    writeFileAtomically(this.#file("best.safetensors"), encodeSafetensors(run.state(), metadata));
  }

  /** Ends the run with the state that keepBest saved. The file stays until the run is finished: a kill may come first. */
  endWithBest(run: Run): void {
    const file = this.#file("best.safetensors");
    const { tensors, metadata } = decodeSafetensors(readFile("best", file), file);
    run.endWith(
      tensors as ReadonlyMap<string, { shape: readonly number[]; data: Float32Array }>,
      Number(metadata.step),
    );
  }

  #saveMasks({ masks: { snapshots, shapes } }: Run): void {
    if (snapshots.size === this.#savedMasks) return;
    const tensors = [...snapshots].flatMap(([step, masks]) =>
      [...masks].map(([name, data]) => [`${step}/${name}`, { shape: [data.length], data }] as const),
    );
    const metadata = { format: MASKS_FORMAT, shapes: JSON.stringify(shapes) };
    writeFileAtomically(this.#file("masks.safetensors"), encodeSafetensors(new Map(tensors), metadata));
    this.#savedMasks = snapshots.size;
  }

  /** Brings back the snapshots of masks; folders of early versions have none. */
  #restoreMasks(run: Run): void {
    const file = this.#file("masks.safetensors");
    if (!existsSync(file)) return;
    run.masks.restoreSnapshots(readMasks(file).snapshots, run.step, file);
    this.#savedMasks = run.masks.snapshots.size;
  }

  /** Brings a fresh run of this folder's recipe to the last checkpoint; without one, to the start. */
  resume(run: Run): void {
    // remains of files that a killed process was writing
    for (const name of readdirSync(this.path)) {
      if (/\.\d+\.tmp$/.test(name)) rmSync(this.#file(name), { force: true });
    }
    const metrics = this.#file("metrics.jsonl");
    const checkpoint = this.#file("checkpoint.safetensors");
    if (!existsSync(checkpoint)) {
      if (existsSync(metrics)) truncateSync(metrics, 0);
      return;
    }
    const { tensors, metadata } = decodeSafetensors(readFile("checkpoint", checkpoint), checkpoint);
    const step = Number(metadata.step);
    const metricsBytes = Number(metadata.metricsBytes);
    const todo = "Copy a whole checkpoint here, or delete it to start this run anew";
    const isKnown = metadata.format === FORMAT || isVersion1(metadata);
    if (!isKnown || !Number.isInteger(step) || step < 0 || step > run.steps) {
      throw expected(
        checkpoint,
        `a checkpoint of format ${FORMAT} at a step of 0..${run.steps}`,
        `${metadata.format}, step ${metadata.step}`,
        todo,
      );
    }
    const size = existsSync(metrics) ? statSync(metrics).size : 0;
    if (!(size >= metricsBytes))
      throw expected(metrics, `at least ${metricsBytes} bytes, as its checkpoint says`, `${size}`, todo);
    const state = isVersion1(metadata) ? checkpointOfVersion1(tensors, run.model, run.inputShape, checkpoint) : tensors;
    run.restore(state as ReadonlyMap<string, { shape: readonly number[]; data: Float32Array }>, step);
    this.#restoreMasks(run);
    if (size > metricsBytes) truncateSync(metrics, metricsBytes);
    if (metricsBytes === 0) return;
    for (const line of new TextDecoder().decode(readFile("metrics", metrics)).trimEnd().split("\n")) {
      const row = decodeRow(line);
      if (row === undefined) throw expected(metrics, "a JSON object a line", JSON.stringify(line.slice(0, 80)), todo);
      const { event, record } = row;
      if (event === "step") this.steps.push(record as StepRecord);
      else if (event === "epoch") this.epochs.push(record as EpochRecord);
      else if (event === "gradients") this.gradients.push(record as GradientRecord);
      else if (event === "masks") this.masks.push(record as MaskRecord);
    }
    if (this.steps.length !== step) {
      throw expected(metrics, `${step} steps, as its checkpoint says`, `${this.steps.length}`, todo);
    }
  }

  /** Writes the trained weights, as products use them, and the result. */
  finish(run: Run, result: object): void {
    this.flush();
    const bytes = encodeModel(run.trainedWeights(), {
      recipe: JSON.stringify(this.recipe),
      trisparse_patterns: JSON.stringify(run.session.patterns()),
    });
    writeFileAtomically(this.#file("weights.safetensors"), bytes);
    writeResult(this.#file("result.json"), result);
    rmSync(this.#file("best.safetensors"), { force: true });
  }
}

/** Writes a folder that holds a model alone, for `compress` and `account`. */
export function writeModel(path: string, recipe: Recipe, model: Module): void {
  mkdirSync(path, { recursive: true });
  writeJson(join(path, "recipe.json"), recipe);
  writeFileAtomically(join(path, "weights.safetensors"), saveModel(model, { recipe: JSON.stringify(recipe) }));
}

/** Reads the snapshots of a masks.safetensors, and the shape [rows, k] of each layer. */
export function readMasks(file: string): {
  readonly snapshots: MaskSnapshots;
  readonly shapes: Readonly<Record<string, readonly [rows: number, k: number]>>;
} {
  const { tensors, metadata } = decodeSafetensors(readFile("masks", file), file);
  const snapshots: MaskSnapshots = new Map();
  for (const [key, { data }] of tensors) {
    const [, step, name] = /^(\d+)\/(.+)$/.exec(key) ?? [];
    if (metadata.format !== MASKS_FORMAT || step === undefined || !(data instanceof Uint32Array)) {
      const todo = "Copy a whole file here, or delete it to go on without the masks so far";
      throw expected(file, `masks of format ${MASKS_FORMAT}`, `${metadata.format}, tensor ${key}`, todo);
    }
    const masks = snapshots.get(Number(step)) ?? new Map<string, Uint32Array>();
    snapshots.set(Number(step), masks.set(name, data));
  }
  return { snapshots, shapes: shapesOf(metadata.shapes, file) };
}

function shapesOf(text: string | undefined, file: string): Record<string, readonly [rows: number, k: number]> {
  try {
    const shapes = JSON.parse(text ?? "") as Record<string, readonly [number, number]>;
    if (Object.values(shapes).every(([rows, k]) => rows > 0 && k > 0)) return shapes;
  } catch {
    // reported below
  }
  const todo = "Copy a whole file here, or delete it to go on without the masks so far";
  throw expected(file, "the shapes of its masks", JSON.stringify(text) ?? "none", todo);
}
