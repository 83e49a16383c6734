/**
 * Weights whose zeros have no pattern, while they are trained. Around the optimizer's step a method moves masks, and
 * pruned entries stay zero. Layers see ordinary dense weights, or ask for them as compressed rows.
 */
import { expected } from "../errors.ts";
import type { Module } from "../nn/module.ts";
import type { Slot, Transform } from "../optim/transform.ts";
import { Random } from "../random.ts";
import { countMatrix, storageFormats } from "../sparse/formats/storage.ts";
import type { Parameter } from "../tensor/tensor.ts";
import type { MultiplyingWeight } from "./layers.ts";
import { MaskedParameter } from "./masked-parameter.ts";
import type { UnstructuredMethod, UnstructuredParameters } from "./methods/unstructured/unstructured-method.ts";
import { NamedArrays } from "./named-arrays.ts";
import type { PlannedLayer, PlannedProduct } from "./plan.ts";
import type { SparseLayer } from "./report.ts";
import { BatchGradients } from "./sample-gradients.ts";
import { skipReasons } from "./skip.ts";
import type { RestoredArrays, SavedArrays, Sparsifier, VerifiedLayer } from "./sparsifier.ts";
import { LEAST_SPARSITY, LEAST_SPARSITY_OF_GRADIENT, UnstructuredOperands } from "./unstructured-operands.ts";

// "grow": the stream of what methods draw; each step has a stream of its own
const STREAM = 0x67726f77;

interface UnstructuredOptions {
  /** Number of steps of the whole run. */
  readonly steps: number;
  readonly seed: number;
  /** Names of the weights that multiply as compressed rows, where that pays. Default: none. */
  readonly compressed?: ReadonlySet<string> | undefined;
}

export class UnstructuredSparsifier implements Sparsifier {
  readonly name = "unstructured";
  readonly #method: UnstructuredMethod;
  readonly #sparse: readonly MaskedParameter[];
  readonly #seen: UnstructuredParameters;
  readonly #steps: number;
  readonly #all: ReadonlyMap<string, Parameter>;
  /** All parameters as they were remembered, by name; empty before. */
  #remembered = new Map<string, Float32Array>();
  #rewound = false;
  #step = 0;
  #aside = false;
  readonly #scratch = new NamedArrays();

  /** Makes a sparsifier for the weights that the plan puts under the method. */
  static of(
    model: Module,
    weights: readonly MultiplyingWeight[],
    plan: readonly PlannedLayer[],
    method: UnstructuredMethod,
    options: Omit<UnstructuredOptions, "compressed">,
  ): UnstructuredSparsifier {
    const own = plan.filter(({ products }) => products.forward.method === method.name);
    const compressed = own.filter(({ computed }) => computed.forward === "sparse");
    const names = (layers: readonly PlannedLayer[]): Set<string> => new Set(layers.map(({ name }) => name));
    return new UnstructuredSparsifier(model, weights, names(own), method, {
      ...options,
      compressed: names(compressed),
    });
  }

