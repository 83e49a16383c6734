/** The weight of a branch while it is trained: what of it counts follows from the masks of the weight that it stands beside. */

import { maskWords } from "../backend/families/masks.ts";
import type { F32 } from "../backend/memory.ts";
import type { BatchNorm } from "../nn/batch-norm.ts";
import { type Merged, merge, type NormalizedConv, type SpatialBranch } from "../nn/spatial-branch.ts";
import type { Values } from "../nn/state.ts";
import { PackedMatrix } from "../sparse/formats/packed-matrix.ts";
import { importantTaps } from "../sparse/important-taps.ts";
import { patternName } from "../sparse/pattern.ts";
import type { Parameter } from "../tensor/tensor.ts";
import type { SparseWeight } from "./layer-operands.ts";
import type { PackedParameter } from "./packed-parameter.ts";

export class BranchWeight implements SparseWeight {
  positions = 0;
  /** Path of the weight. */
  readonly name: string;
  readonly weight: Parameter;
  /** The taps that matter, a bit each: chosen when the mask of the main weight is, of what it is chosen of. */
  taps = 0;
  readonly #main: PackedParameter;
  #packed: PackedMatrix;
  readonly #pair: NormalizedConv;
  readonly #norm: BatchNorm;
  /** Whether an entry counts: the mask of the main weight at these taps. */
  readonly #active: Uint32Array;
  /** The weight with zeros where it does not. */
  readonly #used: F32;
  #revision = -1;
  #version = -1;

  constructor(main: PackedParameter, pair: NormalizedConv, { conv, norm }: SpatialBranch) {
    const { rows, k, pattern, mask, kernels } = main;
    this.name = `${pair.path}.branch.conv.weight`;
    this.weight = conv.weight;
    this.#packed = new PackedMatrix(kernels, rows, k, pattern);
    this.#main = main;
    this.#pair = pair;
    this.#norm = norm;
    this.#active = kernels.uint32(mask.length);
    this.#used = kernels.float32(rows * k);
    main.onChoice = () => this.#chooseTaps();
  }

  /** Under the mask of the main weight, with zeros at the taps that do not matter: N:M as well, so it takes the same routes. */
  get packed(): PackedMatrix {
    return this.#packed;
  }

  get pruned(): boolean {
    return this.#main.pruned;
  }

  current(): PackedMatrix | null {
    const main = this.#main;
    main.current();
    const { device, version } = this.weight;
    if (this.#revision !== main.revision || this.#version !== version) {
      this.#revision = main.revision;
      this.#version = version;
      device.timed("pack", () => this.#pack());
    }
    return this.pruned ? this.packed : null;
  }

  #chooseTaps(): void {
    const { weight, taps, k, pattern } = this.#main;
    this.taps = importantTaps(weight, taps, k / taps, pattern);
  }

  #pack(): void {
    const { mask, k, rows, taps, pattern, kernels } = this.#main;
    // a dense weight keeps all: its branch is dense too, at its taps
    if (!this.pruned) this.#chooseTaps();
    const words = maskWords(k);
    const row = new Uint32Array(words);
    const channels = k / taps;
    for (let i = 0; i < k; i++) row[i >>> 5] |= ((this.taps >>> Math.floor(i / channels)) & 1) << (i & 31);
    for (let i = 0; i < mask.length; i++) this.#active[i] = row[i % words] & (this.pruned ? mask[i] : -1);
    this.#used.set(this.weight.data);
    this.confine(this.#used);
    if (!this.pruned) return;
    if (patternName(pattern) !== patternName(this.#packed.pattern)) {
      this.#packed = new PackedMatrix(kernels, rows, k, pattern);
    }
    this.#packed.mask.set(mask);
    this.#packed.repack(this.#used);
  }

  /** x = 0 where the weight does not count: its gradient is. */
  confine(x: F32): void {
    const { rows, k, kernels } = this.#main;
    kernels.applyMask(x, this.#active, rows, k);
  }

  get keptValues(): F32 {
    return this.#used;
  }

  denseWeight(): F32 {
    return this.#used;
  }

  effective(): Float32Array {
    this.current();
    return Float32Array.from(this.#used);
  }

  /** Leaves the convolution alone, as it was before. */
  remove(): void {
    this.#pair.conv.branch = null;
  }

  /** What one convolution with its batch norm holds to do what both do. */
  merged(): Merged {
    return merge(this.#main.effective(), this.#pair.norm, this.effective(), this.#norm);
  }

  /** Puts the merged convolution in the place of both, in what is saved of a model. */
  mergeInto(values: Values): void {
    const { path, normPath } = this.#pair;
    for (const name of [...values.keys()]) {
      if (name.startsWith(`${path}.branch.`)) values.delete(name);
    }
    const { weight, norm } = this.merged();
    const put = (name: string, data: Float32Array): void => {
      values.set(name, { ...values.get(name)!, data });
    };
    put(`${path}.weight`, weight);
    for (const [name, data] of Object.entries(norm)) put(`${normPath}.${name}`, data);
  }
}
