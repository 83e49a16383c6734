/**
 * Weights whose zeros have no pattern, while they are trained: around the optimiser's step a method moves masks, and what
 * is pruned stays zero. Layers see ordinary dense weights, or ask for them as compressed rows.
 */
import { expected } from "../errors.ts";
import { type F32, type Geometry, type Kernels, maskWords } from "../kernels/kernels.ts";
import type {
  UnstructuredMethod,
  UnstructuredSite,
  UnstructuredSites,
} from "../methods/unstructured/unstructured-method.ts";
import { MaskHistory } from "../metrics/mask-history.ts";
import type { Module } from "../nn/module.ts";
import { forgetPruned, type Slot, type Transform } from "../optim/transform.ts";
import { Random } from "../random.ts";
import { CsrMatrix } from "../sparse/csr-matrix.ts";
import { countKept, kept as isKept } from "../sparse/mask.ts";
import { countMatrix, storageFormats } from "../sparse/storage.ts";
import type { ForwardOperand, InputGradOperand, OperandPlan, Parameter, Tensor } from "../tensor/tensor.ts";
import type { MultiplyingWeight } from "./layers.ts";
import { multiplyingWeights } from "./layers.ts";
import type { PlannedLayer } from "./plan.ts";
import type { SparsityReport } from "./sparsity.ts";

// "grow": the stream of what methods draw, a stream a step
const STREAM = 0x67726f77;

type SavedArrays = Map<string, { shape: readonly number[]; data: Uint32Array | Float64Array }>;

interface UnstructuredOptions {
  /** Of the whole run. */
  readonly steps: number;
  readonly seed: number;
  /** Which of them multiply as compressed rows, where that pays; none of them a convolution's. Default: none. */
  readonly compressed?: ReadonlySet<string> | undefined;
}

/** Sparsity and rows of the other operand from which compressed rows are faster: docs/design/0006-unstructured.md. */
const LEAST_SPARSITY = 0.75;
const LEAST_POSITIONS = 32;

export class UnstructuredWeights {
  readonly #method: UnstructuredMethod;
  readonly #sites: readonly MaskedWeight[];
  readonly #all: UnstructuredSites;
  readonly #steps: number;
  readonly #weights: readonly MultiplyingWeight[];
  readonly #parameters: ReadonlyMap<string, Parameter>;
  /** All parameters as they were noted, by name; empty before. */
  #remembered = new Map<string, Float32Array>();
  #rewound = false;