  /** `weights` are those of the model that multiply; `names` are those of them that are under the method. */
  constructor(
    model: Module,
    weights: readonly MultiplyingWeight[],
    names: ReadonlySet<string>,
    method: UnstructuredMethod,
    { steps, seed, compressed = new Set() }: UnstructuredOptions,
  ) {
    this.#method = method;
    this.#steps = steps;
    this.#all = model.namedParameters();
    const chosen = weights.filter(({ name }) => names.has(name));
    if (chosen.length === 0) {
      const all = weights.map(({ name }) => name).join(", ");
      throw expected(`method ${method.name}`, "at least one weight", "none", `Let skip leave some of ${all}`);
    }
    const parameters = chosen.map((source) => ({ source, sparse: new MaskedParameter(source) }));
    this.#sparse = parameters.map(({ sparse }) => sparse);
    this.#seen = {
      parameters: this.#sparse,
      random: (step) => new Random(seed, STREAM + step),
      remember: () => {
        this.#remembered = new Map([...this.#all].map(([name, { data }]) => [name, data.slice()]));
      },
      rewind: () => {
        for (const [name, values] of this.#remembered) this.#all.get(name)!.data.set(values);
        this.#rewound = true;
      },
    };
    method.begin?.(this.#seen);
    const readsGradient = (): boolean => method.readsGradient({ step: this.#step, steps });
    for (const { source, sparse } of parameters) {
      sparse.maskWeight();
      // weights with other sparse operands have a plan already
      sparse.parameter.plan ??= new UnstructuredOperands(sparse, source, compressed.has(sparse.name), readsGradient);
      this.#watch(sparse);
    }
  }

  #watch(sparse: MaskedParameter): void {
    const { samples } = this.#method;
    if (samples === undefined) return;
    const { kernels, parameter } = sparse;
    parameter.watch = (dy, x, geometry) => {
      if (this.#aside || !samples.readsIn({ step: this.#step, steps: this.#steps })) return;
      samples.add(sparse, new BatchGradients(kernels, dy, x, geometry, this.#scratch));
    };
  }

  aside<T>(passes: () => T): T {
    this.#aside = true;
    try {
      return passes();
    } finally {
      this.#aside = false;
    }
  }

  around(optimizer: Transform): Transform {
    const parameters = new Map(this.#sparse.map((sparse) => [sparse.parameter, sparse]));
    return {
      ...optimizer,
      update: (slots: readonly Slot[], step: number) => {
        const clock = { step, steps: this.#steps, training: true, learningRate: optimizer.learningRate?.(step) ?? 0 };
        this.#step = step;
        this.#rewound = false;
        const rests = this.#method.update(this.#seen, clock) === "rest";
        const isDense = this.#method.readsGradient(clock);
        const moved = slots.flatMap((slot) => {
          const sparse = parameters.get(slot.parameter);
          if (this.#rewound) for (const array of Object.values(slot.state)) array.fill(0);
          const hasMoved = sparse?.forgetWhatMoved(slot) === true;
          // otherwise its operands have masked the gradient already
          if (isDense || hasMoved || !(slot.parameter.plan instanceof UnstructuredOperands)) sparse?.maskGradient();
          return hasMoved && sparse !== undefined ? [sparse] : [];
        });
        const stepped = slots.filter(({ parameter }) => !(this.#rewound || (rests && parameters.has(parameter))));
        optimizer.update(stepped, step);
        for (const sparse of this.#rewound ? this.#sparse : moved) sparse.maskWeight();
        this.#step = step + 1;
      },
    };
  }

  get pruned(): boolean {
    return this.#sparse.some(({ pruned }) => pruned);
  }

  observe(): number {
    return this.#sparse.reduce((flips, sparse) => flips + (sparse.pruned ? sparse.history.observe(sparse.mask) : 0), 0);
  }

  report(): readonly SparseLayer[] {
    return this.#sparse.map(({ name, weight, sparsity, history }) => {
      return { name, weights: weight.length, sparsity, history };
    });
  }

  /** Number of bytes in the smallest storage format. */
  storedBytes(): ReadonlyMap<string, number> {
    return new Map(
      this.#sparse.map(({ name, weight, rows, k }) => {
        const counts = countMatrix(weight, rows, k);
        return [name, Math.min(...storageFormats.map((format) => format.bytes(counts)))];
      }),
    );
  }

  /** Changes nothing: the weights themselves hold the zeros. */
  applyTo(): void {}

  /** Checks nothing: there is no pattern that must hold. */
  verify(): VerifiedLayer[] {
    return [];
  }

  detach(): void {
    for (const { parameter } of this.#sparse) {
      parameter.plan = null;
      parameter.watch = null;
    }
  }

  /** Masks, their histories, what the method keeps with the weights, and the remembered parameters. */
  state(): SavedArrays {
    const state: SavedArrays = new Map();
    const put = (name: string, data: Float32Array | Uint32Array | Float64Array): void => {
      state.set(name, { shape: [data.length], data });
    };
    for (const { name, mask, history, arrays } of this.#sparse) {
      for (const [key, array] of arrays.all()) put(`state of ${name}/${key}`, Float32Array.from(array));
      put(`${name}.mask`, mask.slice());
      put(`${name}.firstMask`, history.first);
      put(`${name}.lastMask`, history.last);
      put(`${name}.flips`, history.counts());
    }
    for (const [name, values] of this.#remembered) put(`remembered ${name}`, Float64Array.from(values));
    return state;
  }

  restore(state: RestoredArrays, step: number): void {
    this.#step = step;
    for (const sparse of this.#sparse) {
      const saved = (key: string): ArrayLike<number> => state.get(`${sparse.name}.${key}`)?.data ?? [];
      sparse.bringBack(saved("mask"));
      sparse.history.restore(saved("firstMask"), saved("lastMask"), saved("flips"));
      const prefix = `state of ${sparse.name}/`;
      const own = [...state].filter(([name]) => name.startsWith(prefix));
      sparse.arrays.restore(new Map(own.map(([name, { data }]) => [name.slice(prefix.length), data])));
    }
    this.#remembered = new Map(
      [...this.#all.keys()].flatMap((name) => {
        const saved = state.get(`remembered ${name}`);
        return saved === undefined ? [] : [[name, Float32Array.from(saved.data)]];
      }),
    );
  }
}

const GRADIENT_REASON = `kept entries alone from ${100 * LEAST_SPARSITY_OF_GRADIENT} % zeros on, where the method reads no others`;

/**
 * The plan with the products of the dense weights that `skip` leaves: they are under an unstructured method. compresses: they
 * multiply as compressed rows; else, and in the input gradient of strided convolutions, their zeros are multiplied by.
 */
export function withUnstructured(
  plan: readonly PlannedLayer[],
  weights: readonly MultiplyingWeight[],
  skip: readonly string[],
  method: string,
  compresses: boolean,
): PlannedLayer[] {
  const skipped = skipReasons(weights, skip);
  const by = (compressed: boolean): Pick<PlannedProduct, "computed" | "operand" | "method" | "reason"> => ({
    ...{ computed: compressed ? "sparse" : "emulated", operand: "weight", method },
    reason: compressed
      ? `compressed rows from ${100 * LEAST_SPARSITY} % zeros on`
      : "zeros without a pattern are multiplied like the rest",
  });
  return plan.map((layer, i) => {
    if (layer.pattern !== null || skipped[i] !== undefined) return layer;
    const { forward, inputGrad, weightGrad } = layer.products;
    const { reason } = by(compresses);
    const turned = by(compresses && weights[i].turns);
    const products = {
      ...layer.products,
      ...(forward.operand === null ? { forward: { ...forward, ...by(compresses) } } : {}),
      ...(inputGrad.operand === null ? { inputGrad: { ...inputGrad, ...turned } } : {}),
      ...(compresses ? { weightGrad: { ...weightGrad, ...by(true), reason: GRADIENT_REASON } } : {}),
    };
    const computed = {
      ...{ forward: products.forward.computed, inputGrad: products.inputGrad.computed },
      weightGrad: products.weightGrad.computed,
    };
    return { ...layer, computed, eligible: true, reason, products };
  });
}
