/** A weight whose zeros have no pattern, while it is trained. */

import { maskWords } from "../backend/families/masks.ts";
import type { Kernels } from "../backend/kernels.ts";
import type { F32 } from "../backend/memory.ts";
import { MaskHistory } from "../metrics/mask-history.ts";
import { forgetPruned, type Slot } from "../optim/transform.ts";
import { countKept, isKept } from "../sparse/mask.ts";
import type { Parameter } from "../tensor/tensor.ts";
import type { MultiplyingWeight } from "./layers.ts";
import type { UnstructuredParameter } from "./methods/unstructured/unstructured-method.ts";
import { NamedArrays } from "./named-arrays.ts";

export class MaskedParameter implements UnstructuredParameter {
  readonly name: string;
  readonly shape: readonly number[];
  readonly rows: number;
  readonly k: number;
  readonly kernels: Kernels;
  readonly parameter: Parameter;
  readonly history: MaskHistory;
  readonly maskBytes: Uint8Array;
  /** The mask as bits, which kernels read. */
  readonly mask: Uint32Array;
  /** The arrays that its method keeps with it. */
  readonly arrays = new NamedArrays();
  sparsity = 0;
  /** Number of times that the mask has moved. */
  revision = 0;
  /** The entries kept both before and after the mask moved; null if it did not move. */
  #survivors: Uint32Array | null = null;

  constructor({ name, weight, rows, k }: MultiplyingWeight) {
    this.name = name;
    this.shape = weight.shape;
    this.rows = rows;
    this.k = k;
    this.kernels = weight.device.kernels;
    this.parameter = weight;
    this.history = new MaskHistory(this.kernels, weight.size);
    this.maskBytes = new Uint8Array(weight.size).fill(1);
    this.mask = this.kernels.uint32(rows * maskWords(k));
    this.#writeMask();
  }

  get weight(): F32 {
    return this.parameter.data;
  }

  get gradient(): F32 {
    return this.parameter.grad;
  }

  state(name: string, length: number): F32 {
    return this.arrays.take(name, length, this.kernels);
  }

  forget(name: string): void {
    this.arrays.drop(name);
  }

  keep(maskBytes: Uint8Array): void {
    const before = this.mask.slice();
    this.maskBytes.set(maskBytes);
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
        if (this.maskBytes[i] === 1) this.mask[row * words + (column >>> 5)] |= 1 << (column & 31);
      }
    }
    this.#noteMask();
  }

  #noteMask(): void {
    this.sparsity = 1 - countKept(this.mask) / this.maskBytes.length;
    this.revision++;
  }

  get pruned(): boolean {
    return this.sparsity > 0;
  }

  bringBack(mask: ArrayLike<number>): void {
    this.mask.set(mask);
    for (let i = 0; i < this.maskBytes.length; i++) {
      this.maskBytes[i] = isKept(this.mask, this.k, Math.floor(i / this.k), i % this.k) ? 1 : 0;
    }
    this.#noteMask();
  }

  /**
   * Whether the mask has moved since the last call; if so, moments of entries that were not kept all along are cleared.
   */
  forgetWhatMoved(slot: Slot): boolean {
    const survivors = this.#survivors;
    if (survivors !== null) forgetPruned(slot, survivors, this.rows, this.k);
    this.#survivors = null;
    return survivors !== null;
  }

  maskWeight(): void {
    if (this.pruned) this.kernels.applyMask(this.weight, this.mask, this.rows, this.k);
  }

  maskGradient(): void {
    if (this.pruned) this.kernels.applyMask(this.gradient, this.mask, this.rows, this.k);
  }
}
