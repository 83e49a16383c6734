/**
 * The weight of a branch while it is trained. Which of its entries count follows from the mask of the weight beside it.
 */

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
  /** The important taps, one bit each. They are chosen with the mask of the main weight, from the same values. */
  taps = 0;
  readonly #main: PackedParameter;
  #packed: PackedMatrix;
  readonly #pair: NormalizedConv;
  readonly #norm: BatchNorm;
  /** The entries that count: the mask of the main weight at the important taps. */
  readonly #active: Uint32Array;
  /** The weight with zeros at entries that do not count. */
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

  /**
   * The pack under the mask of the main weight, with zeros at unimportant taps. It is N:M as well, so it takes the same
   * routes.
   */
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
    // a dense weight keeps every entry: its branch is then dense too, at its taps
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

  /** Sets x to 0 where the weight does not count, such as its gradient. */
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

  /** Removes the branch from the convolution, which is then as it was before. */
  remove(): void {
    this.#pair.conv.branch = null;
  }

  /** The values with which one convolution and its batch norm compute what both pairs do. */
  merged(): Merged {
    return merge(this.#main.effective(), this.#pair.norm, this.effective(), this.#norm);
  }

  /** Replaces both convolutions by the merged one in values that are to be saved. */
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
