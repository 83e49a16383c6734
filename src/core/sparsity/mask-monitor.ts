/**
 * Watches the masks of a run: it makes a record every so many steps, and keeps the masks themselves at a few. A dense
 * run has virtual masks: those that a method by magnitude would choose from its weights.
 */
import { expected } from "../errors.ts";
import { keptByBoth, snapshotSteps } from "../metrics/early-structure.ts";
import { keptMagnitude } from "../metrics/kept-magnitude.ts";
import { MaskHistory } from "../metrics/mask-history.ts";
import type { FlipRatios, LayerMask, MaskRecord } from "../metrics/mask-record.ts";
import { type Matching, type NeuronInputs, networkNnstd } from "../metrics/nnstd.ts";
import { PackedMatrix } from "../sparse/formats/packed-matrix.ts";
import { countKept } from "../sparse/mask.ts";
import { type Pattern, patternName } from "../sparse/pattern.ts";
import type { MultiplyingWeight } from "./layers.ts";
import type { WatchedMask } from "./sparsifier.ts";

/** A summary of the masks of a run. */
export interface StructureReport extends FlipRatios {
  /** Whether the masks are virtual, that is, those that a dense run would choose. */
  readonly virtual: boolean;
  /** Mean over the records after the first. */
  readonly flipRate: number;
  /** SAD of the last record. */
  readonly sad: number;
  readonly sadShare: number;
  readonly keptShare: number;
  readonly deadGroups: number;
  readonly deadRows: number;
  /** Mean NNSTD over the layers, from the first to the last mask; null if a layer is too large for it. */
  readonly nnstd: number | null;
  /** How NNSTD matched neurons: greedily if it did so in any layer. */
  readonly matching: Matching | null;
  /** Share of the last mask's entries that the mask of a step keeps too; it is 1 at the end. */
  readonly early: readonly { readonly step: number; readonly overlap: number }[];
  readonly layers: readonly LayerStructure[];
}

/** NNSTD of one layer; null if the layer is too large for it. */
interface LayerStructure {
  readonly layer: string;
  readonly nnstd: number | null;
  readonly matching: Matching | null;
  /** Whether its inputs were renamed by the match of the layer before. */
  readonly carried: boolean;
}

/** The masks of some steps: by step, then by layer. */
export type MaskSnapshots = Map<number, Map<string, Uint32Array>>;

/**
 * The default number of steps from one record to the next: a hundredth of a run, but at least 20, so that records take
 * no more than their share of a step: see docs/metrics.md.
 */
function usualInterval(steps: number): number {
  return Math.max(20, Math.ceil(steps / 100));
}

interface MaskMonitorOptions {
  /** Number of steps of the whole run. */
  readonly steps: number;
  /** Number of steps from one record to the next; 0 if nothing is to be watched. */
  readonly every?: number | undefined;
  /**
   * The inputs of each weight that are neurons of another one, by name, along which NNSTD carries a match on; left out,
   * it matches each layer by itself.
   */
  readonly inputs?: ReadonlyMap<string, readonly NeuronInputs[]> | undefined;
}

export class MaskMonitor {
  /** The kept masks, in the order of steps; `RunFolder` saves them. */
  readonly snapshots: MaskSnapshots = new Map();
  readonly #steps: number;
  readonly #every: number;
  readonly #snapshotSteps: ReadonlySet<number>;
  readonly #watched: readonly WatchedMask[];
  readonly #virtual: readonly VirtualMask[];
  readonly #weights: ReadonlyMap<string, MultiplyingWeight>;
  readonly #inputs: ReadonlyMap<string, readonly NeuronInputs[]>;

