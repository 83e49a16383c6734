/**
 * Where layers and methods meet: the state of a model's sparse products while it is trained. Layers know "a weight that
 * multiplies" and its operand plan, methods know sites; neither knows the other.
 */
import { expected } from "../errors.ts";
import type { Module, stateOf } from "../nn/module.ts";
import { normalizedConvs, SpatialBranch } from "../nn/spatial-branch.ts";
import { forgetPruned, type Slot, type Transform } from "../optim/transform.ts";
import { Random } from "../random.ts";
import { compactBytes, encodeCompact } from "../sparse/formats/compact.ts";
import { type Verification, verifyValues } from "../sparse/mask.ts";
import { patternName } from "../sparse/pattern.ts";
import { BranchSite } from "./branch-site.ts";
import { RunClock } from "./clock.ts";
import { GradientProbe, type GradientReport } from "./gradient-probe.ts";
import { LayerOperands } from "./layer-operands.ts";
import { type MultiplyingWeight, multiplyingWeights } from "./layers.ts";
import type { WeightMethod, WeightSites } from "./methods/method.ts";
import { ALWAYS_SPARSE, type Phases } from "./phases.ts";
import type { OperandsByLayer, PlannedLayer } from "./plan.ts";
import { Memories, Site } from "./site.ts";
import { type SparsityReport, sparsityReport } from "./sparsity-report.ts";
import { WatchedVariance } from "./watched-variance.ts";

/** What was found in the weights that a layer multiplies by. */
export interface VerifiedLayer {
  readonly layer: string;
  readonly pattern: string;
  readonly axis: string;
  readonly ok: boolean;
  readonly groups: number;
  readonly first: string | null;
}

// "brch": the stream of first weights of branches
const BRANCH_STREAM = 0x62726368;

interface SparsityOptions {
  /** Of the whole run. */
  readonly steps: number;
  /** Of samples of gradients. */
  readonly seed: number;
  readonly phases?: Phases | undefined;
}

/** The sparse products of a model in training. Made by `sparsify`, or by a run. */
export class Sparsity {
  readonly layers: readonly PlannedLayer[];
  readonly #sites: readonly Site[];
  readonly #branches = new Map<Site, BranchSite>();
  readonly #clock: RunClock;
  readonly #weights: readonly MultiplyingWeight[];
  readonly #plans = new Map<string, LayerOperands>();
  readonly #memories = new Memories();
  #variance: Transform["variance"];

  /** layers: the plan for this model and these operands. */
  constructor(
    model: Module,
    operands: OperandsByLayer,
    layers: readonly PlannedLayer[],
    { steps, seed, phases = ALWAYS_SPARSE }: SparsityOptions,
  ) {
    this.layers = layers;
    const clock = new RunClock(steps, phases);
    this.#clock = clock;
    this.#weights = multiplyingWeights(model);
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

  /** Wraps the transform that applies the step, so that methods act right before and after it. */
  around(optimizer: Transform): Transform {
    const sites = new Map(this.#sites.map((site) => [site.parameter, site]));
    const methods = new Set(this.#sites.map(({ method }) => method));
    for (const { name, needsVariance } of methods) {
      if (needsVariance !== true || optimizer.variance !== undefined) continue;
      throw expected(`method ${name}`, "optimizer adamw", optimizer.name, "It freezes the running variance of Adam");
    }
    this.#clock.rate = (step) => optimizer.rate?.(step) ?? 0;
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

  /** Whether any layer is sparse at this moment. */
  get pruned(): boolean {
    return this.#sites.some(({ pruned }) => pruned);
  }

  /** Notes how the masks of the last forward moved; call once a step. Returns the flips of all layers. */
  observe(): number {
    return this.#sites.reduce((flips, site) => flips + (site.pruned ? site.history.observe(site.packed.mask) : 0), 0);
  }

  /** What the layers that methods act on multiply by, zeros included, by name; in a dense phase that is the weight. */
  effectiveWeights(): Map<string, Float32Array> {
    return new Map(this.#sites.map((site) => [site.name, site.effective()]));
  }

  /** Of a model's state: puts one convolution in the place of each that has a branch. In evaluation mode it does the same. */
  mergeBranches(state: ReturnType<typeof stateOf>): void {
    for (const branch of this.#branches.values()) branch.mergeInto(state);
  }

  /**
   * Checks the values that the kernels multiply by, unpacked, not the mask; of a layer with a branch the merged ones. Layers
   * that were never pruned fail; in a dense phase there is nothing to check.
   */
  verify(): VerifiedLayer[] {
    if (this.#clock.phase(false) === "dense") return [];
    return this.#sites.map((site) => {
      const { rows, k, pattern } = site.packed;
      const values = this.#branches.get(site)?.merged().weight ?? site.effective();
      const found: Verification = verifyValues(values, rows, k, pattern);
      const axis = this.layers.find(({ name }) => name === site.name)!.axis;
      const { ok, groups, first } = found;
      return { layer: site.name, pattern: patternName(pattern), axis, ok, groups, first };
    });
  }

  report(): SparsityReport {
    const layers = this.#sites.map(({ name, weight, pattern, pruned, history }) => {
      return { name, weights: weight.length, sparsity: pruned ? 1 - pattern.n / pattern.m : 0, history };
    });
    return sparsityReport(
      layers,
      this.#weights.reduce((sum, { weight }) => sum + weight.size, 0),
    );
  }

  /** Bytes of the weights that multiply: dense in f32, and with the sparse ones in the compact encoding. */
  weightBytes(): { dense: number; packed: number } {
    let dense = 0;
    let packed = 0;
    const sites = new Map(this.#sites.map((site) => [site.name, site]));
    for (const { name, weight } of this.#weights) {
      dense += weight.size * 4;
      const form = sites.get(name)?.current() ?? null;
      packed +=
        form === null
          ? weight.size * 4
          : compactBytes(encodeCompact(weight.data, form.mask, form.rows, form.k, form.pattern));
    }
    return { dense, packed };
  }

  /** Masks and histories, to be saved; `restore` brings them back. */
  state(): Map<string, { shape: readonly number[]; data: Uint32Array | Float64Array }> {
    const state = new Map<string, { shape: readonly number[]; data: Uint32Array | Float64Array }>();
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

  /** Brings back what `state` gave, at the step the run goes on with. */
  restore(state: ReadonlyMap<string, { data: ArrayLike<number> }>, step: number): void {
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
}
