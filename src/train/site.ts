/** A sparse weight while it is trained: its pack, its mask over time, and what a method may do to it. */
import type { F32 } from "../kernels/kernels.ts";
import type { WeightMethod, WeightSite } from "../methods/method.ts";
import { MaskHistory } from "../metrics/mask-history.ts";
import type { PrunedDecay } from "../optim/transform.ts";
import { PackedMatrix } from "../sparse/packed-matrix.ts";
import type { Pattern } from "../sparse/pattern.ts";
import type { Parameter } from "../tensor/tensor.ts";
import type { RunClock } from "./clock.ts";
import type { MultiplyingWeight } from "./layers.ts";

export class Site implements WeightSite {
  readonly name: string;
  readonly weight: Parameter;
  readonly packed: PackedMatrix;
  readonly history: MaskHistory;
  pruned = false;
  /** The factor of soft thresholds; 0: they are hard. */
  soft = 0;
  /** Whether the weight itself holds zeros where it is pruned: then it is its own masked copy. */
  #weightIsMasked = false;
  readonly #method: WeightMethod;
  readonly #clock: RunClock;
  #version = -1;
  #evaluated = false;
  #frozen = false;
  #decay: PrunedDecay | null = null;

  constructor(source: MultiplyingWeight, pattern: Pattern, method: WeightMethod, clock: RunClock) {
    this.name = source.name;
    this.weight = source.weight;
    this.packed = new PackedMatrix(source.weight.device.kernels, source.rows, source.k, pattern);
    this.history = new MaskHistory(source.weight.size);
    this.#method = method;
    this.#clock = clock;
  }

  /** The pack of the weight as it is now, made anew when it has changed; null while it is dense. */
  current(): PackedMatrix | null {
    const { device, version } = this.weight;
    // An evaluation shows the model of the step before: it must not begin a phase. The next training step packs anew,
    // although nothing has changed, so that its time is whole.
    const training = device.recording;
    if (this.#version !== version || (training && this.#evaluated)) {
      this.#version = version;
      this.#evaluated = !training;
      const phase = this.#clock.phase(training);
      this.#frozen = phase === "frozen";
      const { step, steps } = this.#clock;
      if (phase === "dense") this.pruned = false;
      else device.timed("pack", () => this.#method.beforeForward(this, { step, steps, training }));
    }
    return this.pruned ? this.packed : null;
  }

  prune(): void {
    this.#choose(() => this.packed.prune(this.weight.data));
  }

  pruneSoftly(): void {
    if (this.soft === 0) this.soft = Math.fround(this.packed.softScale(this.weight.data));
    this.#choose(() => this.packed.prune(this.weight.data, this.soft));
  }

  pruneTransposable(): void {
    this.#choose(() => this.packed.pruneTransposable(this.weight.data));
  }

  #choose(prune: () => void): void {
    if (this.#frozen && this.pruned) {
      this.repack();
      return;
    }
    prune();
    this.pruned = true;
    this.#weightIsMasked = false;
  }

  repack(): void {
    this.packed.repack(this.weight.data, this.soft);
  }

  /** The weight with at least what the mask keeps as the products use it. */
  get kept(): F32 {
    return this.soft === 0 ? this.weight.data : this.packed.masked;
  }

  /** What dense products multiply by. */
  denseWeight(): F32 {
    return this.pruned && !this.#weightIsMasked ? this.packed.masked : this.weight.data;
  }

  /** A copy of what the products multiply by: unpacked from the pack itself where the weight is sparse. */
  effective(): Float32Array {
    if (this.current() === null) return this.weight.data.slice();
    const w = new Float32Array(this.weight.size);
    this.packed.unpackInto(w);
    return w;
  }

  decayPruned(lambda: number): void {
    if (this.pruned) this.#decay = { mask: this.packed.mask, k: this.packed.k, lambda };
  }

  /** The decay that the method asked for since the last call, to be done by the optimiser, or else by `decayNow`. */
  takeDecay(): PrunedDecay | null {
    const decay = this.#decay;
    this.#decay = null;
    return decay;
  }

  decayNow({ mask, k, lambda }: PrunedDecay): void {
    const { device, grad, data } = this.weight;
    device.kernels.maskedDecay(grad, data, mask, this.packed.rows, k, lambda);
  }

  maskGradient(): void {
    const { rows, k, mask } = this.packed;
    this.weight.device.kernels.applyMask(this.weight.grad, mask, rows, k);
  }

  maskWeight(): void {
    const { rows, k, mask } = this.packed;
    this.weight.device.kernels.applyMask(this.weight.data, mask, rows, k);
    this.#weightIsMasked = true;
  }
}
