/**
 * Where layers and methods meet: which weights of a model become N:M, and the state of each while it is trained.
 * Layers know "a weight that multiplies", methods know sites; neither knows the other.
 */
import { expected } from "../errors.ts";
import type { Clock, WeightMethod, WeightSite } from "../methods/method.ts";
import { MaskHistory } from "../metrics/mask-history.ts";
import { Conv2d } from "../nn/conv2d.ts";
import { Linear } from "../nn/linear.ts";
import type { Module } from "../nn/module.ts";
import type { Slot, Transform } from "../optim/transform.ts";
import { compactBytes, encodeCompact } from "../sparse/compact.ts";
import { type Verification, verifyValues } from "../sparse/mask.ts";
import { PackedMatrix } from "../sparse/packed-matrix.ts";
import { misfit, type Pattern, parsePattern, patternName } from "../sparse/pattern.ts";
import type { Packing, Parameter } from "../tensor/tensor.ts";

/** How a product is computed; "masked": dense arithmetic on zeros, never reported as a speed-up of its own. */
export type Route = "dense" | "sparse" | "masked";

/** What was decided for one layer. */
export interface PlannedLayer {
  /** Path of the weight, e.g. "fc1.weight". */
  readonly name: string;
  readonly shape: readonly number[];
  /** Null: the layer stays dense. */
  readonly pattern: string | null;
  /** What the groups run along: "inputs" or "channels". */
  readonly axis: string;
  readonly routes: { readonly forward: Route; readonly inputGrad: Route; readonly weightGrad: Route };
  readonly reason: string;
}

/** A weight with its rows, contraction dimension and the axis that groups run along. */
interface MultiplyingWeight {
  readonly name: string;
  readonly weight: Parameter;
  readonly rows: number;
  readonly k: number;
  readonly axis: string;
  readonly axisLength: number;
}

function multiplyingWeights(model: Module): MultiplyingWeight[] {
  const found: MultiplyingWeight[] = [];
  for (const [path, module] of model.modules()) {
    if (!(module instanceof Linear || module instanceof Conv2d)) continue;
    const { weight } = module;
    const [rows] = weight.shape;
    const axisLength = weight.shape[weight.shape.length - 1];
    const axis = module instanceof Linear ? "inputs" : "channels";
    const name = path === "" ? "weight" : `${path}.weight`;
    found.push({ name, weight, rows, k: weight.size / rows, axis, axisLength });
  }
  return found;
}

const DENSE_ROUTES = { forward: "dense", inputGrad: "dense", weightGrad: "dense" } as const;
const SPARSE_ROUTES = { forward: "sparse", inputGrad: "masked", weightGrad: "dense" } as const;

/** Decides for every weight that multiplies; the last one, the classifier, stays dense, as in the papers. */
export function planLayers(model: Module, pattern: Pattern): PlannedLayer[] {
  const weights = multiplyingWeights(model);
  return weights.map(({ name, weight, axis, axisLength }, i) => {
    const why = i === weights.length - 1 ? "the last layer stays dense" : misfit(pattern, axisLength);
    const base = { name, shape: weight.shape, axis };
    if (why !== undefined) return { ...base, pattern: null, routes: DENSE_ROUTES, reason: why };
    const groups = `groups of ${pattern.m} along ${axis}`;
    return { ...base, pattern: patternName(pattern), routes: SPARSE_ROUTES, reason: groups };
  });
}

/** One sparse weight. */
class Site implements WeightSite, Packing {
  readonly name: string;
  readonly weight: Parameter;
  readonly packed: PackedMatrix;
  readonly history: MaskHistory;
  pruned = false;
  weightIsMasked = false;
  readonly #method: WeightMethod;
  readonly #clock: Clock;
  #version = -1;
  #evaluated = false;

  constructor(source: MultiplyingWeight, pattern: Pattern, method: WeightMethod, clock: Clock) {
    this.name = source.name;
    this.weight = source.weight;
    this.packed = new PackedMatrix(source.weight.device.kernels, source.rows, source.k, pattern);
    this.history = new MaskHistory(source.weight.size);
    this.#method = method;
    this.#clock = clock;
    source.weight.packing = this;
  }

