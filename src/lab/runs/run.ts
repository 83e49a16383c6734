/**
 * One run of a recipe: model, data, method and optimizer, advanced step by step; saved and brought back bit for bit.
 * A step is batch, forward, backward, update, pruning and packing: all of it is in its time. Watching masks is not.
 */

import { backward } from "../../core/autograd/tape.ts";
import type { Batches, SplitName } from "../../core/data/batches.ts";
import { batchesOf } from "../../core/data/batches-of.ts";
import type { Dataset, Task } from "../../core/data/dataset.ts";
import { flipAndCrop } from "../../core/data/image-batches.ts";
import { expected } from "../../core/errors.ts";
import { loadState, type Module, type SavedState, stateOf } from "../../core/nn/module.ts";
import { normalizedConvs } from "../../core/nn/spatial-branch.ts";
import { adamW } from "../../core/optim/adamw.ts";
import { clipByGlobalNorm } from "../../core/optim/clip.ts";
import { Optimizer } from "../../core/optim/optimizer.ts";
import { phased, type Schedule, stepwise, warmupCosine } from "../../core/optim/schedule.ts";
import { sgd } from "../../core/optim/sgd.ts";
import { chain, type Transform } from "../../core/optim/transform.ts";
import { Random } from "../../core/random.ts";
import { type Pattern, parsePattern } from "../../core/sparse/pattern.ts";
import type { GradientReport } from "../../core/sparsity/gradient-probe.ts";
import { type MultiplyingWeight, multiplyingWeights, traceProducts } from "../../core/sparsity/layers.ts";
import { MaskMonitor } from "../../core/sparsity/mask-monitor.ts";
import { type PermutedChannels, permuteChannels } from "../../core/sparsity/permute.ts";
import {
  type OperandsByLayer,
  type PlannedLayer,
  planLayers,
  type Routing,
  skipReasons,
  type Timer,
} from "../../core/sparsity/plan.ts";
import { requireSparse } from "../../core/sparsity/sparsify.ts";
import { Sparsity } from "../../core/sparsity/sparsity.ts";
import {
  compressedIn,
  UnstructuredWeights,
  unstructuredIn,
  withUnstructured,
} from "../../core/sparsity/unstructured.ts";
import { evaluate } from "../../core/task/evaluate.ts";
import { type Evaluation, type Objective, objectives } from "../../core/task/objective.ts";
import type { Clocks, Device } from "../../core/tensor/device.ts";
import type { Parameter, Shape, Tensor } from "../../core/tensor/tensor.ts";
import { permutationWorkers } from "../../node/permutation/threads.ts";
import { buildModel, inputOf, inputShapeOf } from "../recipes/architecture.ts";
import { operandsByLayer, unstructuredMethodOf, weightMethodOf } from "../recipes/operands.ts";
import type { Recipe } from "../recipes/recipe.ts";
import { withRegularizers } from "../recipes/regularizers.ts";

/** What one step did; milliseconds. */
export interface StepRecord {
  readonly step: number;
  readonly loss: number;
  readonly ms: number;
  readonly gemmMs: Clocks;
  /** Whether any layer was sparse in it. */
  readonly pruned: boolean;
  /** Mask entries that changed, over all sparse layers. */
  readonly flips: number;
}

/** How a run's products are computed. */
export interface RunOptions {
  /** Default "sparse". "auto" needs a dispatcher. */
  readonly routing?: Routing | undefined;
  /** Where times come from. */
  readonly dispatcher?: Timer | undefined;
  /** A plan made before, in place of a new one: routes decide the last bits of results. */
  readonly plan?: readonly PlannedLayer[] | undefined;
  /** What training begins with in place of drawn weights: a state of this model. */
  readonly start?: SavedState | undefined;
}

/** Arrays by name: what a checkpoint holds. */
export type RunState = Map<string, { shape: readonly number[]; data: Float32Array | Uint32Array | Float64Array }>;

// "init": the stream of first weights
const INIT_STREAM = 0x696e6974;

