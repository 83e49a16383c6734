/**
 * Weights and gradients under N:M methods while a model is trained: where layers and methods meet. Layers know "a weight
 * that multiplies" and its operand plan, methods know sites; neither knows the other.
 */
import { expected } from "../errors.ts";
import type { Module } from "../nn/module.ts";
import { normalizedConvs, SpatialBranch } from "../nn/spatial-branch.ts";
import type { Values } from "../nn/state.ts";
import { forgetPruned, type Slot, type Transform } from "../optim/transform.ts";
import { Random } from "../random.ts";
import { compactBytes, encodeCompact } from "../sparse/formats/compact.ts";
import { type Verification, verifyValues } from "../sparse/mask.ts";
import { type Pattern, patternName } from "../sparse/pattern.ts";
import { BranchSite } from "./branch-site.ts";
import { RunClock } from "./clock.ts";
import { GradientProbe, type GradientReport } from "./gradient-probe.ts";
import { LayerOperands } from "./layer-operands.ts";
import type { MultiplyingWeight } from "./layers.ts";
import type { WeightMethod, WeightSites } from "./methods/method.ts";
import { ALWAYS_SPARSE, type Phases } from "./phases.ts";
import type { OperandsByLayer, PlannedLayer } from "./plan.ts";
import type { SparseLayer } from "./report.ts";
import { Memories, Site } from "./site.ts";
import type { RestoredArrays, SavedArrays, Sparsifier, VerifiedLayer, WatchedMask } from "./sparsifier.ts";
import { WatchedVariance } from "./watched-variance.ts";

// "brch": the stream of first weights of branches
const BRANCH_STREAM = 0x62726368;

interface PatternSparsifierOptions {
  /** Of the whole run. */
  readonly steps: number;
  /** Of samples of gradients. */
  readonly seed: number;
  readonly phases?: Phases | undefined;
}

export class PatternSparsifier implements Sparsifier {
  readonly name = "sparsity";
  readonly layers: readonly PlannedLayer[];
  readonly #sites: readonly Site[];
  readonly #branches = new Map<Site, BranchSite>();
  readonly #clock: RunClock;
  readonly #weights: readonly MultiplyingWeight[];
  readonly #plans = new Map<string, LayerOperands>();
  readonly #memories = new Memories();
  #variance: Transform["variance"];

