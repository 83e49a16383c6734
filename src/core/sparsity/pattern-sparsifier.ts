/**
 * Weights and gradients under N:M methods while a model is trained. Here layers and methods meet: layers know "a weight
 * that multiplies" and its operand plan, methods know sparse parameters; neither knows the other.
 */
import { expected } from "../errors.ts";
import type { Module } from "../nn/module.ts";
import { normalizedConvs, SpatialBranch } from "../nn/spatial-branch.ts";
import type { Values } from "../nn/state.ts";
import { forgetPruned, type Slot, type Transform } from "../optim/transform.ts";
import { Random } from "../random.ts";
import { type Pattern, patternName, type Remainder } from "../sparse/pattern.ts";
import { BranchWeight } from "./branch-weight.ts";
import { RunClock } from "./clock.ts";
import { GradientProbe, type GradientReport } from "./gradient-probe.ts";
import { LayerOperands } from "./layer-operands.ts";
import type { MultiplyingWeight } from "./layers.ts";
import type { SparseParameters, WeightMethod } from "./methods/method.ts";
import { NamedArrays } from "./named-arrays.ts";
import { PackedParameter } from "./packed-parameter.ts";
import { ALWAYS_SPARSE, type Phases } from "./phases.ts";
import type { Operands, OperandsByLayer, PlannedLayer } from "./plan.ts";
import type { SparseLayer } from "./report.ts";
import type { RestoredArrays, SavedArrays, Sparsifier, VerifiedLayer, WatchedMask } from "./sparsifier.ts";
import { WatchedVariance } from "./watched-variance.ts";

// "brch": the stream of first weights of branches
const BRANCH_STREAM = 0x62726368;

interface PatternSparsifierOptions {
  /** Number of steps of the whole run. */
  readonly steps: number;
  /** Seed of samples of gradients. */
  readonly seed: number;
  readonly phases?: Phases | undefined;
  /** What becomes of entries that M does not divide. Default "dense". */
  readonly remainder?: Remainder | undefined;
  /** Whether weights that are zero now stay zero. Default false. */
  readonly keepZeros?: boolean | undefined;
}

/**
 * Of what is asked for the operands that the plan has: where the pattern does not fit, or a product is never computed, a
 * weight with zeros is multiplied by as it is.
 */
function planned(asked: Operands, { forward, inputGrad, weightGrad }: PlannedLayer["products"]): Operands {
  return {
    forward: asked.forward,
    activations: forward.operand === "activations" ? asked.activations : null,
    inputGrad: inputGrad.operand === null ? null : asked.inputGrad,
    weightGrad: weightGrad.operand === null ? null : asked.weightGrad,
  };
}

export class PatternSparsifier implements Sparsifier {
  readonly name = "sparsity";
  readonly layers: readonly PlannedLayer[];
  readonly #parameters: readonly PackedParameter[];
  readonly #branches = new Map<PackedParameter, BranchWeight>();
  readonly #clock: RunClock;
  readonly #weights: readonly MultiplyingWeight[];
  readonly #plans = new Map<string, LayerOperands>();
  readonly #arrays = new NamedArrays();
  #variance: Transform["variance"];

