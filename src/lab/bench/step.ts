/**
 * Times whole training steps, dense and sparse, with everything in them: batch, forward, loss, backward, pruning,
 * update.
 */

import { backward } from "../../core/autograd/tape.ts";
import type { Kernels } from "../../core/backend/kernels.ts";
import type { InitOptions } from "../../core/nn/init-options.ts";
import { cnn } from "../../core/nn/models/cnn.ts";
import { detector } from "../../core/nn/models/detector.ts";
import { gpt } from "../../core/nn/models/gpt.ts";
import { lenet } from "../../core/nn/models/lenet.ts";
import { mlp } from "../../core/nn/models/mlp.ts";
import { resnet } from "../../core/nn/models/resnet.ts";
import type { Module } from "../../core/nn/module.ts";
import { adamW } from "../../core/optim/adamw.ts";
import { Optimizer } from "../../core/optim/optimizer.ts";
import { Random } from "../../core/random.ts";
import { type Pattern, patternName } from "../../core/sparse/pattern.ts";
import { Dispatcher } from "../../core/sparsity/dispatcher.ts";
import { multiplyingWeights, traceProducts } from "../../core/sparsity/layers.ts";
import { strategies } from "../../core/sparsity/methods/strategies.ts";
import { weightMethods } from "../../core/sparsity/methods/weights/methods.ts";
import { PatternSparsifier } from "../../core/sparsity/pattern-sparsifier.ts";
import { type Compute, planLayers } from "../../core/sparsity/plan.ts";
import { objectives } from "../../core/task/objective.ts";
import { Device } from "../../core/tensor/device.ts";
import { type Shape, sizeOf, Tensor } from "../../core/tensor/tensor.ts";
import { timesFile } from "../../node/times-file.ts";
import { operandsByLayer } from "../recipes/operands.ts";
import { parseRecipe } from "../recipes/recipe.ts";
import { interleave } from "../statistics/interleave.ts";

/** A model with the batch size at which it is timed. */
export interface StepModel {
  readonly batch: number;
  readonly shape: Shape;
  /** For a language model, whose inputs are tokens: the number of different ones. */
  readonly vocabulary?: number;
  /** For a detector of ten classes: the number of cells of an image. */
  readonly cells?: number;
  build(init: InitOptions): Module;
}

export const STEP_MODELS: Readonly<Record<string, StepModel>> = {
  mlp: { batch: 256, shape: [28, 28, 1], build: (init) => mlp([784, 1024, 1024, 10], init) },
  cnn: { batch: 64, shape: [32, 32, 3], build: (init) => cnn(3, [32, 64, 128], 10, init) },
  lenet: { batch: 128, shape: [28, 28, 1], build: (init) => lenet(28, 28, 1, 10, init) },
  resnet20: { batch: 128, shape: [32, 32, 3], build: (init) => resnet(20, 3, 10, init) },
  detector: {
    ...{ batch: 32, shape: [48, 48, 1], cells: 36 },
    build: (init) => detector(1, [16, 32, 64, 128, 128], 10, init),
  },
  gpt: {
    ...{ batch: 32, shape: [128], vocabulary: 65 },
    build: (init) => gpt({ vocabulary: 65, context: 128, layers: 4, width: 256, heads: 4, ...init }),
  },
};

/** What is sparse: the name of a method for weights, in forward only, or of a strategy. */
export type StepPlan = string;
export const STEP_PLANS: readonly StepPlan[] = [
  ...weightMethods.flatMap(({ name, sparse }) => (sparse ? [name] : [])),
  ...strategies.map(({ name }) => name),
];
/** The plans that are timed by default. */
export const DEFAULT_PLANS: readonly StepPlan[] = ["sr-ste", "fully-sparse"];

/** One line of `bench step --json`; milliseconds are medians. */
export interface StepCase {
  readonly model: string;
  readonly batchSize: number;
  /** The name of batchSize in version 0.1. */
  readonly batch: number;
  readonly plan: StepPlan;
  readonly pattern: string;
  readonly threads: number;
  readonly backend: string;
  readonly denseMs: number;
  readonly sparseMs: number;
  /** Dense / sparse time, median of the rounds, with its quartiles. */
  readonly ratio: number;
  readonly ratioQuartiles: readonly [number, number];
}

