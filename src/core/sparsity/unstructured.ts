/**
 * Weights whose zeros have no pattern, while they are trained: around the optimizer's step a method moves masks, and what
 * is pruned stays zero. Layers see ordinary dense weights, or ask for them as compressed rows.
 */
import { expected } from "../errors.ts";
import type { Module } from "../nn/module.ts";
import type { Slot, Transform } from "../optim/transform.ts";
import { Random } from "../random.ts";
import { countMatrix, storageFormats } from "../sparse/formats/storage.ts";
import type { Parameter } from "../tensor/tensor.ts";
import { type MultiplyingWeight, multiplyingWeights } from "./layers.ts";
import { MaskedWeight } from "./masked-weight.ts";
import type { UnstructuredMethod, UnstructuredSites } from "./methods/unstructured/unstructured-method.ts";
import type { PlannedLayer, PlannedProduct } from "./plan.ts";
import { type SparsityReport, sparsityReport } from "./sparsity-report.ts";
import { LEAST_SPARSITY, LEAST_SPARSITY_OF_GRADIENT, UnstructuredOperands } from "./unstructured-operands.ts";

// "grow": the stream of what methods draw, a stream a step
const STREAM = 0x67726f77;

type SavedArrays = Map<string, { shape: readonly number[]; data: Uint32Array | Float64Array }>;

interface UnstructuredOptions {
  /** Of the whole run. */
  readonly steps: number;
  readonly seed: number;
  /** Which of them multiply as compressed rows, where that pays. Default: none. */
  readonly compressed?: ReadonlySet<string> | undefined;
}

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
  #step = 0;

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
    const sites = chosen.map((source) => ({ source, site: new MaskedWeight(source) }));
    this.#sites = sites.map(({ site }) => site);
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
    const readsGradient = (): boolean => method.readsGradient({ step: this.#step, steps });
    for (const { source, site } of sites) {
      site.maskWeight();
      // other sparse operands have a plan already
      site.parameter.plan ??= new UnstructuredOperands(site, source, compressed.has(site.name), readsGradient);
    }
  }

  /** Wraps the transform that applies the step. */
  around(optimizer: Transform): Transform {
    const sites = new Map(this.#sites.map((site) => [site.parameter, site]));
    return {
      ...optimizer,
      update: (slots: readonly Slot[], step: number) => {
        const clock = { step, steps: this.#steps, training: true, rate: optimizer.rate?.(step) ?? 0 };
        this.#step = step;
        this.#rewound = false;
        const rests = this.#method.update(this.#all, clock) === "rest";
        const isDense = this.#method.readsGradient(clock);
        const moved = slots.flatMap((slot) => {
          const site = sites.get(slot.parameter);
          if (this.#rewound) for (const array of Object.values(slot.memory)) array.fill(0);
          const hasMoved = site?.forgetWhatMoved(slot) === true;
          // else its operands have seen to it
          if (isDense || hasMoved || !(slot.parameter.plan instanceof UnstructuredOperands)) site?.maskGradient();
          return hasMoved && site !== undefined ? [site] : [];
        });
        const stepped = slots.filter(({ parameter }) => !(this.#rewound || (rests && sites.has(parameter))));
        optimizer.update(stepped, step);
        for (const site of this.#rewound ? this.#sites : moved) site.maskWeight();
        this.#step = step + 1;
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
    const layers = this.#sites.map(({ name, weight, sparsity, history }) => {
      return { name, weights: weight.length, sparsity, history };
    });
    return sparsityReport(
      layers,
      this.#weights.reduce((sum, { weight }) => sum + weight.size, 0),
    );
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

  restore(state: ReadonlyMap<string, { data: ArrayLike<number> }>, step: number): void {
    this.#step = step;
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

const GRADIENT_REASON = `kept entries alone from ${100 * LEAST_SPARSITY_OF_GRADIENT} % zeros on, where the method reads no others`;

/**
 * The plan with the routes of weights under an unstructured method. compresses: they multiply as compressed rows; else, and
 * in the input gradient of strided convolutions, their zeros are multiplied by.
 */
export function withUnstructured(
  plan: readonly PlannedLayer[],
  weights: readonly MultiplyingWeight[],
  names: ReadonlySet<string>,
  method: string,
  compresses: boolean,
): PlannedLayer[] {
  const turning = new Set(weights.filter(({ turns }) => turns).map(({ name }) => name));
  const by = (compressed: boolean): Pick<PlannedProduct, "route" | "operand" | "method" | "reason"> => ({
    ...{ route: compressed ? "sparse" : "masked", operand: "weight", method },
    reason: compressed
      ? `compressed rows from ${100 * LEAST_SPARSITY} % zeros on`
      : "zeros without a pattern are multiplied like the rest",
  });
  return plan.map((layer) => {
    if (!names.has(layer.name)) return layer;
    const { forward, inputGrad, weightGrad } = layer.products;
    const { reason } = by(compresses);
    const turned = by(compresses && turning.has(layer.name));
    const products = {
      ...layer.products,
      ...(forward.operand === null ? { forward: { ...forward, ...by(compresses) } } : {}),
      ...(inputGrad.operand === null ? { inputGrad: { ...inputGrad, ...turned } } : {}),
      ...(compresses ? { weightGrad: { ...weightGrad, ...by(true), reason: GRADIENT_REASON } } : {}),
    };
    const routes = {
      ...{ forward: products.forward.route, inputGrad: products.inputGrad.route },
      weightGrad: products.weightGrad.route,
    };
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
