/** An N:M matrix in the form that the sparse kernels read, with its mask and, if asked for, a dense copy. */

import { maskWords, TRANSPOSABLE_SOLVERS, type TransposableSolver } from "../../backend/families/masks.ts";
import { type Pack, packBlock } from "../../backend/families/packs.ts";
import type { Geometry } from "../../backend/geometry.ts";
import type { Kernels } from "../../backend/kernels.ts";
import type { F32 } from "../../backend/memory.ts";
import { expected } from "../../errors.ts";
import type { Draw } from "../../random.ts";
import { type Verification, verifyValues } from "../mask.ts";
import type { Epilogue, ForwardOperand, OperandFormat } from "../operand.ts";
import { type Group, groupsOf, misfit, type Pattern, patternName } from "../pattern.ts";
import { DenseMatrix } from "./dense-matrix.ts";
import { EmulatedWeight } from "./emulated.ts";
import { encodedBytes, encodeMatrix } from "./encoding.ts";

/** An N:M operand as the sparse kernels stream it: kept values, and their positions within a block of K. */
export interface PackedOperand extends Pack {
  readonly rows: number;
  /** Number of entries of a row before pruning. */
  readonly k: number;
}

/** A weight as a method prunes it: in whole groups, or with shorter ones. */
export interface WeightPack extends ForwardOperand {
  readonly pattern: Pattern;
  readonly rows: number;
  readonly k: number;
  /** The groups of a row. */
  readonly groups: readonly Group[];
  readonly mask: Uint32Array;
  /** [rows, k] with zeros where it is pruned. */
  readonly masked: F32;
  prune(w: F32, soft?: number): void;
  repack(w: F32, soft?: number): void;
  softScale(w: F32): number;
  pruneTransposable(w: F32, solver: TransposableSolver): void;
  unpackInto(w: Float32Array): void;
  /** Whether these values [rows, k] hold the pattern. */
  verify(values: Float32Array): Verification;
  /** Bytes of w under the mask in the N:M encoding. */
  storedBytes(w: F32): number;
}

/** The number of slots of the pack. Throws if groups do not tile k. */
export function slotsOf(pattern: Pattern, rows: number, k: number): number {
  const why = misfit(pattern, k);
  if (why !== undefined) {
    throw expected(
      `packed ${patternName(pattern)} matrix`,
      `a contraction dimension that is a multiple of ${pattern.m}`,
      `${k}`,
      "Choose another pattern or leave this layer dense",
    );
  }
  return Math.ceil(rows / pattern.v) * (k / pattern.m) * pattern.n;
}

/** Writes the dense matrix [rows, k] that the sparse kernels see to w. */
export function unpack({ pattern, rows, k, values, index }: PackedOperand, w: Float32Array): void {
  const { n, m, v } = pattern;
  w.fill(0, 0, rows * k);
  const block = packBlock(m);
  let slot = 0;
  for (let begin = 0; begin < k; begin += block) {
    const slots = ((Math.min(k, begin + block) - begin) / m) * n;
    for (let first = 0; first < rows; first += v) {
      for (const end = slot + slots; slot < end; slot++) {
        for (let row = first; row < Math.min(rows, first + v); row++) {
          w[row * k + begin + index[slot]] = values[slot * v + row - first];
        }
      }
    }
  }
}

/**
 * An N:M matrix [rows, k] with groups along k. `prune` and `repack` write its arrays in place. As a weight it is an
 * operand of forward.
 */
export class PackedMatrix implements PackedOperand, WeightPack {
  readonly pattern: Pattern;
  readonly rows: number;
  readonly k: number;
  readonly values: F32;
  readonly index: Uint8Array;
  /** The mask, in the layout of mask.ts. */
  readonly mask: Uint32Array;
  readonly #kernels: Kernels;
  #masked: F32 | null = null;

  /** Throws if k is no multiple of m. */
  constructor(kernels: Kernels, rows: number, k: number, pattern: Pattern) {
    const slots = slotsOf(pattern, rows, k);
    this.pattern = pattern;
    this.rows = rows;
    this.k = k;
    this.values = kernels.float32(slots * pattern.v);
    this.index = kernels.uint8(slots);
    this.mask = kernels.uint32(rows * maskWords(k));
    this.#kernels = kernels;
  }

  /**
   * [rows, k] with zeros where pruned: what emulated products multiply by. Kept up to date from the first
   * use on; a layer that never asks does not pay for writing it.
   */
  get masked(): F32 {
    if (this.#masked === null) {
      this.#masked = this.#kernels.float32(this.rows * this.k);
      this.unpackInto(this.#masked);
    }
    return this.#masked;
  }

  get groups(): readonly Group[] {
    return groupsOf(this.pattern, 1, this.k);
  }

  verify(values: Float32Array): Verification {
    return verifyValues(values, this.rows, this.k, this.pattern);
  }

  storedBytes(w: F32): number {
    return encodedBytes(encodeMatrix(w, this.mask, this.rows, this.k, this.pattern));
  }

  forward(y: F32, x: F32, geometry: Geometry, { bias, relu }: Epilogue): void {
    this.#kernels.forwardSparse(y, x, this, bias, geometry, Number(relu));
  }

  /** Writes the dense matrix [rows, k] that the sparse kernels see to w. */
  unpackInto(w: Float32Array): void {
    unpack(this, w);
  }

  /**
   * Chooses the mask by magnitude (ties keep the lower index) and packs w [rows, k] under it. `soft` is explained at
   * the kernel.
   */
  prune(w: F32, soft = 0): void {
    this.#kernels.pruneRows(this, this.mask, this.#masked, w, this.rows, this.k, soft);
  }

  /**
   * The factor that brings a soft prune of w closest to w, in the sense of least squares: <w, S(w)> / |S(w)|^2, in
   * double precision; 1 if nothing is left. It also prunes.
   */
  softScale(w: F32): number {
    this.prune(w, 1);
    const pruned = new Float32Array(this.rows * this.k);
    this.unpackInto(pruned);
    let [dot, square] = [0, 0];
    pruned.forEach((value, i) => {
      dot += value * w[i];
      square += value * value;
    });
    return square > 0 ? dot / square : 1;
  }

  /** Chooses a mask that is N:M along rows and columns (see the kernel of this name) and packs w [rows, k] under it. */
  pruneTransposable(w: F32, solver: TransposableSolver): void {
    const place = TRANSPOSABLE_SOLVERS.indexOf(solver);
    this.#kernels.pruneTransposable(this.mask, w, this.rows, this.k, this.pattern, place);
    this.repack(w);
  }

  /** Keeps an unbiased sample of minimum variance of g [rows, k]; it does not write the mask. */
  sample(g: F32, draw: Draw): void {
    this.#kernels.sampleRows(this, this.#masked, g, this.rows, this.k, draw);
  }

  /** Packs new values under the present mask. */
  repack(w: F32, soft = 0): void {
    this.#kernels.packRows(this, this.#masked, w, this.mask, this.rows, this.k, soft);
  }
}

export const packedFormat: OperandFormat = {
  name: "packed N:M",
  about: "the weight along the inputs that forward sums over: kept values and their places",
  skips: true,
  images: true,
  forward: ({ kernels, geometry, pattern, w }) => {
    const packed = new PackedMatrix(kernels, geometry[10], w.length / geometry[10], pattern);
    packed.prune(w);
    const { masked } = packed;
    return {
      operand: packed,
      dense: new DenseMatrix(kernels, masked),
      emulated: new EmulatedWeight(kernels, masked),
    };
  },
};
