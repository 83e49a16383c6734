/** The session of a model that is trained sparse. All questions about its sparse weights go to the session. */
import { expected } from "../errors.ts";
import type { Module } from "../nn/module.ts";
import { loadValues, type State, stateOf, type Values, valuesOf } from "../nn/state.ts";
import { clipByGlobalNorm } from "../optim/clip.ts";
import { Optimizer } from "../optim/optimizer.ts";
import { chain, type Transform } from "../optim/transform.ts";
import { requireOptions } from "../options.ts";
import { type Pattern, parsePattern } from "../sparse/pattern.ts";
import type { GradientReport } from "./gradient-probe.ts";
import type { MultiplyingWeight } from "./layers.ts";
import { type Coverage, coverageOf, type PlannedLayer } from "./plan.ts";
import { type SparsityReport, sparsityReport } from "./report.ts";
import type { RestoredArrays, SavedArrays, Sparsifier, VerifiedLayer, WatchedMask } from "./sparsifier.ts";

export interface SessionOptimizerOptions {
  /** Largest global norm of the gradients; if left out, they are not clipped. */
  readonly clip?: number | undefined;
}

/** What was found in a model's weights: `ok` speaks of the layers that are pruned, the counts of all of them. */
export interface SessionVerification extends Coverage {
  /** Whether every layer that is pruned has its pattern. */
  readonly ok: boolean;
  readonly checked: readonly VerifiedLayer[];
  /** Share of zeros over all weights that multiply. */
  readonly zeros: number;
}

export class Session {
  readonly model: Module;
  readonly #weights: readonly MultiplyingWeight[];
  readonly #layers: readonly PlannedLayer[];
  readonly #sparsifiers: readonly Sparsifier[];
  #detached = false;

  /**
   * `weights` are those of the model that multiply; `layers` is the plan for them. The sparsifier of the outermost step
   * comes last in `sparsifiers`, so that its methods see the finished gradient first.
   */
  constructor(
    model: Module,
    weights: readonly MultiplyingWeight[],
    layers: readonly PlannedLayer[],
    sparsifiers: readonly Sparsifier[],
  ) {
    this.model = model;
    this.#weights = weights;
    this.#layers = layers;
    this.#sparsifiers = sparsifiers;
  }

  /**
   * The optimizer of the model. In its step gradients are clipped, then methods act around the step of `transform`,
   * such as adamW({ ... }), which must apply the step. Masks are watched at each step.
   */
  optimizer(transform: Transform, options: SessionOptimizerOptions = {}): Optimizer {
    requireOptions("session.optimizer", options, { clip: true });
    const { clip } = options;
    const around = this.around(transform);
    const watched: Transform = {
      ...around,
      update: (slots, step) => {
        // the masks are still those of this step's forward
        this.observe();
        around.update(slots, step);
      },
    };
    return new Optimizer(this.model, clip === undefined ? watched : chain(clipByGlobalNorm(clip), watched));
  }

  /**
   * Wraps a transform with all sparsifiers, for callers who watch masks and clip gradients in another way. Call it
   * once.
   */
  around(transform: Transform): Transform {
    const applied = this.#sparsifiers.reduce((inner, sparsifier) => sparsifier.around(inner), transform);
    return {
      ...applied,
      update: (slots, step) => {
        if (this.#detached) {
          throw expected(
            "optimizer of a sparse model",
            "a model under its methods",
            "one that was detached from them",
            "Make a new optimizer for the model, or call sparsify again",
          );
        }
        applied.update(slots, step);
      },
    };
  }

  /** The names of its sparsifiers, which say what makes the model sparse. */
  get kinds(): readonly string[] {
    return this.#sparsifiers.map(({ name }) => name);
  }

  /** Whether nothing is sparse, now or later. */
  get isDense(): boolean {
    return this.#sparsifiers.length === 0;
  }

  /** Whether any weight is sparse at present. */
  get pruned(): boolean {
    return this.#sparsifiers.some(({ pruned }) => pruned);
  }

  /** The N:M masks of the model's weights. */
  get masks(): readonly WatchedMask[] {
    return this.#sparsifiers.flatMap(({ masks = [] }) => masks);
  }

  /**
   * Records how the masks of the last forward moved; the optimizer of a session does it itself. Returns the number of
   * flips.
   */
  observe(): number {
    return this.#sparsifiers.reduce((flips, sparsifier) => flips + sparsifier.observe(), 0);
  }

  /** The plan: what is sparse in each product of each layer, how it is computed, and why. */
  explain(): readonly PlannedLayer[] {
    return this.#layers;
  }

