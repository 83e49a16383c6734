/**
 * One run of a recipe: model, data, method and optimizer, advanced step by step. It can be saved and brought back bit
 * for bit. A step is batch, forward, backward, update, pruning and packing: its time covers all of these, but not
 * watching masks.
 */

import { backward } from "../../core/autograd/tape.ts";
import type { Batches, SplitName } from "../../core/data/batches.ts";
import { batchesOf } from "../../core/data/batches-of.ts";
import type { Dataset } from "../../core/data/dataset.ts";
import { flipAndCrop } from "../../core/data/image-batches.ts";
import { expected } from "../../core/errors.ts";
import type { Module } from "../../core/nn/module.ts";
import { loadState, loadValues, type SavedState, type State, valuesOf } from "../../core/nn/state.ts";
import { clipByGlobalNorm } from "../../core/optim/clip.ts";
import { Optimizer } from "../../core/optim/optimizer.ts";
import { chain } from "../../core/optim/transform.ts";
import { Random } from "../../core/random.ts";
import type { Pattern } from "../../core/sparse/pattern.ts";
import type { GradientReport } from "../../core/sparsity/gradient-probe.ts";
import { MaskMonitor } from "../../core/sparsity/mask-monitor.ts";
import { neuronInputs } from "../../core/sparsity/neuron-inputs.ts";
import { type PermutedChannels, permuteChannels } from "../../core/sparsity/permute.ts";
import type { PlannedLayer } from "../../core/sparsity/plan.ts";
import type { Session } from "../../core/sparsity/session.ts";
import { evaluate } from "../../core/task/evaluate.ts";
import { type Evaluation, type Objective, objectives } from "../../core/task/objective.ts";
import type { Clocks, Device } from "../../core/tensor/device.ts";
import type { Shape, Tensor } from "../../core/tensor/tensor.ts";
import { permutationWorkers } from "../../node/permutation/threads.ts";
import { optimizerOf } from "../recipes/optimizer.ts";
import type { Recipe } from "../recipes/recipe.ts";
import { type PlanOptions, planOf, sessionOf, setUp, virtualPatterns } from "./setup.ts";

/** The record of one step; times are in milliseconds. */
export interface StepRecord {
  readonly step: number;
  readonly loss: number;
  readonly ms: number;
  readonly gemmMs: Clocks;
  /** Whether any layer was sparse in it. */
  readonly pruned: boolean;
  /** Number of mask entries that changed, over all sparse layers. */
  readonly flips: number;
}

/** How a run computes its products, and what it starts from. */
export interface RunOptions extends PlanOptions {
  /** A plan made before, used in place of a new one: routes decide the last bits of results. */
  readonly plan?: readonly PlannedLayer[] | undefined;
  /** A state of this model that training starts from, in place of drawn weights. */
  readonly start?: SavedState | undefined;
}

/** The arrays that a checkpoint holds, by name. */
export type RunState = Map<string, { shape: readonly number[]; data: Float32Array | Uint32Array | Float64Array }>;

// "init": the stream of first weights
const INIT_STREAM = 0x696e6974;

export class Run {
  readonly recipe: Recipe;
  readonly device: Device;
  readonly model: Module;
  /** The session that makes the model sparse: it has the plan, the masks, and their part of a checkpoint. */
  readonly session: Session;
  readonly plan: readonly PlannedLayer[];
  readonly masks: MaskMonitor;
  readonly batches: Batches;
  /** Shape of one input, without the batch. */
  readonly inputShape: Shape;
  /** Number of steps of the whole run. */
  readonly steps: number;
  /** Number of steps done. */
  step = 0;
  /** The channels that were reordered for a method, in this process. */
  permuted: readonly PermutedChannels[] = [];
  readonly #objective: Objective;
  readonly #optimizer: Optimizer;

  constructor(recipe: Recipe, data: Dataset, device: Device, options: RunOptions = {}) {
    this.recipe = recipe;
    this.device = device;
    const { batchSize, seed } = recipe;
    const setup = setUp(recipe, data, { device, random: new Random(seed, INIT_STREAM) });
    const { model, weights, input } = setup;
    this.model = model;
    this.inputShape = input.shape;
    this.#objective = objectives[data.kind];
    if (options.start !== undefined) loadState(model, options.start, "start");
    this.batches = batchesOf(data, {
      ...{ batchSize, seed, augment: recipe.data.augment ? flipAndCrop : undefined },
      context: recipe.model.name === "gpt" ? recipe.model.context : undefined,
    });
    this.steps = recipe.steps ?? recipe.epochs! * this.batches.stepsPerEpoch;
    this.plan = options.plan ?? planOf(setup, options);
    this.session = sessionOf(setup, this.plan, this.steps);
    const { masks } = this.session;
    const virtual = masks.length > 0 ? new Map<string, Pattern>() : virtualPatterns(setup);
    const { masks: every, nnstd } = recipe.monitor;
    const inputs = nnstd === "carried" ? neuronInputs(model, input.shape, weights) : undefined;
    this.masks = new MaskMonitor(weights, masks, virtual, { steps: this.steps, every, inputs });
    const applied = this.session.around(optimizerOf(recipe, this.steps));
    const { clip } = recipe.optimizer;
    this.#optimizer = new Optimizer(model, clip === null ? applied : chain(clipByGlobalNorm(clip), applied));
  }