export class Run {
  readonly recipe: Recipe;
  readonly device: Device;
  readonly model: Module;
  /** Null where all products are dense. */
  readonly sparsity: Sparsity | null;
  /** Null where no weight has zeros without a pattern. */
  readonly unstructured: UnstructuredWeights | null;
  readonly plan: readonly PlannedLayer[];
  readonly masks: MaskMonitor;
  readonly batches: Batches;
  /** Steps of the whole run. */
  readonly steps: number;
  /** Steps done. */
  step = 0;
  /** What became of the channels where a method had them ordered, in this process. */
  permuted: readonly PermutedChannels[] = [];
  readonly #objective: Objective;
  readonly #optimizer: Optimizer;
  readonly #shape: Shape;

  constructor(recipe: Recipe, data: Dataset, device: Device, options: RunOptions = {}) {
    this.recipe = recipe;
    this.device = device;
    const { batch, seed } = recipe;
    this.#shape = inputShapeOf(data);
    this.#objective = objectives[data.kind];
    this.model = buildModel(recipe.model, data, { device, random: new Random(seed, INIT_STREAM) });
    if (options.start !== undefined) loadState(this.model, options.start, "start");
    this.batches = batchesOf(data, {
      ...{ batch, seed, augment: recipe.data.augment ? flipAndCrop : undefined },
      context: recipe.model.name === "gpt" ? recipe.model.context : undefined,
    });
    this.steps = recipe.steps ?? recipe.epochs! * this.batches.stepsPerEpoch;

    const method = weightMethodOf(recipe);
    const operands = operandsByLayer(recipe);
    this.plan = options.plan ?? planRun(recipe, this.model, data, options);
    this.sparsity = asksForSparse(operands, multiplyingWeights(this.model))
      ? new Sparsity(this.model, operands, this.plan, {
          steps: this.steps,
          seed,
          phases: recipe.phases,
        })
      : null;
    const masking = unstructuredMethodOf(recipe);
    this.unstructured =
      masking === null
        ? null
        : new UnstructuredWeights(this.model, unstructuredIn(this.plan, masking.name), masking, {
            steps: this.steps,
            seed,
            compressed: compressedIn(this.plan, masking.name),
          });
    const sites = this.sparsity?.sites ?? [];
    const virtual = sites.length > 0 ? new Map<string, Pattern>() : virtualPatterns(recipe, this.model);
    this.masks = new MaskMonitor(multiplyingWeights(this.model), sites, virtual, {
      steps: this.steps,
      every: recipe.monitor.masks,
    });
    const rate = phased(this.steps, (masking ?? method).restarts?.(this.steps) ?? [], (length) =>
      scheduleOf(recipe.optimizer, length),
    );
    const plain = withRegularizers(optimizerOf(recipe.optimizer, rate), recipe, this.model, this.steps);
    const optimizer = this.unstructured?.around(plain) ?? plain;
    const applied = this.sparsity?.around(optimizer) ?? optimizer;
    const { clip } = recipe.optimizer;
    this.#optimizer = new Optimizer(this.model, clip === null ? applied : chain(clipByGlobalNorm(clip), applied));
  }

  /** Whether nothing in it is ever sparse or to become so. */
  get isDense(): boolean {
    return this.sparsity === null && this.unstructured === null && (this.recipe.regularize ?? []).length === 0;
  }

  get done(): boolean {
    return this.step >= this.steps;
  }