  /** `weights` are those of the model that multiply; `layers` is the plan for them and these operands. */
  constructor(
    model: Module,
    weights: readonly MultiplyingWeight[],
    operands: OperandsByLayer,
    layers: readonly PlannedLayer[],
    { steps, seed, phases = ALWAYS_SPARSE, remainder = "dense", keepZeros = false }: PatternSparsifierOptions,
  ) {
    this.layers = layers;
    const clock = new RunClock(steps, phases);
    this.#clock = clock;
    this.#weights = weights;
    const parameters: PackedParameter[] = [];
    this.#weights.forEach((source, layer) => {
      const { pattern, computed, products } = layers[layer];
      const own = planned(operands.of(source.name), products);
      const { forward } = own;
      const sparse =
        pattern === null || forward === null
          ? null
          : new PackedParameter(source, forward.pattern, forward.method, clock, remainder);
      if (sparse !== null) parameters.push(sparse);
      const asked = Object.values(computed).some((one) => one !== "dense");
      if (sparse === null && !asked) return;
      const plan = new LayerOperands(source, computed, own, sparse, clock, { seed, layer });
      source.weight.plan = plan;
      this.#plans.set(source.name, plan);
    });
    this.#parameters = parameters;
    if (keepZeros) {
      for (const { name, method } of parameters) {
        if (method.spatialBranches !== true) continue;
        const todo = "Choose another method, or let zeros come back";
        throw expected("keepZeros", `a method without branches for ${name}`, method.name, todo);
      }
      for (const parameter of parameters) parameter.keepZeros();
    }
    this.#grow(model, operands, seed);
  }

  /**
   * Puts branches beside the sparse convolutions whose method asks for them; their products take the routes of the
   * convolutions.
   */
  #grow(model: Module, operands: OperandsByLayer, seed: number): void {
    const random = new Random(seed, BRANCH_STREAM);
    for (const pair of normalizedConvs(model)) {
      const { conv } = pair;
      const { device } = conv.weight;
      const sparse = this.#parameters.find(({ parameter }) => parameter === conv.weight);
      if (sparse?.method.spatialBranches !== true) continue;
      const branch = new SpatialBranch(conv, { device, random });
      conv.branch = branch;
      const { weight } = branch.conv;
      const own = new BranchWeight(sparse, pair, branch);
      this.#branches.set(sparse, own);
      const layer = this.#weights.findIndex((one) => one.weight === conv.weight);
      const source = { ...this.#weights[layer], name: own.name, weight };
      // the gradients of a branch are not those of the convolution, so it has its own draws
      const chance = { seed, layer: this.#weights.length + layer };
      const { computed, products } = this.layers[layer];
      const asked = planned(operands.of(sparse.name), products);
      weight.plan = new LayerOperands(source, computed, asked, own, this.#clock, chance);
    }
  }

  /** Wraps an optimizer, so that methods act right before and after its step. */
  around(optimizer: Transform): Transform {
    const parameters = new Map(this.#parameters.map((sparse) => [sparse.parameter, sparse]));
    const methods = new Set(this.#parameters.map(({ method }) => method));
    for (const { name, needsVariance } of methods) {
      if (needsVariance !== true || optimizer.variance !== undefined) continue;
      throw expected(`method ${name}`, "optimizer adamw", optimizer.name, "It freezes the running variance of Adam");
    }
    this.#clock.learningRate = (step) => optimizer.learningRate?.(step) ?? 0;
    this.#variance = optimizer.variance;
    const needing = this.#parameters.filter(({ method }) => method.needsVariance === true);
    if (needing.length > 0) optimizer.variance?.begin(new Set(needing.map(({ parameter }) => parameter)));
    return {
      ...optimizer,
      update: (slots: readonly Slot[], step: number) => {
        this.#clock.step = step;
        const clock = this.#clock.at(true);
        // in a dense phase the masks belong to another phase
        const idle = this.#clock.phase(true) === "dense";
        const decaying = slots.map((slot) => {
          const sparse = parameters.get(slot.parameter);
          if (sparse?.nonZeros) sparse.zeroKept(sparse.gradient);
          if (sparse === undefined || idle) return slot;
          sparse.method.onGradient?.(sparse, clock);
          if (sparse.takeForgets()) forgetPruned(slot, sparse.mask, sparse.rows, sparse.k);
          const prunedDecay = sparse.takeDecay();
          if (prunedDecay === null) return slot;
          if (optimizer.decaysPruned === true) return { ...slot, prunedDecay };
          sparse.decayNow(prunedDecay);
          return slot;
        });
        optimizer.update(decaying, step);
        for (const { parameter } of idle ? [] : slots) {
          const sparse = parameters.get(parameter);
          sparse?.method.afterStep?.(sparse, clock);
        }
        for (const sparse of this.#parameters) sparse.zeroKept(sparse.weight);
        for (const method of methods) method.afterStepOfAll?.(this.#parametersOf(method, step), clock);
        this.#clock.step = step + 1;
      },
    };
  }

  #parametersOf(method: WeightMethod, step: number): SparseParameters {
    const parameters = this.#parameters.filter((sparse) => sparse.method === method);
    const running = this.#variance;
    const { kernels } = parameters[0];
    return {
      parameters,
      variance: running === undefined ? null : new WatchedVariance(running, step),
      state: (name, length) => this.#arrays.take(`${method.name}.${name}`, length, kernels),
    };
  }

  get masks(): readonly WatchedMask[] {
    return this.#parameters;
  }

  permutes(step: number): ReadonlyMap<string, Pattern> {
    const asking = this.#parameters.filter(({ method }) => method.permutesAt?.(this.#clock.steps) === step);
    // a mask that another layer has chosen already would not move with its weight
    if (this.pruned) return new Map();
    return new Map(asking.map(({ name, pattern }) => [name, pattern]));
  }

  /**
   * Compares the gradients of `pass`, a forward and backward pass, with dense and with sparse products. Masks are those
   * of the next step, which chooses them anew.
   */
  probe(repeats: number, pass: () => void): GradientReport[] {
    const probe = new GradientProbe(repeats);
    const watched = [...this.#weights, ...this.#branches.values()].filter(({ weight }) => weight.plan !== null);
    this.#clock.probe = probe;
    try {
      return probe.run(() => {
        pass();
        return new Map(watched.map(({ name, weight }) => [name, weight.grad]));
      });
    } finally {
      this.#clock.probe = null;
      for (const { weight } of watched) weight.touch();
    }
  }

  /** The sparse parameters, each under its method. */
  get parameters(): readonly PackedParameter[] {
    return this.#parameters;
  }

  get pruned(): boolean {
    return this.#parameters.some(({ pruned }) => pruned);
  }

  observe(): number {
    return this.#parameters.reduce(
      (flips, sparse) => flips + (sparse.pruned ? sparse.history.observe(sparse.packed.mask) : 0),
      0,
    );
  }

  /**
   * Puts the weights with their zeros into `values`; in a dense phase that is the weight as it is. One convolution
   * takes the place of each that has a branch; in evaluation mode it computes the same.
   */
  applyTo(values: Values): void {
    this.#reading(() => {
      for (const sparse of this.#parameters)
        values.set(sparse.name, { shape: sparse.parameter.shape, data: sparse.effective() });
      for (const branch of this.#branches.values()) branch.mergeInto(values);
    });
  }

  /** Runs `body` as an evaluation does: packs may follow the weights, but no phase begins and no method acts. */
  #reading<T>(body: () => T): T {
    const [sparse] = this.#parameters;
    return sparse === undefined ? body() : sparse.parameter.device.withoutGradients(body);
  }

  /**
   * Checks the unpacked values by which the kernels multiply, not the mask; for a layer with a branch the merged
   * values. Layers that were never pruned fail; in a dense phase there is nothing to check.
   */
  verify(): VerifiedLayer[] {
    if (this.#clock.phase(false) === "dense") return [];
    return this.#reading(() => this.#verified());
  }

  #verified(): VerifiedLayer[] {
    return this.#parameters.map((sparse) => {
      const { pattern } = sparse.packed;
      const values = this.#branches.get(sparse)?.merged().weight ?? sparse.effective();
      const found = sparse.packed.verify(values);
      const axis = this.layers.find(({ name }) => name === sparse.name)!.axis;
      const { ok, groups, first } = found;
      return { layer: sparse.name, pattern: patternName(pattern), axis, ok, groups, first };
    });
  }

  report(): readonly SparseLayer[] {
    return this.#parameters.map(({ name, weight, pattern, pruned, history }) => {
      return { name, weights: weight.length, sparsity: pruned ? 1 - pattern.n / pattern.m : 0, history };
    });
  }

  /** Number of bytes in the N:M encoding. */
  storedBytes(): ReadonlyMap<string, number> {
    return this.#reading(
      () =>
        new Map(
          this.#parameters.flatMap((sparse) => {
            const form = sparse.current();
            if (form === null) return [];
            return [[sparse.name, form.storedBytes(sparse.weight)] as const];
          }),
        ),
    );
  }

  /** Masks, their histories, and the arrays that methods keep. */
  state(): SavedArrays {
    const state: SavedArrays = new Map();
    const put = (name: string, data: Uint32Array | Float64Array): void => {
      state.set(name, { shape: [data.length], data });
    };
    for (const [name, array] of this.#arrays.all()) put(`state of all/${name}`, Float64Array.from(array));
    const { frozenAt, watched } = this.#variance ?? { frozenAt: null, watched: false };
    // otherwise the first drift after a resumption would be missing
    if (watched) put("variance watched", Float64Array.of(1));
    if (frozenAt !== null) put("variance frozen", Float64Array.of(frozenAt));
    for (const sparse of this.#parameters) {
      const { name, chosen, packed, history, soft, arrays } = sparse;
      for (const [key, array] of arrays.all()) put(`state of ${name}/${key}`, Float64Array.from(array));
      if (soft !== 0) put(`${name}.soft`, Float64Array.of(soft));
      const { n, m, v } = packed.pattern;
      put(`${name}.pattern`, Float64Array.of(n, m, v));
      if (sparse.nonZeros !== null) put(`${name}.nonZeros`, sparse.nonZeros.slice());
      if (!chosen) continue;
      put(`${name}.mask`, packed.mask.slice());
      put(`${name}.firstMask`, history.first);
      put(`${name}.lastMask`, history.last);
      put(`${name}.flips`, history.counts());
      const branch = this.#branches.get(sparse);
      if (branch !== undefined) put(`${name}.taps`, Uint32Array.of(branch.taps));
    }
    for (const [name, plan] of this.#plans) {
      for (const [key, data] of plan.state()) put(`${name}.inputGrad.${key}`, data);
    }
    return state;
  }

  restore(state: RestoredArrays, step: number): void {
    this.#clock.step = step;
    // version 0.1 called the state "memory"
    const arraysOf = (owner: string): ReadonlyMap<string, ArrayLike<number>> =>
      new Map(
        [`memory of ${owner}/`, `state of ${owner}/`].flatMap((prefix) =>
          [...state].flatMap(([name, { data }]) =>
            name.startsWith(prefix) ? [[name.slice(prefix.length), data] as const] : [],
          ),
        ),
      );
    this.#arrays.restore(arraysOf("all"));
    const frozenAt = state.get("variance frozen")?.data[0];
    if (this.#variance !== undefined) {
      this.#variance.frozenAt = frozenAt ?? null;
      this.#variance.watched = state.has("variance watched");
    }
    for (const [name, plan] of this.#plans) {
      const saved = (key: string): ArrayLike<number> | null => state.get(`${name}.inputGrad.${key}`)?.data ?? null;
      plan.restore({ choice: saved("choice"), order: saved("order") });
    }
    for (const sparse of this.#parameters) {
      sparse.arrays.restore(arraysOf(sparse.name));
      const pattern = state.get(`${sparse.name}.pattern`);
      if (pattern !== undefined) {
        const [n, m, v] = Array.from(pattern.data);
        sparse.changePattern({ n, m, v });
      }
      const nonZeros = state.get(`${sparse.name}.nonZeros`)?.data;
      if (nonZeros !== undefined) sparse.nonZeros = sparse.kernels.uint32(nonZeros.length);
      if (nonZeros !== undefined) sparse.nonZeros?.set(nonZeros);
      sparse.soft = state.get(`${sparse.name}.soft`)?.data[0] ?? 0;
      const mask = state.get(`${sparse.name}.mask`);
      if (mask === undefined) continue;
      if (mask.data.length !== sparse.packed.mask.length) {
        throw expected(
          `checkpoint: mask of ${sparse.name}`,
          `${sparse.packed.mask.length} words`,
          `${mask.data.length}`,
          "Resume with the recipe of this run",
        );
      }
      sparse.bringBack(mask.data);
      const [first, last, counts] = ["firstMask", "lastMask", "flips"].map((what) =>
        state.get(`${sparse.name}.${what}`),
      );
      sparse.history.restore(first?.data ?? [], last?.data ?? [], counts?.data ?? []);
      const branch = this.#branches.get(sparse);
      if (branch !== undefined) branch.taps = state.get(`${sparse.name}.taps`)?.data[0] ?? 0;
    }
  }

  detach(): void {
    for (const { weight } of this.#weights) weight.plan = null;
    for (const branch of this.#branches.values()) branch.remove();
  }
}
