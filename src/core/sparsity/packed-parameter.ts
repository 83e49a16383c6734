/**
 * A sparse weight while it is trained: its pack, the history of its mask, and the operations that a method may do on
 * it.
 */

import { maskWords, type TransposableSolver } from "../backend/families/masks.ts";
import type { Kernels } from "../backend/kernels.ts";
import type { F32 } from "../backend/memory.ts";
import { MaskHistory } from "../metrics/mask-history.ts";
import type { PrunedDecay } from "../optim/transform.ts";
import { PackedMatrix, type WeightPack } from "../sparse/formats/packed-matrix.ts";
import { ShortGroupMatrix } from "../sparse/formats/short-group-matrix.ts";
import { type Pattern, patternName, type Remainder } from "../sparse/pattern.ts";
import type { Parameter } from "../tensor/tensor.ts";
import type { RunClock } from "./clock.ts";
import type { SparseWeight } from "./layer-operands.ts";
import type { MultiplyingWeight } from "./layers.ts";
import type { SparseParameter, WeightMethod } from "./methods/method.ts";
import { NamedArrays } from "./named-arrays.ts";

export class PackedParameter implements SparseParameter, SparseWeight {
  readonly name: string;
  readonly rows: number;
  readonly k: number;
  readonly taps: number;
  positions = 0;
  readonly kernels: Kernels;
  readonly parameter: Parameter;
  readonly method: WeightMethod;
  readonly asked: Pattern;
  /** The arrays that its method keeps with it. */
  readonly arrays = new NamedArrays();
  readonly #scratch = new NamedArrays();
  readonly history: MaskHistory;
  /** A mask of what was not zero when zeros began to be kept; null: they are not. */
  nonZeros: Uint32Array | null = null;
  pruned = false;
  /** The factor of soft thresholds; 0 if they are hard. */
  soft = 0;
  /** Number of times that the method acted before a product. */
  revision = 0;
  /** Called when a mask is chosen, before the weight from which it was chosen changes. */
  onChoice: (() => void) | null = null;
  /** Whether the weight itself holds zeros where it is pruned; it is then its own masked copy. */
  #weightIsMasked = false;
  #packed: WeightPack;
  readonly #remainder: Remainder;
  /** Values by which dense products multiply in place of the weight. */
  #values: F32 | null = null;
  /** Whether the pack holds other values than the weight's. */
  #packsOther = false;
  #forgets = false;
  readonly #clock: RunClock;
  #version = -1;
  #evaluated = false;
  /** Whether a mask was ever chosen for the present pattern. */
  chosen = false;
  #frozen = false;
  #decay: PrunedDecay | null = null;

  constructor(
    source: MultiplyingWeight,
    pattern: Pattern,
    method: WeightMethod,
    clock: RunClock,
    remainder: Remainder = "dense",
  ) {
    const { name, weight, rows, k, axisLength } = source;
    this.name = name;
    this.rows = rows;
    this.k = k;
    this.taps = k / axisLength;
    this.kernels = weight.device.kernels;
    this.parameter = weight;
    this.method = method;
    this.asked = pattern;
    this.#remainder = remainder;
    this.#packed = this.#newPack(pattern);
    this.history = new MaskHistory(this.kernels, weight.size);
    this.#clock = clock;
  }

  /** From now on what is zero stays zero. */
  keepZeros(): void {
    const words = maskWords(this.k);
    this.nonZeros = this.kernels.uint32(this.rows * words);
    this.weight.forEach((value, i) => {
      const column = i % this.k;
      if (value !== 0) this.nonZeros![Math.floor(i / this.k) * words + (column >>> 5)] |= 1 << (column & 31);
    });
  }

  /** x = 0 where the weight has to stay zero. */
  zeroKept(x: F32): void {
    if (this.nonZeros !== null) this.kernels.applyMask(x, this.nonZeros, this.rows, this.k);
  }

  get weight(): F32 {
    return this.parameter.data;
  }

  get gradient(): F32 {
    return this.parameter.grad;
  }

  #newPack(pattern: Pattern): WeightPack {
    const { kernels, rows, k, taps } = this;
    if (this.#remainder === "dense" || (k / taps) % pattern.m === 0) return new PackedMatrix(kernels, rows, k, pattern);
    return new ShortGroupMatrix(kernels, rows, k, k / taps, pattern);
  }

  get packed(): WeightPack {
    return this.#packed;
  }

  get pattern(): Pattern {
    return this.#packed.pattern;
  }

  get mask(): Uint32Array {
    return this.#packed.mask;
  }

  get masked(): F32 {
    return this.#packed.masked;
  }