  /**
   * `masks` are those of the sparse layers. For a dense run there are none, and `virtual` has the patterns of layers,
   * by name.
   */
  constructor(
    weights: readonly MultiplyingWeight[],
    masks: readonly WatchedMask[],
    virtual: ReadonlyMap<string, Pattern>,
    { steps, every = usualInterval(steps), inputs = new Map() }: MaskMonitorOptions,
  ) {
    this.#steps = steps;
    this.#every = every;
    this.#snapshotSteps = new Set(every === 0 ? [] : snapshotSteps(steps));
    this.#weights = new Map(weights.map((weight) => [weight.name, weight]));
    this.#inputs = inputs;
    this.#virtual =
      every === 0
        ? []
        : weights.flatMap((weight) => {
            const pattern = virtual.get(weight.name);
            return pattern === undefined ? [] : [new VirtualMask(weight, pattern)];
          });
    this.#watched = this.#virtual.length > 0 ? this.#virtual : masks;
  }

  #isDue(step: number): boolean {
    return this.#every > 0 && (step % this.#every === 0 || step === this.#steps - 1);
  }

  /** Call it before a step: virtual masks are chosen from the weights by which the step multiplies. */
  before(step: number): void {
    const [now, next] = [this.#isDue(step), this.#isDue(step + 1)];
    if (!now && !next && !this.#snapshotSteps.has(step)) return;
    for (const mask of this.#virtual) {
      mask.choose();
      if (now) mask.history.observe(mask.packed.mask);
      else if (next) mask.history.rebase(mask.packed.mask);
    }
  }

  /** Call it after a step, when its flips are counted. Returns null if there is nothing to record. */
  after(step: number): MaskRecord | null {
    const present = this.#watched.filter(({ pruned }) => pruned);
    if (this.#snapshotSteps.has(step) && present.length > 0)
      this.snapshots.set(step, new Map(present.map(({ name, packed }) => [name, packed.mask.slice()])));
    if (!this.#isDue(step) || present.length === 0) return null;
    const looks = present.map((mask) => this.#look(mask));
    const layers = looks.map(({ layer }) => layer);
    const sum = (of: (look: (typeof looks)[number]) => number): number => looks.reduce((s, look) => s + of(look), 0);
    const weights = sum(({ layer }) => layer.weights);
    const sad = sum(({ layer }) => layer.sad);
    return {
      step,
      virtual: this.#virtual.length > 0,
      flips: sum(({ layer }) => layer.flips),
      flipRate: sum(({ layer }) => layer.flipRate * layer.weights) / weights,
      sad,
      sadShare: sad / weights,
      keptShare: share(
        sum(({ kept }) => kept),
        sum(({ all }) => all),
      ),
      deadGroups: sum(({ layer }) => layer.deadGroups),
      deadRows: sum(({ layer }) => layer.deadRows),
      masks: layers,
    };
  }

  #look({ name, packed, history }: WatchedMask): { layer: LayerMask; kept: number; all: number } {
    const { weight } = this.#weights.get(name)!;
    const { rows, k, pattern, mask } = packed;
    const { kernels } = weight.device;
    const { kept, all, deadGroups, deadRows } = keptMagnitude(
      kernels,
      weight.data,
      mask,
      rows,
      k,
      pattern.v,
      packed.groups,
    );
    const sad = history.sad();
    const layer = {
      layer: name,
      pattern: patternName(pattern),
      weights: rows * k,
      flips: history.latest,
      flipRate: history.mark(),
      sad,
      sadShare: sad / (rows * k),
      keptShare: share(kept, all),
      deadGroups,
      deadRows,
    };
    return { layer, kept, all };
  }

  /** The shapes [rows, k] of the watched masks, by name, for readers of the snapshots. */
  get shapes(): Record<string, readonly [rows: number, k: number]> {
    return Object.fromEntries(this.#watched.map(({ name, packed: { rows, k } }) => [name, [rows, k] as const]));
  }

  /** Summarizes a run from its records and the kept masks; null if nothing was watched. */
  report(records: readonly MaskRecord[], ratios: FlipRatios): StructureReport | null {
    const last = records.at(-1);
    if (last === undefined) return null;
    const seen = this.#watched.filter(({ history }) => history.first.length > 0);
    const layers = this.#matched(seen);
    const distances = layers.flatMap(({ nnstd }) => nnstd ?? []);
    const matchings = new Set(layers.map(({ matching }) => matching));
    const final = new Map(seen.map(({ name, history }) => [name, history.last]));
    const early = [...this.snapshots].map(([step, masks]) => {
      let [both, all] = [0, 0];
      for (const [name, mask] of masks) {
        both += keptByBoth(mask, final.get(name)!);
        all += countKept(final.get(name)!);
      }
      return { step, overlap: both / all };
    });
    return {
      virtual: last.virtual,
      flipRate: records.reduce((sum, { flipRate }) => sum + flipRate, 0) / Math.max(1, records.length - 1),
      sad: last.sad,
      sadShare: last.sadShare,
      keptShare: last.keptShare,
      deadGroups: last.deadGroups,
      deadRows: last.deadRows,
      nnstd: distances.length < layers.length ? null : distances.reduce((a, b) => a + b, 0) / layers.length,
      matching: (["greedy", "optimal"] as const).find((one) => matchings.has(one)) ?? null,
      early,
      layers,
      ...ratios,
    };
  }

  #matched(seen: readonly WatchedMask[]): LayerStructure[] {
    const pairs = seen.map(({ name, packed: { rows, k }, history: { first, last } }) => {
      return { ...{ name, a: first, b: last, rows, k }, inputs: this.#inputs.get(name) ?? [] };
    });
    return [...networkNnstd(pairs)].map(([layer, match]) => ({
      ...{ layer, nnstd: match?.distance ?? null, matching: match?.matching ?? null },
      carried: match?.carried ?? false,
    }));
  }

  /** The state of virtual masks; masks of sparse layers are saved with their parameters. */
  state(): Map<string, { shape: readonly number[]; data: Uint32Array | Float64Array }> {
    const arrays = this.#virtual
      .filter(({ history }) => history.first.length > 0)
      .flatMap(({ name, history }) => [
        [`${name}.firstMask`, history.first] as const,
        [`${name}.lastMask`, history.last] as const,
        [`${name}.flips`, history.counts()] as const,
      ]);
    return new Map(arrays.map(([name, data]) => [name, { shape: [data.length], data }]));
  }

  /** Brings back the arrays that `state` gave. */
  restore(state: ReadonlyMap<string, { data: ArrayLike<number> }>): void {
    for (const { name, history } of this.#virtual) {
      const [first, last, counts] = ["firstMask", "lastMask", "flips"].map(
        (what) => state.get(`${name}.${what}`)?.data,
      );
      if (first !== undefined && last !== undefined && counts !== undefined) history.restore(first, last, counts);
    }
  }

  /** Brings back the kept masks of the steps before this one. */
  restoreSnapshots(saved: MaskSnapshots, step: number, where: string): void {
    this.snapshots.clear();
    for (const [at, masks] of saved) {
      if (at >= step) continue;
      for (const [name, mask] of masks) {
        const words = this.#watched.find((one) => one.name === name)?.packed.mask.length;
        if (mask.length === words) continue;
        throw expected(
          `${where}: mask of ${name}`,
          `${words ?? "no"} words`,
          `${mask.length}`,
          "Resume with the recipe of this run",
        );
      }
      this.snapshots.set(at, masks);
    }
  }
}

function share(part: number, all: number): number {
  // of weights that are all zero, everything is kept
  return all === 0 ? 1 : part / all;
}

/** The mask that a method by magnitude would keep of a weight that stays dense. */
class VirtualMask implements WatchedMask {
  readonly name: string;
  readonly pruned = true;
  readonly packed: PackedMatrix;
  readonly history: MaskHistory;
  readonly #source: MultiplyingWeight;

  constructor(source: MultiplyingWeight, pattern: Pattern) {
    const { name, weight, rows, k } = source;
    const { kernels } = weight.device;
    this.name = name;
    this.packed = new PackedMatrix(kernels, rows, k, pattern);
    this.history = new MaskHistory(kernels, weight.size);
    this.#source = source;
  }

  choose(): void {
    this.packed.prune(this.#source.weight.data);
  }
}
