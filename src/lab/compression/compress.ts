/**
 * Structured sparsity learning, from a model to a physically smaller one (Wen et al. 2016): a penalty zeroes
 * structures, zero structures are removed, and the rest is tuned.
 */
import type { Dataset } from "../../core/data/dataset.ts";
import { expected } from "../../core/errors.ts";
import type { Removal } from "../../core/nn/compaction.ts";
import type { Module } from "../../core/nn/module.ts";
import { loadState, type SavedState, stateOf } from "../../core/nn/state.ts";
import { Random } from "../../core/random.ts";
import { multiplyingWeights, traceProducts } from "../../core/sparsity/layers.ts";
import { evaluate } from "../../core/task/evaluate.ts";
import type { Evaluation } from "../../core/task/objective.ts";
import type { Device } from "../../core/tensor/device.ts";
import { inputShapeOf } from "../recipes/architecture.ts";
import type { Recipe } from "../recipes/recipe.ts";
import { actsOn } from "../recipes/regularizers.ts";
import { Run, type StepRecord } from "../runs/run.ts";
import { interleave } from "../statistics/interleave.ts";
import { quartiles } from "../statistics/quartiles.ts";
import { compact } from "./compact.ts";

export interface CompressOptions {
  /**
   * Epochs under the penalties, at a constant learning rate. Default: half of the dense run's, which the source used.
   */
  readonly learn?: number | undefined;
  /** Learning rate of that stage as a multiple of the recipe's. Default 1; the source has 0.1. */
  readonly learnRate?: number | undefined;
  /** Epochs of tuning the smaller model. Default: a third of the dense run's, rounded up. */
  readonly tune?: number | undefined;
  /** State of a trained model; without one, the model is trained first. */
  readonly start?: SavedState | undefined;
  readonly onStep?: ((stage: Stage, record: StepRecord, steps: number) => void) | undefined;
}

export type Stage = "dense" | "learn" | "tune";

/** One layer before and after. A layer that went with its block has the shape null after. */
export interface LayerChange {
  readonly name: string;
  /** Shape [outputs, columns] of its matrix. */
  readonly shape: { readonly before: readonly [number, number]; readonly after: readonly [number, number] | null };
  /** Multiply-adds of one input. */
  readonly multiplyAdds: Change;
  /** Median milliseconds of the layer's forward pass of a batch, gathering of its columns included. */
  readonly ms: Change;
}

export interface Change {
  readonly before: number;
  readonly after: number;
}

export interface Compressed {
  /** A recipe, without penalties, that builds the smaller model and goes on training it. */
  readonly recipe: Recipe;
  readonly model: Module;
  readonly before: Evaluation;
  /** Evaluation under the penalties, before tuning. */
  readonly learned: Evaluation;
  readonly after: Evaluation;
  readonly layers: readonly LayerChange[];
  /** Median milliseconds of a forward pass of the whole network, for a batch. */
  readonly forwardMs: Change;
  /**
   * Median milliseconds of whole training steps: before, under the penalties; after, while tuning the smaller model.
   */
  readonly stepMs: Change;
  readonly numbers: Change;
  readonly removals: readonly Removal[];
  readonly blocks: readonly string[];
}

/** Learns structures away as `recipe.regularize` says, and returns the smaller model with measurements. */
export function compress(recipe: Recipe, data: Dataset, device: Device, options: CompressOptions = {}): Compressed {
  const { regularize, strategy: _, ...given } = recipe;
  const rest = { ...given, ...DENSE };
  if (regularize === undefined || regularize.length === 0)
    throw expected("compress", "penalties, regularize in the recipe", "none", "Name a structure and a lambda");
  const epochs = recipe.epochs ?? 1;
  const { learn = Math.max(1, Math.round(epochs / 2)), tune = Math.ceil(epochs / 3), learnRate = 1, onStep } = options;
  const { optimizer } = recipe;
  const learningRate = learnRate * optimizer.learningRate;
  const constant = {
    ...optimizer,
    learningRate,
    weightDecay: 0,
    schedule: { ...optimizer.schedule, name: "constant", warmup: 0 },
  };
  // each stage has another order of the data
  const stage = (name: Stage, changes: object, start: CompressOptions["start"]): Run => {
    const seed = (recipe.seed + ["dense", "learn", "tune"].indexOf(name)) >>> 0;
    const run = new Run({ ...rest, ...changes, seed } as Recipe, data, device, { compute: "emulated" });
    if (start !== undefined) loadState(run.model, start, "compress");
    return run;
  };
  const advanced = (name: Stage, run: Run): number => {
    const times: number[] = [];
    while (!run.done) {
      const record = run.advance();
      times.push(record.ms);
      onStep?.(name, record, run.steps);
    }
    return quartiles(times).median;
  };
  const dense = stage("dense", {}, options.start);
  if (options.start === undefined) advanced("dense", dense);
  const start = stateOf(dense.model);
  const before = dense.evaluate();
  const learning = stage("learn", { regularize, optimizer: constant, steps: undefined, epochs: learn }, start);
  const learnMs = advanced("learn", learning);
  const learned = learning.evaluate();
  const small = compact(learning.model, recipe.model, data, { device, random: new Random(recipe.seed) });
  const smaller = { model: small.architecture, steps: undefined, epochs: tune };
  // the zeros that are left fill no whole column or row: they stay zero. Penalties on layers that are gone are left out
  const left = regularize.filter((one) => actsOn(recipe, one, small.model));
  const tuning = stage("tune", { ...smaller, regularize: left, phases: FROZEN }, stateOf(small.model));
  const tuneMs = advanced("tune", tuning);
  const after = evaluate(tuning.model, device, tuning.batches);
  const { layers, forwardMs } = forwardTimes(dense, tuning, data, device);
  const count = (model: Module): number => model.parameters().reduce((sum, { size }) => sum + size, 0);
  return {
    ...{ recipe: { ...rest, model: small.architecture } as Recipe, model: tuning.model },
    ...{ before, learned, after, layers, forwardMs },
    stepMs: { before: learnMs, after: tuneMs },
    numbers: { before: count(dense.model), after: count(tuning.model) },
    ...{ removals: small.removals, blocks: small.blocks },
  };
}