  state(name: string, length: number): F32 {
    return this.arrays.take(name, length, this.kernels);
  }

  scratch(name: string, length: number): F32 {
    return this.#scratch.take(name, length, this.kernels);
  }

  /** The pack of the present weight, made anew if the weight has changed; null while the weight is dense. */
  current(): WeightPack | null {
    const { device, version } = this.parameter;
    // An evaluation shows the model of the step before: it must not begin a phase. The next training step packs anew,
    // although nothing has changed, so that its time is whole.
    const training = device.recording;
    if (this.#version !== version || (training && this.#evaluated)) {
      this.#version = version;
      this.revision++;
      this.#evaluated = !training;
      const phase = this.#clock.phase(training);
      this.#frozen = phase === "frozen";
      if (phase === "dense") this.#multiplyByWeight();
      else device.timed("pack", () => this.method.beforeForward(this, this.#clock.at(training)));
    }
    return this.pruned ? this.packed : null;
  }

  #multiplyByWeight(): void {
    this.pruned = false;
    this.#values = null;
  }

  prune(): void {
    this.#choose(() => this.packed.prune(this.weight));
  }

  pruneSoftly(): void {
    if (this.soft === 0) this.soft = Math.fround(this.packed.softScale(this.weight));
    this.#choose(() => this.packed.prune(this.weight, this.soft));
  }

  pruneTransposable(solver: TransposableSolver): void {
    this.#choose(() => this.packed.pruneTransposable(this.weight, solver));
  }

  pruneBy(choose: (mask: Uint32Array) => void): void {
    this.#choose(() => {
      choose(this.mask);
      this.packed.repack(this.weight);
    });
  }

  #choose(prune: () => void): void {
    if (this.#frozen && this.chosen) {
      this.repack();
      return;
    }
    prune();
    this.onChoice?.();
    this.pruned = true;
    this.chosen = true;
    this.#packsOther = false;
    this.#values = null;
    this.#weightIsMasked = false;
  }

  repack(values?: F32): void {
    this.packed.repack(values ?? this.weight, this.soft);
    this.pruned = true;
    this.#values = null;
    // from now on products without a sparse route need the masked copy
    this.#packsOther = values !== undefined;
    if (this.#packsOther) this.#weightIsMasked = false;
  }

  multiplyBy(values: F32): void {
    this.pruned = false;
    this.#values = values;
  }

  changePattern(pattern: Pattern): void {
    if (patternName(pattern) === patternName(this.pattern)) return;
    this.#packed = this.#newPack(pattern);
    this.chosen = false;
    this.#multiplyByWeight();
  }

  /** Continues under a saved mask; the next product packs. */
  bringBack(mask: ArrayLike<number>): void {
    this.mask.set(mask);
    this.pruned = true;
    this.chosen = true;
  }

  /** The weight, in which at least the kept entries are those that the products use. */
  get keptValues(): F32 {
    return this.soft === 0 && !this.#packsOther ? this.weight : this.packed.masked;
  }

  /** The weight by which dense products multiply. */
  denseWeight(): F32 {
    if (!this.pruned) return this.#values ?? this.weight;
    return this.#weightIsMasked ? this.weight : this.packed.masked;
  }

  /** A copy of the values by which the products multiply; if the weight is sparse, unpacked from the pack itself. */
  effective(): Float32Array {
    if (this.current() === null) return (this.#values ?? this.weight).slice();
    const w = new Float32Array(this.weight.length);
    this.packed.unpackInto(w);
    return w;
  }

  decayPruned(lambda: number): void {
    if (this.chosen) this.#decay = { mask: this.mask, k: this.k, lambda };
  }

  /** The decay that the method has asked for since the last call; the optimizer applies it, or else `decayNow`. */
  takeDecay(): PrunedDecay | null {
    const decay = this.#decay;
    this.#decay = null;
    return decay;
  }

  decayNow({ mask, k, lambda }: PrunedDecay): void {
    this.kernels.maskedDecay(this.gradient, this.weight, mask, this.rows, k, lambda);
  }

  maskGradient(): void {
    this.kernels.applyMask(this.gradient, this.mask, this.rows, this.k);
  }

  maskWeight(): void {
    this.kernels.applyMask(this.weight, this.mask, this.rows, this.k);
    this.#weightIsMasked = true;
  }

  forgetPruned(): void {
    this.#forgets = true;
  }

  /** Whether the method has asked to forget moments since the last call. */
  takeForgets(): boolean {
    const forgets = this.#forgets;
    this.#forgets = false;
    return forgets;
  }
}