  /** Whether nothing in it is sparse, now or later. */
  get isDense(): boolean {
    return this.session.isDense;
  }

  get done(): boolean {
    return this.step >= this.steps;
  }

  /** Takes one step. Throws if the loss is not finite; the weights are then those that led to it. */
  advance(): StepRecord {
    const { device } = this;
    const permuting = this.#permute();
    this.masks.before(this.step);
    device.readClocks();
    const begin = performance.now();
    const loss = device.step(() => {
      const result = this.#loss();
      this.#optimizer.zeroGrad();
      backward(result);
      const value = result.data[0];
      if (!Number.isFinite(value)) {
        throw expected(
          `training with ${this.recipe.method.name}, step ${this.step}`,
          "a finite loss",
          String(value),
          `Lower the learning rate (${this.recipe.optimizer.learningRate}) or set optimizer.clip to 1; the last checkpoint is intact`,
        );
      }
      this.#optimizer.step();
      return value;
    });
    const ms = performance.now() - begin + permuting;
    const flips = this.session.observe();
    return { step: this.step++, loss, ms, gemmMs: device.readClocks(), pruned: this.session.pruned, flips };
  }

  /** The loss of the batch of this step. */
  #loss(): Tensor {
    const batch = this.batches.training(this.device, this.step);
    return this.#objective.loss(this.model.forward(batch.x), batch);
  }

  /** Reorders channels before the step at which a method asks for it. Returns the milliseconds it took. */
  #permute(): number {
    const patterns = this.session.permutes(this.step);
    if (patterns.size === 0) return 0;
    const begin = performance.now();
    this.permuted = permuteChannels(this.model, this.inputShape, (name) => patterns.get(name) ?? null, {
      optimizerState: this.#optimizer.state(),
      seed: this.recipe.seed,
      workers: permutationWorkers(),
    });
    return performance.now() - begin;
  }

  /**
   * Measures what sparse operands do to the gradients of the next step, layer by layer; the list is empty if nothing is
   * sparse. It costs repeats + 1 passes and leaves the run as it was.
   */
  probeGradients(repeats: number): GradientReport[] {
    const { device } = this;
    const buffers = [...this.model.namedBuffers().values()].map(({ data }) => ({ data, before: data.slice() }));
    const reports = this.session.probe(repeats, () =>
      device.step(() => {
        const loss = this.#loss();
        this.#optimizer.zeroGrad();
        backward(loss);
      }),
    );
    for (const { data, before } of buffers) data.set(before);
    device.readClocks();
    return reports;
  }

  /** Evaluates the model on a split, in evaluation mode. */
  evaluate(split?: SplitName): Evaluation {
    return evaluate(this.model, this.device, this.batches, split);
  }

  /** The trained weights as products use them: pruned entries are zero. */
  trainedWeights(): State {
    return this.session.state();
  }

  /** Takes the weights and masks of a saved state, as they were before the step `at`; the run stays at its end. */
  endWith(state: Parameters<Run["restore"]>[0], at: number): void {
    const { step } = this;
    this.restore(state, at);
    this.step = step;
  }

  /** Everything that the rest of the run depends on. */
  state(): RunState {
    const state: RunState = new Map();
    for (const [name, entry] of valuesOf(this.model)) state.set(`model/${name}`, entry);
    for (const [name, data] of this.#optimizer.state()) state.set(`optimizer/${name}`, { shape: [data.length], data });
    for (const [name, entry] of this.session.checkpoint()) state.set(name, entry);
    for (const [name, entry] of this.masks.state()) state.set(`masks/${name}`, entry);
    return state;
  }

  /**
   * Goes back to a saved state, before the step `step`. Throws, changing nothing, if the state is not of this recipe.
   */
  restore(state: ReadonlyMap<string, { shape: readonly number[]; data: ArrayLike<number> }>, step: number): void {
    const part = (prefix: string): Map<string, { shape: readonly number[]; data: ArrayLike<number> }> =>
      new Map(
        [...state]
          .filter(([name]) => name.startsWith(prefix))
          .map(([name, entry]) => [name.slice(prefix.length), entry]),
      );
    const saved = part("optimizer/");
    for (const [name, { length }] of this.#optimizer.state()) {
      const given = saved.get(name)?.data.length;
      if (given !== length) {
        throw expected(
          `checkpoint: optimizer state ${name}`,
          `${length} values`,
          String(given ?? "none"),
          "Resume with the recipe of this run",
        );
      }
    }
    loadValues(this.model, part("model/"), "checkpoint");
    for (const [name, array] of this.#optimizer.state()) array.set(saved.get(name)!.data);
    this.session.restore(state, step);
    this.masks.restore(part("masks/"));
    this.#optimizer.steps = step;
    this.step = step;
  }
}