  /**
   * The state to save and ship: the values by which products multiply, zeros included, with all other parameters and
   * buffers. Nothing is changed. Layers whose method prunes later are still dense in it, and so is everything in a
   * dense phase.
   */
  state(): State {
    return stateOf(this.model, this.#values());
  }

  #values(): Values {
    const values = valuesOf(this.model);
    for (const sparsifier of this.#sparsifiers) sparsifier.applyTo(values);
    return values;
  }

  /**
   * Checks, layer by layer, that the values which products multiply by have their pattern, and counts what part of the model
   * that is. Reads only.
   */
  verify(): SessionVerification {
    const checked = this.#sparsifiers.flatMap((sparsifier) => sparsifier.verify());
    const values = this.#values();
    let [zeros, all] = [0, 0];
    for (const { name, weight } of this.#weights) {
      for (const value of values.get(name)?.data ?? weight.data) if (value === 0) zeros++;
      all += weight.size;
    }
    const ok = checked.every((layer) => layer.ok);
    return { ok, checked, ...this.coverage(), zeros: all === 0 ? 0 : zeros / all };
  }

  /** The layers with a pattern, for the metadata of a file: what N:M it is, along what, and whether a group is shorter. */
  patterns(): Record<string, { readonly pattern: string; readonly axis: string; readonly remainder?: "short-group" }> {
    return Object.fromEntries(
      this.#layers.flatMap(({ name, pattern, axis }) => {
        const source = this.#weights.find((one) => one.name === name);
        if (pattern === null || source === undefined) return [];
        const isShort = source.axisLength % parsePattern(pattern).m !== 0;
        return [[name, { pattern, axis, ...(isShort ? { remainder: "short-group" as const } : {}) }]];
      }),
    );
  }

  /** How many layers are under a method, how many could be, and which stay dense for what reason. */
  coverage(): Coverage {
    return coverageOf(this.#layers);
  }

  /** How the masks have moved, and the share of zeros in all weights that multiply. */
  report(): SparsityReport {
    const layers = this.#sparsifiers.flatMap((sparsifier) => sparsifier.report());
    return sparsityReport(
      layers,
      this.#weights.reduce((sum, { weight }) => sum + weight.size, 0),
    );
  }

  /**
   * Number of bytes of the weights that multiply: all dense in f32, and with sparse ones in the form in which they are
   * stored.
   */
  weightBytes(): { readonly dense: number; readonly packed: number } {
    const stored = new Map(this.#sparsifiers.flatMap((sparsifier) => [...sparsifier.storedBytes()]));
    let [dense, packed] = [0, 0];
    for (const { name, weight } of this.#weights) {
      dense += 4 * weight.size;
      packed += stored.get(name) ?? 4 * weight.size;
    }
    return { dense, packed };
  }

  /** The weights whose channels should be reordered before this step, with their patterns. */
  permutes(step: number): ReadonlyMap<string, Pattern> {
    return new Map(this.#sparsifiers.flatMap((sparsifier) => [...(sparsifier.permutes?.(step) ?? [])]));
  }

  /**
   * Measures what sparse operands do to the gradients of `pass`, a forward and backward pass, layer by layer; the list
   * is empty if no product is N:M.
   */
  probe(repeats: number, pass: () => void): GradientReport[] {
    const probed = (): GradientReport[] =>
      this.#sparsifiers.flatMap((sparsifier) => sparsifier.probe?.(repeats, pass) ?? []);
    return this.#sparsifiers.reduce(
      (inner: typeof probed, sparsifier) => () => sparsifier.aside?.(inner) ?? inner(),
      probed,
    )();
  }

  /**
   * Masks, their histories and the arrays that methods keep, for a checkpoint beside the states of model and optimizer.
   */
  checkpoint(): SavedArrays {
    return new Map(
      this.#sparsifiers.flatMap((sparsifier) =>
        [...sparsifier.state()].map(([key, entry]) => [`${sparsifier.name}/${key}`, entry] as const),
      ),
    );
  }

  /** Brings back a checkpoint; `step` is the step with which training goes on. Load the model's own state before. */
  restore(saved: RestoredArrays, step: number): void {
    for (const sparsifier of this.#sparsifiers) {
      const prefix = `${sparsifier.name}/`;
      const own = [...saved].filter(([name]) => name.startsWith(prefix));
      sparsifier.restore(new Map(own.map(([name, entry]) => [name.slice(prefix.length), entry])), step);
    }
  }

  /**
   * Ends the session: the model is an ordinary one again, whose weights are the values by which its products
   * multiplied.
   */
  detach(): Module {
    const values = this.#values();
    for (const sparsifier of this.#sparsifiers) sparsifier.detach();
    loadValues(this.model, values, "detach");
    this.#detached = true;
    return this.model;
  }
}