export interface StepOptions {
  readonly plans: readonly StepPlan[];
  readonly patterns: readonly Pattern[];
  /** Batch size in place of the model's own. */
  readonly batchSize?: number | undefined;
  /** Default "sparse"; for "auto" a dispatcher measures. */
  readonly compute?: Compute | undefined;
  /** Default 20. */
  readonly rounds?: number | undefined;
  /** The most seconds. Default 20. */
  readonly seconds?: number | undefined;
}

/**
 * Times the steps of one model with AdamW, dense and under each plan and pattern in turn; a step that is not timed runs
 * before each timed one.
 */
export function benchStep(kernels: Kernels, name: string, options: StepOptions): StepCase[] {
  const model = STEP_MODELS[name];
  const { plans, patterns, batchSize: batch = model.batch, compute = "sparse", rounds = 20, seconds = 20 } = options;
  const dispatcher = compute === "auto" ? new Dispatcher(kernels, timesFile(kernels)) : undefined;
  const cases = plans.flatMap((plan) => patterns.map((pattern) => ({ plan, pattern })));
  const variants = Object.fromEntries([
    ["dense", stepOf(kernels, model, batch, null)],
    // named by words, because an object has keys that are numbers before all others
    ...cases.map(
      (one) =>
        [
          `${one.plan} ${patternName(one.pattern)}`,
          stepOf(kernels, model, batch, { ...one, compute, dispatcher }),
        ] as const,
    ),
  ]);
  const [dense, ...sparse] = interleave(variants, rounds, seconds, 1);
  const { threads, backend } = kernels;
  return sparse.map(({ ms, ratio }, i) => ({
    ...{
      model: name,
      batchSize: batch,
      batch,
      plan: cases[i].plan,
      pattern: patternName(cases[i].pattern),
      threads,
      backend,
    },
    ...{ denseMs: dense.ms.median, sparseMs: ms.median },
    ...{ ratio: ratio.median, ratioQuartiles: [ratio.q1, ratio.q3] as const },
  }));
}

export interface SparseStep {
  readonly plan: StepPlan;
  readonly pattern: Pattern;
  /** Default "sparse". */
  readonly compute?: Compute | undefined;
  readonly dispatcher?: Dispatcher | undefined;
}

/** Makes a function that takes one step of a fresh model, on one batch of random images or tokens. */
export function stepOf(
  kernels: Kernels,
  { shape, vocabulary, cells, build }: StepModel,
  batch: number,
  sparse: SparseStep | null,
): () => void {
  const device = new Device(kernels);
  const random = new Random(1);
  const model = build({ device, random });
  // so small that the batch is not learned by heart, which would make gradients zero and moments denormal
  const transform = adamW({ learningRate: 1e-9 });
  const applied = sparse === null ? transform : sparsityOf(model, shape, batch, sparse).around(transform);
  const optimizer = new Optimizer(model, applied);
  const inputs = Float32Array.from({ length: batch * sizeOf(shape) }, () =>
    vocabulary === undefined ? random.normal() : random.integer(vocabulary),
  );
  const kind = vocabulary !== undefined ? "text" : cells !== undefined ? "boxes" : "images";
  const labels = kernels.int32(vocabulary === undefined ? batch * (cells ?? 1) : inputs.length);
  labels.forEach((_, i) => {
    labels[i] = i % (vocabulary ?? (cells === undefined ? 10 : 11));
  });
  const boxes = { offsets: kernels.float32(4 * labels.length), objects: [] };
  return () =>
    device.step(() => {
      const data = device.buffer(inputs.length);
      data.set(inputs);
      const x = new Tensor(device, [batch, ...shape], data);
      const loss = objectives[kind].loss(model.forward(x), { x, labels, boxes });
      optimizer.zeroGrad();
      backward(loss);
      optimizer.step();
    });
}

function sparsityOf(
  model: Module,
  shape: Shape,
  batch: number,
  { plan, pattern, compute = "sparse", dispatcher }: SparseStep,
): PatternSparsifier {
  const text = patternName(pattern);
  const recipe = parseRecipe(
    strategies.some(({ name }) => name === plan)
      ? { strategy: { name: plan, pattern: text } }
      : { method: { name: plan, pattern: text } },
  );
  const operands = operandsByLayer(recipe);
  const weights = multiplyingWeights(model);
  const products = traceProducts(model, shape, batch, weights);
  const layers = planLayers(weights, operands, {
    ...{ compute, products },
    ...(dispatcher === undefined ? {} : { dispatcher }),
  });
  return new PatternSparsifier(model, weights, operands, layers, { steps: 1e9, seed: 1 });
}