  /** Takes one step. Throws on a loss that is not finite; the weights then are what made it. */
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
      const value = result.item();
      if (!Number.isFinite(value)) {
        throw expected(
          `training with ${this.recipe.method.name}, step ${this.step}`,
          "a finite loss",
          String(value),
          `Lower the learning rate (${this.recipe.optimizer.rate}) or set optimizer.clip to 1; the last checkpoint is intact`,
        );
      }
      this.#optimizer.step();
      return value;
    });
    const ms = performance.now() - begin + permuting;
    const flips = (this.sparsity?.observe() ?? 0) + (this.unstructured?.observe() ?? 0);
    const pruned = (this.sparsity?.pruned ?? false) || (this.unstructured?.pruned ?? false);
    return { step: this.step++, loss, ms, gemmMs: device.readClocks(), pruned, flips };
  }

  /** Of the batch of this step. */
  #loss(): Tensor {
    const batch = this.batches.training(this.device, this.step);
    return this.#objective.loss(this.model.forward(batch.x), batch);
  }

  /** Orders channels before the step at which a method asks for it. Returns its milliseconds. */
  #permute(): number {
    const sites = this.sparsity?.sites ?? [];
    const asking = sites.filter(({ method }) => method.permutesAt?.(this.steps) === this.step);
    // a mask that another layer has chosen already would not move with its weight
    if (asking.length === 0 || sites.some(({ pruned }) => pruned)) return 0;
    const begin = performance.now();
    const patterns = new Map(asking.map(({ name, pattern }) => [name, pattern]));
    this.permuted = permuteChannels(this.model, this.#shape, (name) => patterns.get(name) ?? null, {
      memories: this.#optimizer.memories(),
      seed: this.recipe.seed,
      workers: permutationWorkers(),
    });
    return performance.now() - begin;
  }

  /**
   * What sparse operands do to the gradients of the step to come, layer by layer; none where nothing is sparse. Costs
   * repeats + 1 passes and leaves the run as it was.
   */
  probeGradients(repeats: number): GradientReport[] {
    const { device } = this;
    if (this.sparsity === null) return [];
    const buffers = [...this.model.namedBuffers().values()].map(({ data }) => ({ data, before: data.slice() }));
    const reports = this.sparsity.probe(repeats, () =>
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

  /** Of a split, in evaluation mode. */
  evaluate(split?: SplitName): Evaluation {
    return evaluate(this.model, this.device, this.batches, split);
  }

  /** The trained weights as they are used: pruned entries are zero. */
  trainedWeights(): ReturnType<typeof stateOf> {
    const state = stateOf(this.model);
    for (const [name, data] of this.sparsity?.effectiveWeights() ?? []) state.set(name, { ...state.get(name)!, data });
    this.sparsity?.mergeBranches(state);
    return state;
  }

  /** Everything the rest of the run depends on. */
  state(): RunState {
    const state: RunState = new Map();
    for (const [name, entry] of stateOf(this.model)) state.set(`model/${name}`, entry);
    for (const [name, data] of this.#optimizer.memories())
      state.set(`optimizer/${name}`, { shape: [data.length], data });
    for (const [name, entry] of this.sparsity?.state() ?? []) state.set(`sparsity/${name}`, entry);
    for (const [name, entry] of this.unstructured?.state() ?? []) state.set(`unstructured/${name}`, entry);
    for (const [name, entry] of this.masks.state()) state.set(`masks/${name}`, entry);
    return state;
  }

  /** Goes back to a saved state, before its step `step`. Throws, changing nothing, where it is not of this recipe. */
  restore(state: ReadonlyMap<string, { shape: readonly number[]; data: ArrayLike<number> }>, step: number): void {
    const part = (prefix: string): Map<string, { shape: readonly number[]; data: ArrayLike<number> }> =>
      new Map(
        [...state]
          .filter(([name]) => name.startsWith(prefix))
          .map(([name, entry]) => [name.slice(prefix.length), entry]),
      );
    const saved = part("optimizer/");
    for (const [name, { length }] of this.#optimizer.memories()) {
      const given = saved.get(name)?.data.length;
      if (given !== length) {
        throw expected(
          `checkpoint: optimizer memory ${name}`,
          `${length} values`,
          String(given ?? "none"),
          "Resume with the recipe of this run",
        );
      }
    }
    loadState(this.model, part("model/"), "checkpoint");
    for (const [name, array] of this.#optimizer.memories()) array.set(saved.get(name)!.data);
    this.sparsity?.restore(part("sparsity/"), step);
    this.unstructured?.restore(part("unstructured/"), step);
    this.masks.restore(part("masks/"));
    this.#optimizer.steps = step;
    this.step = step;
  }
}

function asksForSparse(operands: OperandsByLayer, weights: readonly MultiplyingWeight[]): boolean {
  return weights.some(({ name }) => Object.values(operands.of(name)).some((operand) => operand !== null));
}

/** The plan of a recipe for its model. Throws where what it asks for fits no layer. */
export function planRun(recipe: Recipe, model: Module, task: Task, options: RunOptions): PlannedLayer[] {
  const plan = planPatterns(recipe, model, task, options);
  const masking = unstructuredMethodOf(recipe);
  if (masking === null) return plan;
  const weights = multiplyingWeights(model);
  const skipped = skipReasons(weights, recipe.skip);
  const names = plan.filter(({ pattern }, i) => pattern === null && skipped[i] === undefined).map(({ name }) => name);
  // other sparse operands have plans of their own
  const compresses = options.routing !== "dense" && !asksForSparse(operandsByLayer(recipe), weights);
  return withUnstructured(plan, weights, new Set(names), masking.name, compresses);
}

function planPatterns(
  recipe: Recipe,
  model: Module,
  task: Task,
  { routing = "sparse", dispatcher }: RunOptions,
): PlannedLayer[] {
  const operands = operandsByLayer(recipe);
  const weights = multiplyingWeights(model);
  if (!asksForSparse(operands, weights)) return planLayers(weights, operands);
  const { shape, count } = inputOf(recipe, task);
  const products = traceProducts(model, shape, count);
  const plan = planLayers(weights, operands, {
    routing,
    products,
    skip: recipe.skip,
    ...(dispatcher === undefined ? {} : { dispatcher }),
  });
  const { name, pattern } = recipe.method;
  requireSparse(plan, pattern === undefined ? `method ${name}` : `pattern ${pattern}`);
  return withBranches(plan, operands, model);
}

/** The plan with a word about each branch: it takes the time of its layer once more. */
function withBranches(plan: readonly PlannedLayer[], operands: OperandsByLayer, model: Module): PlannedLayer[] {
  const paths = new Set(normalizedConvs(model).map(({ path }) => `${path}.weight`));
  const { forward: all } = operands.all;
  if (all?.method.spatialBranches === true && paths.size === 0) {
    const todo = "Choose the model cnn or resnet, or the method alone";
    throw expected(`branches of ${all.method.name}`, "a 3x3 convolution with a batch norm behind it", "none", todo);
  }
  return plan.map((layer) => {
    const asked = operands.of(layer.name).forward?.method.spatialBranches === true;
    if (!asked || layer.pattern === null || !paths.has(layer.name)) return layer;
    const { forward } = layer.products;
    const products = { ...layer.products, forward: { ...forward, reason: `${forward.reason}; twice, with a branch` } };
    return { ...layer, products };
  });
}

/** The layers that would be sparse with the pattern that a dense run is watched under, by name; none without one. */
function virtualPatterns(recipe: Recipe, model: Module): Map<string, Pattern> {
  const { virtual } = recipe.monitor;
  if (virtual === undefined) return new Map();
  const operands = operandsByLayer({ ...recipe, method: { name: "ste", pattern: virtual } });
  const plan = planLayers(multiplyingWeights(model), operands, { routing: "sparse", skip: recipe.skip });
  return new Map(
    plan.flatMap(({ name, pattern }) => (pattern === null ? [] : [[name, parsePattern(pattern)] as const])),
  );
}

/** The schedule of one phase of the run: warm-up and milestones are shares of its steps. */
function scheduleOf({ rate, schedule }: Recipe["optimizer"], steps: number): Schedule {
  const warmup = Math.min(steps - 1, Math.round(schedule.warmup * steps));
  const rising =
    (after: Schedule): Schedule =>
    (step) =>
      step < warmup ? (rate * (step + 1)) / warmup : after(step);
  switch (schedule.name) {
    case "constant":
      return rising(() => rate);
    case "cosine":
      return warmupCosine({ rate, steps, warmup });
    case "step": {
      const milestones = schedule.milestones.map((share) => Math.round(share * steps));
      return rising(stepwise(rate, milestones, schedule.factor));
    }
  }
}

function optimizerOf(options: Recipe["optimizer"], rate: Schedule): Transform {
  if (options.name === "sgd") return sgd({ ...options, rate });
  const decays = options.decayed === "matrices" ? ({ shape }: Parameter) => shape.length > 1 : undefined;
  return adamW({ ...options, rate, decays });
}
