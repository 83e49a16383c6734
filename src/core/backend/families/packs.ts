/**
 * Kernels of packs: they choose what an N:M operand keeps, by magnitude or by chance, and write it as the sparse
 * products read it.
 */
import type { Draw } from "../../random.ts";
import type { F32 } from "../memory.ts";
import type { Positions } from "../positions.ts";

/**
 * Number of entries along K in one block of a pack: 128 rounded down to whole groups of m. Must equal
 * native/body/pack.inl.
 */
export function packBlock(m: number): number {
  return 128 - (128 % m);
}

/** Number of rows side by side in a slice, see native/body/slices.inl. */
export const SLICE = 16;

/** Number of 32-bit words that hold the places of one row of a slice: 2 bits each for m <= 4, else 4. */
export function placeWords(k: number, n: number, m: number): number {
  return Math.ceil(((k / m) * n) / (m <= 4 ? 16 : 8));
}

/** An N:M pattern along the contraction dimension, vV: exactly N entries are kept in each group of M neighbors. */
export interface Pattern {
  /** Number of entries kept in a group. */
  readonly n: number;
  /** Number of entries of a group, 2..16. */
  readonly m: number;
  /** Number of neighboring rows that share a choice: 1, 2 or 4. */
  readonly v: number;
}

/** An N:M matrix [rows, k] as the sparse products stream it: [block of K][group of v rows][slot]. */
export interface Pack {
  readonly pattern: Pattern;
  /** Kept values, v rows a slot; rows beyond the last are zeros. */
  readonly values: F32;
  /** Positions of the kept values within a block of K. */
  readonly index: Uint8Array;
}

/** A packed matrix with 16 rows side by side. The pattern's v has no effect. */
export interface Slices {
  readonly pattern: Pattern;
  /** Kept values, [slice][slot][16 rows]. */
  readonly values: F32;
  /** Places, [slice][word][16 rows]: each place in its group in 2 bits (m <= 4) or 4, with the first slot lowest. */
  readonly places: Uint32Array;
}

export interface PackKernels {
  /**
   * Keeps the n largest |w| of each m along k (v > 1: by the sum of |w| over v neighboring rows; ties keep the lower
   * index), and writes the pack, the mask and, if wanted, the masked dense copy. w [rows, k], k % m == 0.
   * With soft 0, values are kept as they are. Otherwise a kept value moves towards zero by the largest score that is
   * not kept, but not beyond zero, and is multiplied by soft: (|w| - t) soft with w's sign, for v > 1 w ((s - t) / s)
   * soft with scores s (Hu et al. 2024, S-STE).
   */
  pruneRows(pack: Pack, mask: Uint32Array, masked: F32 | null, w: F32, rows: number, k: number, soft: number): void;
  /** Packs like pruneRows under a given mask with exactly n kept in each m; v rows must share their support. */
  packRows(pack: Pack, masked: F32 | null, w: F32, mask: Uint32Array, rows: number, k: number, soft: number): void;
  /**
   * The pack of the transpose of w [k / taps, taps, rows], pruned n:m by magnitude along k (v neighboring rows share a
   * choice; ties keep the lower index): what inputGradSparse takes, with rows the channels and k = taps * out.
   * k / taps is a multiple of m. mask: of w as [k / taps, taps * rows]; what it does not keep counts as zero.
   * order: position i of k is order[i], which is of the same pack block; groups are of neighbors in that order, while
   * slots are by rising true position. inputGradSparse takes it if it stays within a tap and within segments that divide
   * both the block and k / taps.
   */
  pruneColumns(
    pack: Pack,
    w: F32,
    mask: Uint32Array | null,
    order: Int32Array | null,
    rows: number,
    k: number,
    taps: number,
  ): void;
  /**
   * Writes the pack of an unbiased n:m sample of the transpose of g [k, rows], along k, for weightGradSparse. It has
   * minimum variance (Chmiel et al. 2023, MVUE); draws are Philox(seed, layer; group of m / 4, step, row group, stream
   * 0)[group of m % 4]. Exactly n are kept, also of zeros and NaN; a NaN shows in the kept values of its group.
   */
  sampleColumns(pack: Pack, g: F32, rows: number, k: number, draw: Draw): void;
  /**
   * Samples g [rows, k] itself, along k, for inputGrad: it is packed as by pruneRows, if wanted with a dense copy.
   * Draws are of another stream, so this sample and that of the same layer and step along the other axis are
   * independent.
   */
  sampleRows(pack: Pack, masked: F32 | null, g: F32, rows: number, k: number, draw: Draw): void;
  /**
   * Samples like sampleColumns, for 2:4 alone, by two draws of which the second is among the other three (approx-MVUE,
   * Hu et al. 2024): unbiased, with up to twice the least variance. The second draw is of stream 2.
   */
  sampleColumnsApproximately(pack: Pack, g: F32, rows: number, k: number, draw: Draw): void;
  /** out [k / taps, taps, rows]: the matrix whose transpose was packed, with zeros. */
  unpackColumns(out: F32, pack: Pack, rows: number, k: number, taps: number): void;
  /** The slices of a packed matrix [rows, k], of the same pattern. Rows beyond the last are zeros. */
  packSlices(slices: Slices, pack: Pack, rows: number, k: number): void;
}

export const packPositions: Positions<PackKernels> = {
  pruneRows: ({ values, index, pattern: { n, m, v } }, mask, masked, w, rows, k, soft) => [
    ...[values, index, mask, masked, w, rows, k, n, m, v, soft],
  ],
  packRows: ({ values, index, pattern: { n, m, v } }, masked, w, mask, rows, k, soft) => [
    ...[values, index, masked, w, mask, rows, k, n, m, v, soft],
  ],
  pruneColumns: ({ values, index, pattern: { n, m, v } }, w, mask, order, rows, k, taps) => [
    ...[values, index, w, mask, order, rows, k, taps, n, m, v],
  ],
  sampleColumns: ({ values, index, pattern: { n, m, v } }, g, rows, k, { seed, layer, step }) => [
    ...[values, index, g, rows, k, n, m, v, seed, layer, step],
  ],
  sampleRows: ({ values, index, pattern: { n, m, v } }, masked, g, rows, k, { seed, layer, step }) => [
    ...[values, index, masked, g, rows, k, n, m, v, seed, layer, step],
  ],
  sampleColumnsApproximately: ({ values, index }, g, rows, k, { seed, layer, step }) => [
    ...[values, index, g, rows, k, seed, layer, step],
  ],
  unpackColumns: (out, { values, index, pattern: { n, m, v } }, rows, k, taps) => [
    ...[out, values, index, rows, k, taps, n, m, v],
  ],
  packSlices: (slices, { values, index, pattern: { n, m, v } }, rows, k) => [
    ...[slices.values, slices.places, values, index, rows, k, n, m, v],
  ],
};