  current(): PackedMatrix | null {
    const { device, version } = this.weight;
    // An evaluation shows the model of the step before: it must not begin a phase. The next training step packs anew,
    // although nothing has changed, so that its time is whole.
    const training = device.recording;
    if (this.#version !== version || (training && this.#evaluated)) {
      this.#version = version;
      this.#evaluated = !training;
      const { step, steps } = this.#clock;
      const clock = { step: training ? step : step - 1, steps };
      device.timed("pack", () => this.#method.beforeForward(this, clock));
    }
    return this.pruned ? this.packed : null;
  }

  prune(): void {
    this.packed.prune(this.weight.data);
    this.pruned = true;
    this.weightIsMasked = false;
  }

  repack(): void {
    this.packed.repack(this.weight.data);
  }

  /** A copy of what the products multiply by: unpacked from the pack itself where the weight is sparse. */
  effective(): Float32Array {
    if (this.current() === null) return this.weight.data.slice();
    const w = new Float32Array(this.weight.size);
    this.packed.unpackInto(w);
    return w;
  }

  decayPruned(lambda: number): void {
    const { rows, k, mask } = this.packed;
    this.weight.device.kernels.maskedDecay(this.weight.grad, this.weight.data, mask, rows, k, lambda);
  }

  maskGradient(): void {
    const { rows, k, mask } = this.packed;
    this.weight.device.kernels.applyMask(this.weight.grad, mask, rows, k);
  }

  maskWeight(): void {
    const { rows, k, mask } = this.packed;
    this.weight.device.kernels.applyMask(this.weight.data, mask, rows, k);
    this.weightIsMasked = true;
  }
}

/** What was found in the weights that a layer multiplies by. */
export interface VerifiedLayer {
  readonly layer: string;
  readonly pattern: string;
  readonly axis: string;
  readonly ok: boolean;
  readonly groups: number;
  readonly first: string | null;
}

/** What movement and size a run reports. */
export interface SparsityReport {
  /** Totals over the sparse layers: SAD of the first and last mask, its share of the weights, mean flips a step. */
  readonly sad: number;
  readonly sadShare: number;
  readonly flipRate: number;
  /** Share of zeros among all weights that multiply. */
  readonly sparsity: number;
  readonly layers: readonly {
    readonly layer: string;
    readonly sad: number;
    readonly flipRate: number;
    readonly sparsity: number;
  }[];
}

export interface SparsifyOptions {
  /** "2:4", "1:4v2", ... */
  readonly pattern: string;
  /** Steps of the whole run: methods with phases count in shares of it. */
  readonly steps: number;
}

/** A model's weights under one method. Made by `sparsify`. */
export class Sparsity {
  readonly method: WeightMethod;
  readonly layers: readonly PlannedLayer[];
  readonly #sites: readonly Site[];
  readonly #clock: { step: number; readonly steps: number };
  readonly #weights: readonly MultiplyingWeight[];