  /** weights: those of the model that multiply; layers: the plan for them and these operands. */
  constructor(
    model: Module,
    weights: readonly MultiplyingWeight[],
    operands: OperandsByLayer,
    layers: readonly PlannedLayer[],
    { steps, seed, phases = ALWAYS_SPARSE }: PatternSparsifierOptions,
  ) {
    this.layers = layers;
    const clock = new RunClock(steps, phases);
    this.#clock = clock;
    this.#weights = weights;
    const sites: Site[] = [];
    this.#weights.forEach((source, layer) => {
      const { pattern, routes } = layers[layer];
      const own = operands.of(source.name);
      const { forward } = own;
      const site =
        pattern === null || forward === null ? null : new Site(source, forward.pattern, forward.method, clock);
      if (site !== null) sites.push(site);
      const asked =
        routes.forward === "sparse" ||
        routes.weightGrad === "sparse" ||
        (routes.inputGrad !== "dense" && own.inputGrad?.method.operand === "gradient");
      if (site === null && !asked) return;
      const plan = new LayerOperands(source, routes, own, site, clock, { seed, layer });
      source.weight.plan = plan;
      this.#plans.set(source.name, plan);
    });
    this.#sites = sites;
    this.#grow(model, operands, seed);
  }

  /** Puts branches beside the sparse convolutions whose method asks; their products take the routes of the convolutions'. */
  #grow(model: Module, operands: OperandsByLayer, seed: number): void {
    const random = new Random(seed, BRANCH_STREAM);
    for (const pair of normalizedConvs(model)) {
      const { conv } = pair;
      const { device } = conv.weight;
      const site = this.#sites.find(({ parameter }) => parameter === conv.weight);
      if (site?.method.spatialBranches !== true) continue;
      const branch = new SpatialBranch(conv, { device, random });
      conv.branch = branch;
      const { weight } = branch.conv;
      const own = new BranchSite(site, pair, branch);
      this.#branches.set(site, own);
      const layer = this.#weights.findIndex((one) => one.weight === conv.weight);
      const source = { ...this.#weights[layer], name: own.name, weight };
      // its gradients are not those of the convolution, so its draws are not
      const chance = { seed, layer: this.#weights.length + layer };
      const { routes } = this.layers[layer];
      weight.plan = new LayerOperands(source, routes, operands.of(site.name), own, this.#clock, chance);
    }
  }

  /** Methods act right before and after the step. */
  around(optimizer: Transform): Transform {
    const sites = new Map(this.#sites.map((site) => [site.parameter, site]));
    const methods = new Set(this.#sites.map(({ method }) => method));
    for (const { name, needsVariance } of methods) {
      if (needsVariance !== true || optimizer.variance !== undefined) continue;
      throw expected(`method ${name}`, "optimizer adamw", optimizer.name, "It freezes the running variance of Adam");
    }
    this.#clock.rate = (step) => optimizer.learningRate?.(step) ?? 0;
    this.#variance = optimizer.variance;
    return {
      ...optimizer,
      update: (slots: readonly Slot[], step: number) => {
        this.#clock.step = step;
        const clock = this.#clock.at(true);
        // in a dense phase masks are those of another one
        const idle = this.#clock.phase(true) === "dense";
        const decaying = slots.map((slot) => {
          const site = sites.get(slot.parameter);
          if (site === undefined || idle) return slot;
          site.method.onGradient?.(site, clock);
          if (site.takeForgets()) forgetPruned(slot, site.mask, site.rows, site.k);
          const prunedDecay = site.takeDecay();
          if (prunedDecay === null) return slot;
          if (optimizer.decaysPruned === true) return { ...slot, prunedDecay };
          site.decayNow(prunedDecay);
          return slot;
        });
        optimizer.update(decaying, step);
        for (const { parameter } of idle ? [] : slots) {
          const site = sites.get(parameter);
          site?.method.afterStep?.(site, clock);
        }
        for (const method of methods) method.afterStepOfAll?.(this.#sitesOf(method, step), clock);
        this.#clock.step = step + 1;
      },
    };
  }

  #sitesOf(method: WeightMethod, step: number): WeightSites {
    const sites = this.#sites.filter((site) => site.method === method);
    const running = this.#variance;
    const { kernels } = sites[0];
    return {
      sites,
      variance: running === undefined ? null : new WatchedVariance(running, step),
      memory: (name, length) => this.#memories.take(`${method.name}.${name}`, length, kernels),
    };
  }

  get masks(): readonly WatchedMask[] {
    return this.#sites;
  }

  permutes(step: number): ReadonlyMap<string, Pattern> {
    const asking = this.#sites.filter(({ method }) => method.permutesAt?.(this.#clock.steps) === step);
    // a mask that another layer has chosen already would not move with its weight
    if (this.pruned) return new Map();
    return new Map(asking.map(({ name, pattern }) => [name, pattern]));
  }

  /**
   * Looks at the gradients that `pass`, a forward and backward pass, leaves, with dense and with sparse products. Masks are
   * those of the step to come, which chooses them anew.
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

  /** The weights under a method. */
  get sites(): readonly Site[] {
    return this.#sites;
  }

  get pruned(): boolean {
    return this.#sites.some(({ pruned }) => pruned);
  }

  observe(): number {
    return this.#sites.reduce((flips, site) => flips + (site.pruned ? site.history.observe(site.packed.mask) : 0), 0);
  }

  /**
   * With zeros; in a dense phase it is the weight. One convolution takes the place of each that has a branch: in evaluation
   * mode it does the same.
   */
  applyTo(values: Values): void {
    this.#reading(() => {
      for (const site of this.#sites) values.set(site.name, { shape: site.parameter.shape, data: site.effective() });
      for (const branch of this.#branches.values()) branch.mergeInto(values);
    });
  }

  /** Runs body as an evaluation does: packs may follow the weights, but no phase begins and no method acts. */
  #reading<T>(body: () => T): T {
    const [site] = this.#sites;
    return site === undefined ? body() : site.parameter.device.withoutGradients(body);
  }

  /**
   * Checks the values that the kernels multiply by, unpacked, not the mask; of a layer with a branch the merged ones. Layers
   * that were never pruned fail; in a dense phase there is nothing to check.
   */
  verify(): VerifiedLayer[] {
    if (this.#clock.phase(false) === "dense") return [];
    return this.#reading(() => this.#verified());
  }

  #verified(): VerifiedLayer[] {
    return this.#sites.map((site) => {
      const { rows, k, pattern } = site.packed;
      const values = this.#branches.get(site)?.merged().weight ?? site.effective();
      const found: Verification = verifyValues(values, rows, k, pattern);
      const axis = this.layers.find(({ name }) => name === site.name)!.axis;
      const { ok, groups, first } = found;
      return { layer: site.name, pattern: patternName(pattern), axis, ok, groups, first };
    });
  }

  report(): readonly SparseLayer[] {
    return this.#sites.map(({ name, weight, pattern, pruned, history }) => {
      return { name, weights: weight.length, sparsity: pruned ? 1 - pattern.n / pattern.m : 0, history };
    });
  }

  /** In the compact encoding. */
  storedBytes(): ReadonlyMap<string, number> {
    return this.#reading(
      () =>
        new Map(
          this.#sites.flatMap((site) => {
            const form = site.current();
            if (form === null) return [];
            return [[site.name, compactBytes(encodeCompact(site.weight, form.mask, form.rows, form.k, form.pattern))]];
          }),
        ),
    );
  }

  /** Masks, histories, what methods keep. */
  state(): SavedArrays {
    const state: SavedArrays = new Map();
    const put = (name: string, data: Uint32Array | Float64Array): void => {
      state.set(name, { shape: [data.length], data });
    };
    for (const [name, array] of this.#memories.all()) put(`memory of all/${name}`, Float64Array.from(array));
    const { frozenAt, watched } = this.#variance ?? { frozenAt: null, watched: false };
    // else the first drift after a resumption would be missing
    if (watched) put("variance watched", Float64Array.of(1));
    if (frozenAt !== null) put("variance frozen", Float64Array.of(frozenAt));
    for (const site of this.#sites) {
      const { name, chosen, packed, history, soft, memories } = site;
      for (const [key, array] of memories.all()) put(`memory of ${name}/${key}`, Float64Array.from(array));
      if (soft !== 0) put(`${name}.soft`, Float64Array.of(soft));
      const { n, m, v } = packed.pattern;
      put(`${name}.pattern`, Float64Array.of(n, m, v));
      if (!chosen) continue;
      put(`${name}.mask`, packed.mask.slice());
      put(`${name}.firstMask`, history.first);
      put(`${name}.lastMask`, history.last);
      put(`${name}.flips`, history.counts());
      const branch = this.#branches.get(site);
      if (branch !== undefined) put(`${name}.taps`, Uint32Array.of(branch.taps));
    }
    for (const [name, plan] of this.#plans) {
      for (const [key, data] of plan.state()) put(`${name}.inputGrad.${key}`, data);
    }
    return state;
  }

  restore(state: RestoredArrays, step: number): void {
    this.#clock.step = step;
    const under = (prefix: string): ReadonlyMap<string, ArrayLike<number>> =>
      new Map(
        [...state].flatMap(([name, { data }]) => (name.startsWith(prefix) ? [[name.slice(prefix.length), data]] : [])),
      );
    this.#memories.restore(under("memory of all/"));
    const frozenAt = state.get("variance frozen")?.data[0];
    if (this.#variance !== undefined) {
      this.#variance.frozenAt = frozenAt ?? null;
      this.#variance.watched = state.has("variance watched");
    }
    for (const [name, plan] of this.#plans) {
      const saved = (key: string): ArrayLike<number> | null => state.get(`${name}.inputGrad.${key}`)?.data ?? null;
      plan.restore({ choice: saved("choice"), order: saved("order") });
    }
    for (const site of this.#sites) {
      site.memories.restore(under(`memory of ${site.name}/`));
      const pattern = state.get(`${site.name}.pattern`);
      if (pattern !== undefined) {
        const [n, m, v] = Array.from(pattern.data);
        site.changePattern({ n, m, v });
      }
      site.soft = state.get(`${site.name}.soft`)?.data[0] ?? 0;
      const mask = state.get(`${site.name}.mask`);
      if (mask === undefined) continue;
      if (mask.data.length !== site.packed.mask.length) {
        throw expected(
          `checkpoint: mask of ${site.name}`,
          `${site.packed.mask.length} words`,
          `${mask.data.length}`,
          "Resume with the recipe of this run",
        );
      }
      site.bringBack(mask.data);
      const [first, last, counts] = ["firstMask", "lastMask", "flips"].map((what) => state.get(`${site.name}.${what}`));
      site.history.restore(first?.data ?? [], last?.data ?? [], counts?.data ?? []);
      const branch = this.#branches.get(site);
      if (branch !== undefined) branch.taps = state.get(`${site.name}.taps`)?.data[0] ?? 0;
    }
  }

  detach(): void {
    for (const { weight } of this.#weights) weight.plan = null;
    for (const branch of this.#branches.values()) branch.remove();
  }
}