  /** names: of the weights that are under the method. */
  constructor(
    model: Module,
    names: ReadonlySet<string>,
    method: UnstructuredMethod,
    { steps, seed, compressed = new Set() }: UnstructuredOptions,
  ) {
    this.#method = method;
    this.#steps = steps;
    this.#weights = multiplyingWeights(model);
    this.#parameters = model.namedParameters();
    const chosen = this.#weights.filter(({ name }) => names.has(name));
    if (chosen.length === 0) {
      const all = this.#weights.map(({ name }) => name).join(", ");
      throw expected(`method ${method.name}`, "at least one weight", "none", `Let skip leave some of ${all}`);
    }
    this.#sites = chosen.map((source) => new MaskedWeight(source));
    this.#all = {
      sites: this.#sites,
      random: (step) => new Random(seed, STREAM + step),
      remember: () => {
        this.#remembered = new Map([...this.#parameters].map(([name, { data }]) => [name, data.slice()]));
      },
      rewind: () => {
        for (const [name, values] of this.#remembered) this.#parameters.get(name)!.data.set(values);
        this.#rewound = true;
      },
    };
    method.begin?.(this.#all);
    for (const site of this.#sites) {
      site.maskWeight();
      if (compressed.has(site.name)) site.parameter.plan = new CompressedOperands(site);
    }
  }

  /** Wraps the transform that applies the step. */
  around(optimiser: Transform): Transform {
    const sites = new Map(this.#sites.map((site) => [site.parameter, site]));
    return {
      ...optimiser,
      update: (slots: readonly Slot[], step: number) => {
        const clock = { step, steps: this.#steps, training: true, rate: optimiser.rate?.(step) ?? 0 };
        this.#rewound = false;
        const rests = this.#method.update(this.#all, clock) === "rest";
        for (const slot of slots) {
          const site = sites.get(slot.parameter);
          if (this.#rewound) for (const array of Object.values(slot.memory)) array.fill(0);
          site?.forgetWhatMoved(slot);
          site?.maskGradient();
        }
        const stepped = slots.filter(({ parameter }) => !(this.#rewound || (rests && sites.has(parameter))));
        optimiser.update(stepped, step);
        // moments of before a pruning would move what it set to zero
        for (const site of this.#sites) site.maskWeight();
      },
    };
  }

  /** Whether anything is pruned at this moment. */
  get pruned(): boolean {
    return this.#sites.some(({ pruned }) => pruned);
  }

  /** Notes how the masks moved; call once a step. Returns the flips of all layers. */
  observe(): number {
    return this.#sites.reduce((flips, site) => flips + (site.pruned ? site.history.observe(site.mask) : 0), 0);
  }

  report(): SparsityReport {
    const layers = this.#sites.map((site) => {
      const weights = site.weight.length;
      return { layer: site.name, weights, sparsity: 1 - countKept(site.mask) / weights, ...site.history.movement() };
    });
    const [sparse, all] = [layers, this.#weights.map(({ weight }) => ({ weights: weight.size }))].map((list) =>
      list.reduce((sum, { weights }) => sum + weights, 0),
    );
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

  /** Bytes of the weights that multiply: dense in f32, and with those under the method in the smallest storage format. */
  weightBytes(): { dense: number; packed: number } {
    const own = new Set(this.#sites.map(({ name }) => name));
    let [dense, packed] = [0, 0];
    for (const { name, weight, rows, k } of this.#weights) {
      dense += 4 * weight.size;
      const counts = own.has(name) ? countMatrix(weight.data, rows, k) : null;
      packed += counts === null ? 4 * weight.size : Math.min(...storageFormats.map((format) => format.bytes(counts)));
    }
    return { dense, packed };
  }

  /** Masks, histories and what was noted, to be saved; `restore` brings them back. */
  state(): SavedArrays {
    const state: SavedArrays = new Map();
    const put = (name: string, data: Uint32Array | Float64Array): void => {
      state.set(name, { shape: [data.length], data });
    };
    for (const { name, mask, history } of this.#sites) {
      put(`${name}.mask`, mask.slice());
      put(`${name}.firstMask`, history.first);
      put(`${name}.lastMask`, history.last);
      put(`${name}.flips`, history.counts());
    }
    for (const [name, values] of this.#remembered) put(`remembered ${name}`, Float64Array.from(values));
    return state;
  }

  restore(state: ReadonlyMap<string, { data: ArrayLike<number> }>): void {
    for (const site of this.#sites) {
      const saved = (key: string): ArrayLike<number> => state.get(`${site.name}.${key}`)?.data ?? [];
      site.bringBack(saved("mask"));
      site.history.restore(saved("firstMask"), saved("lastMask"), saved("flips"));
    }
    this.#remembered = new Map(
      [...this.#parameters.keys()].flatMap((name) => {
        const saved = state.get(`remembered ${name}`);
        return saved === undefined ? [] : [[name, Float32Array.from(saved.data)]];
      }),
    );
  }
}

class MaskedWeight implements UnstructuredSite {
  readonly name: string;
  readonly shape: readonly number[];
  readonly rows: number;
  readonly k: number;
  readonly kernels: Kernels;
  readonly parameter: Parameter;
  readonly history: MaskHistory;
  readonly kept: Uint8Array;
  /** The same as bits, as kernels read it. */
  readonly mask: Uint32Array;
  sparsity = 0;
  /** Counts the times that the mask moved. */
  revision = 0;
  /** What was kept before and after the mask moved; null: it did not. */
  #survivors: Uint32Array | null = null;

  constructor({ name, weight, rows, k }: MultiplyingWeight) {
    this.name = name;
    this.shape = weight.shape;
    this.rows = rows;
    this.k = k;
    this.kernels = weight.device.kernels;
    this.parameter = weight;
    this.history = new MaskHistory(this.kernels, weight.size);
    this.kept = new Uint8Array(weight.size).fill(1);
    this.mask = this.kernels.uint32(rows * maskWords(k));
    this.#writeMask();
  }

  get weight(): F32 {
    return this.parameter.data;
  }

  get gradient(): F32 {
    return this.parameter.grad;
  }

  keep(kept: Uint8Array): void {
    const before = this.mask.slice();
    this.kept.set(kept);
    this.#writeMask();
    this.#survivors = this.kernels.uint32(before.length);
    this.#survivors.set(before.map((word, i) => word & this.mask[i]));
    this.maskWeight();
  }

  #writeMask(): void {
    const words = maskWords(this.k);
    this.mask.fill(0);
    for (let row = 0, i = 0; row < this.rows; row++) {
      for (let column = 0; column < this.k; column++, i++) {
        if (this.kept[i] === 1) this.mask[row * words + (column >>> 5)] |= 1 << (column & 31);
      }
    }
    this.#noteMask();
  }

  #noteMask(): void {
    this.sparsity = 1 - countKept(this.mask) / this.kept.length;
    this.revision++;
  }

  get pruned(): boolean {
    return this.sparsity > 0;
  }

  bringBack(mask: ArrayLike<number>): void {
    this.mask.set(mask);
    for (let i = 0; i < this.kept.length; i++) {
      this.kept[i] = isKept(this.mask, this.k, Math.floor(i / this.k), i % this.k) ? 1 : 0;
    }
    this.#noteMask();
  }

  forgetWhatMoved(slot: Slot): void {
    if (this.#survivors !== null) forgetPruned(slot, this.#survivors, this.rows, this.k);
    this.#survivors = null;
  }

  maskWeight(): void {
    if (this.pruned) this.kernels.applyMask(this.weight, this.mask, this.rows, this.k);
  }

  maskGradient(): void {
    if (this.pruned) this.kernels.applyMask(this.gradient, this.mask, this.rows, this.k);
  }
}

/** The weight of a linear layer as compressed rows, and its transpose for the input gradient; dense while that is faster. */
class CompressedOperands implements OperandPlan {
  readonly #site: MaskedWeight;
  readonly #forward: FollowedMatrix;
  readonly #backward: FollowedMatrix;

  constructor(site: MaskedWeight) {
    this.#site = site;
    this.#forward = new FollowedMatrix(site, false);
    this.#backward = new FollowedMatrix(site, true);
  }

  forward(_x: Tensor, geometry: Geometry): ForwardOperand | null {
    return this.#operand(this.#forward, geometry[0]);
  }

  denseWeight(): F32 {
    return this.#site.weight;
  }

  inputGrad(dy: F32): InputGradOperand | null {
    return this.#operand(this.#backward, dy.length / this.#site.rows);
  }

  weightGrad(): null {
    return null;
  }

  #operand(
    rows: FollowedMatrix,
    positions: number,
  ): { readonly operand: "compressed weight"; readonly compressed: CsrMatrix } | null {
    if (positions < LEAST_POSITIONS || this.#site.sparsity < LEAST_SPARSITY) return null;
    return { operand: "compressed weight", compressed: rows.current() };
  }
}

/** Follows a weight: its places when the mask moves, its values when it changes. */
class FollowedMatrix {
  readonly #site: MaskedWeight;
  readonly #transposed: boolean;
  #matrix: CsrMatrix | null = null;
  #revision = -1;
  #version = -1;

  constructor(site: MaskedWeight, transposed: boolean) {
    this.#site = site;
    this.#transposed = transposed;
  }

  current(): CsrMatrix {
    const { kernels, kept, rows, k, revision, parameter, weight } = this.#site;
    const { version, device } = parameter;
    const known = this.#matrix;
    if (known !== null && this.#revision === revision && this.#version === version) return known;
    const [height, width] = this.#transposed ? [k, rows] : [rows, k];
    const isNew = known === null || this.#revision !== revision;
    const matrix = isNew ? new CsrMatrix(kernels, kept, height, width, this.#transposed) : known;
    device.timed("pack", () => matrix.refresh(weight));
    this.#matrix = matrix;
    this.#revision = revision;
    this.#version = version;
    return matrix;
  }
}

/**
 * The plan with the routes of weights under an unstructured method. compresses: those of linear layers as compressed rows;
 * the zeros of all others are multiplied by.
 */
export function withUnstructured(
  plan: readonly PlannedLayer[],
  names: ReadonlySet<string>,
  method: string,
  compresses: boolean,
): PlannedLayer[] {
  return plan.map((layer) => {
    if (!names.has(layer.name)) return layer;
    const { forward, inputGrad } = layer.products;
    const compressed = compresses && layer.shape.length === 2;
    const reason = compressed
      ? `compressed rows from ${100 * LEAST_SPARSITY} % zeros on`
      : "zeros without a pattern are multiplied like the rest";
    const masked = { route: compressed ? "sparse" : "masked", operand: "weight", method, reason } as const;
    const products = {
      ...layer.products,
      ...(forward.operand === null ? { forward: { ...forward, ...masked } } : {}),
      ...(inputGrad.operand === null ? { inputGrad: { ...inputGrad, ...masked } } : {}),
    };
    const routes = { ...layer.routes, forward: products.forward.route, inputGrad: products.inputGrad.route };
    return { ...layer, routes, reason, products };
  });
}

/** The weights that a plan puts under such a method. */
export function unstructuredIn(plan: readonly PlannedLayer[], method: string): ReadonlySet<string> {
  return new Set(plan.filter(({ products }) => products.forward.method === method).map(({ name }) => name));
}

/** Those of them that multiply as compressed rows. */
export function compressedIn(plan: readonly PlannedLayer[], method: string): ReadonlySet<string> {
  const own = unstructuredIn(plan, method);
  return new Set(
    plan.filter(({ name, routes }) => own.has(name) && routes.forward === "sparse").map(({ name }) => name),
  );
}