/** Makes all products dense: N:M methods belong to a run of the smaller model. */
const DENSE = {
  ...{ method: { name: "dense" }, activations: { name: "dense" }, inputGrad: { name: "dense" } },
  ...{ weightGrad: { name: "dense" }, layers: {}, spatialBranches: false },
};

const FROZEN = { sparseFrom: 0, frozenFrom: 0, denseFrom: 1 };

/**
 * Forward times of both models, in turn, and of each of their layers. `typical` reduces the times of all rounds to one.
 */
export function forwardTimes(
  dense: Run,
  small: Run,
  data: Dataset,
  device: Device,
  typical = (times: readonly number[]): number => quartiles(times).median,
): Pick<Compressed, "layers" | "forwardMs"> {
  const [before, after] = [dense, small].map((run) => sizesOf(run, data));
  const layerMs = [new Map<string, number[]>(), new Map<string, number[]>()];
  const forward = (run: Run): void => {
    device.step(() =>
      device.withoutGradients(() => {
        run.model.forward(run.batches.part(device, "test", 0).x);
      }),
    );
  };
  for (const run of [dense, small]) run.model.eval();
  // timed without the batch, which costs the same in both models and is no part of a forward pass
  const whole: number[][] = [[], []];
  interleave(
    Object.fromEntries(
      [dense, small].map((run, i) => [
        String(i),
        () => {
          const watched = watch(run.model, (name, ms) => {
            const times = layerMs[i].get(name) ?? [];
            layerMs[i].set(name, [...times, ms]);
          });
          forward(run);
          watched.end();
          whole[i].push(watched.ms());
        },
      ]),
    ),
    ...[25, 20],
  );
  for (const run of [dense, small]) run.model.train();
  device.readClocks();
  const of = (times: readonly number[] | undefined): number => (times === undefined ? 0 : typical(times));
  const layers = [...before].map(([name, { shape, multiplyAdds }]): LayerChange => {
    const left = after.get(name);
    return {
      name,
      shape: { before: shape, after: left?.shape ?? null },
      multiplyAdds: { before: multiplyAdds, after: left?.multiplyAdds ?? 0 },
      ms: { before: of(layerMs[0].get(name)), after: of(layerMs[1].get(name)) },
    };
  });
  return { layers, forwardMs: { before: of(whole[0]), after: of(whole[1]) } };
}

/** Times forward passes of a model and of its layers until `end` is called. */
function watch(model: Module, onLayer: (name: string, ms: number) => void): { ms(): number; end(): void } {
  let total = 0;
  const weights = new Set(multiplyingWeights(model).map(({ name }) => name));
  const watched: Module[] = [];
  for (const [path, module] of model.modules()) {
    const name = path === "" ? "weight" : `${path}.weight`;
    if (path !== "" && !weights.has(name)) continue;
    const forward = module.forward.bind(module);
    // an own property that hides the method
    module.forward = (...given) => {
      const begin = performance.now();
      const y = forward(...given);
      const ms = performance.now() - begin;
      if (path === "") total += ms;
      else onLayer(name, ms);
      return y;
    };
    watched.push(module);
  }
  return {
    ms: () => total,
    end: () => {
      for (const module of watched) Reflect.deleteProperty(module, "forward");
    },
  };
}

function sizesOf({ model, recipe }: Run, data: Dataset) {
  const products = traceProducts(model, inputShapeOf(data), recipe.model.name === "gpt" ? recipe.model.context : 1);
  return new Map(
    multiplyingWeights(model).map(({ name, weight, rows, k }) => {
      const [batch, , , , , , , , height, width] = products.get(weight)!.geometry;
      return [name, { shape: [rows, k] as const, multiplyAdds: batch * height * width * rows * k }] as const;
    }),
  );
}