  constructor(model: Module, method: WeightMethod, pattern: Pattern, steps: number) {
    this.method = method;
    this.layers = planLayers(model, pattern);
    this.#clock = { step: 0, steps };
    this.#weights = multiplyingWeights(model);
    const sparse = new Set(this.layers.filter((layer) => layer.pattern !== null).map(({ name }) => name));
    if (sparse.size === 0) {
      const reasons = this.layers.map(({ name, reason }) => `${name}: ${reason}`).join("; ");
      throw expected(
        `pattern ${patternName(pattern)}`,
        "at least one layer that it fits",
        reasons === "" ? "a model without products" : reasons,
        "Choose another pattern, or layer widths that are multiples of its M",
      );
    }
    this.#sites = this.#weights
      .filter(({ name }) => sparse.has(name))
      .map((weight) => new Site(weight, pattern, method, this.#clock));
  }

  /** Wraps the transform that applies the step, so that the method acts right before and after it. */
  around(optimiser: Transform): Transform {
    return {
      ...optimiser,
      update: (slots: readonly Slot[], step: number) => {
        this.#clock.step = step;
        const trained = new Set(slots.map(({ parameter }) => parameter));
        const sites = this.#sites.filter(({ weight }) => trained.has(weight));
        for (const site of sites) this.method.onGradient?.(site, this.#clock);
        optimiser.update(slots, step);
        for (const site of sites) this.method.afterStep?.(site, this.#clock);
        this.#clock.step = step + 1;
      },
    };
  }

  /** Whether any layer is sparse at this moment. */
  get pruned(): boolean {
    return this.#sites.some(({ pruned }) => pruned);
  }

  /** Notes how the masks of the last forward moved; call once a step. Returns the flips of all layers. */
  observe(): number {
    return this.#sites.reduce((flips, site) => flips + (site.pruned ? site.history.observe(site.packed.mask) : 0), 0);
  }

  /** The weights that the sparse layers multiply by, zeros included, by name. */
  effectiveWeights(): Map<string, Float32Array> {
    return new Map(this.#sites.filter((site) => site.current() !== null).map((site) => [site.name, site.effective()]));
  }

  /** Checks the values that the kernels multiply by, unpacked, not the mask. Layers that were never pruned fail. */
  verify(): VerifiedLayer[] {
    return this.#sites.map((site) => {
      const { rows, k, pattern } = site.packed;
      const found: Verification = verifyValues(site.effective(), rows, k, pattern);
      const axis = this.layers.find(({ name }) => name === site.name)!.axis;
      const { ok, groups, first } = found;
      return { layer: site.name, pattern: patternName(pattern), axis, ok, groups, first };
    });
  }

  report(): SparsityReport {
    const layers = this.#sites.map((site) => {
      const { rows, k, pattern } = site.packed;
      const sparsity = site.pruned ? 1 - pattern.n / pattern.m : 0;
      return { layer: site.name, weights: rows * k, sparsity, ...site.history.movement() };
    });
    const sparse = layers.reduce((sum, { weights }) => sum + weights, 0);
    const all = this.#weights.reduce((sum, { weight }) => sum + weight.size, 0);
    const sum = (of: (layer: (typeof layers)[number]) => number): number =>
      layers.reduce((s, layer) => s + of(layer), 0);
    return {
      sad: sum(({ sad }) => sad),
      sadShare: sum(({ sad }) => sad) / sparse,
      flipRate: sum(({ flipRate, weights }) => flipRate * weights) / sparse,
      sparsity: sum(({ weights, sparsity }) => weights * sparsity) / all,
      layers: layers.map(({ layer, sad, flipRate, sparsity }) => ({ layer, sad, flipRate, sparsity })),
    };
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
    for (const { name, pruned, packed, history } of this.#sites) {
      if (!pruned) continue;
      put(`${name}.mask`, packed.mask.slice());
      put(`${name}.firstMask`, history.first);
      put(`${name}.lastMask`, history.last);
      put(`${name}.flips`, Float64Array.of(history.flips, history.steps));
    }
    return state;
  }

  /** Brings back what `state` gave, at the step the run goes on with. */
  restore(state: ReadonlyMap<string, { data: ArrayLike<number> }>, step: number): void {
    this.#clock.step = step;
    for (const site of this.#sites) {
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
      site.packed.mask.set(mask.data);
      site.pruned = true;
      site.history.first = Uint32Array.from(state.get(`${site.name}.firstMask`)?.data ?? []);
      site.history.last = Uint32Array.from(state.get(`${site.name}.lastMask`)?.data ?? []);
      const [flips, steps] = Array.from(state.get(`${site.name}.flips`)?.data ?? [0, 0]);
      site.history.flips = flips;
      site.history.steps = steps;
    }
  }
}

/** Puts a model's weights under a method. Call once a model, before training. */
export function sparsify(model: Module, method: WeightMethod, { pattern, steps }: SparsifyOptions): Sparsity {
  return new Sparsity(model, method, parsePattern(pattern), steps);
}
