/** Packs: choosing what an N:M operand keeps, by magnitude or by chance, and writing it as the sparse products read it. */
import type { F32 } from "../memory.ts";

/** Rows of K in one block of a pack: 128 rounded down to whole groups of m. Must equal native/body/pack.inl. */
export function packBlock(m: number): number {
  return 128 - (128 % m);
}

/** Rows side by side in a slice, see native/body/slices.inl. */
export const SLICE = 16;

/** 32-bit words that hold the places of one row of a slice: 2 bits each for m <= 4, else 4. */
export function placeWords(k: number, n: number, m: number): number {
  return Math.ceil(((k / m) * n) / (m <= 4 ? 16 : 8));
}

export interface PackKernels {
  /**
   * Keeps the n largest |w| of each m along k (v > 1: by the sum of |w| over v neighboring rows; ties keep the lower
   * index), and writes the pack, the mask and, if wanted, the masked dense copy. w [rows, k], k % m == 0.
   * soft: 0 keeps values as they are. Else what is kept moves towards zero by the largest score that is not, but not
   * beyond, and is multiplied by soft: (|w| - t) soft with w's sign, for v > 1 w ((s - t) / s) soft with scores s (Hu et
   * al. 2024, S-STE).
   */
  pruneRows(
    values: F32,
    index: Uint8Array,
    mask: Uint32Array,
    masked: F32 | null,
    w: F32,
    rows: number,
    k: number,
    n: number,
    m: number,
    v: number,
    soft: number,
  ): void;
  /** The same under a given mask with exactly n kept in each m; v rows must share their support. */
  packRows(
    values: F32,
    index: Uint8Array,
    masked: F32 | null,
    w: F32,
    mask: Uint32Array,
    rows: number,
    k: number,
    n: number,
    m: number,
    v: number,
    soft: number,
  ): void;
  /**
   * The pack of the transpose of w [k / taps, taps, rows], pruned n:m by magnitude along k (v neighboring rows share a
   * choice; ties keep the lower index): what inputGradSparse takes, with rows the channels and k = taps * out.
   * k / taps is a multiple of m. mask: of w as [k / taps, taps * rows]; what it does not keep counts as zero.
   * order: position i of k is order[i], which is of the same pack block; groups are of neighbors in that order, and so
   * are slots: their index is the true position, which need not ascend. inputGradSparse takes it if it stays within a tap
   * and within segments that divide both the block and k / taps.
   */
  pruneColumns(
    values: F32,
    index: Uint8Array,
    w: F32,
    mask: Uint32Array | null,
    order: Int32Array | null,
    rows: number,
    k: number,
    taps: number,
    n: number,
    m: number,
    v: number,
  ): void;
  /**
   * The pack of an unbiased n:m sample of the transpose of g [k, rows], along k: what weightGradSparse takes. Minimum
   * variance (Chmiel et al. 2023, MVUE); draws are Philox(seed, layer; group of m / 4, step, row group, stream 0)[group of m % 4].
   * Exactly n are kept, also of zeros and NaN; a NaN shows in what is kept of its group.
   */
  sampleColumns(
    values: F32,
    index: Uint8Array,
    g: F32,
    rows: number,
    k: number,
    n: number,
    m: number,
    v: number,
    seed: number,
    layer: number,
    step: number,
  ): void;
  /**
   * The same of g [rows, k] itself, along k, for inputGrad: packed as by pruneRows, if wanted with a dense copy. Draws are
   * of another stream, so this and the sample of the same layer and step along the other axis are independent.
   */
  sampleRows(
    values: F32,
    index: Uint8Array,
    masked: F32 | null,
    g: F32,
    rows: number,
    k: number,
    n: number,
    m: number,
    v: number,
    seed: number,
    layer: number,
    step: number,
  ): void;
  /**
   * As sampleColumns, 2:4 alone, by two draws of which the second is among the other three (approx-MVUE, Hu et al. 2024):
   * unbiased, with up to twice the least variance. The second draw is of stream 2.
   */
  sampleColumnsApproximately(
    values: F32,
    index: Uint8Array,
    g: F32,
    rows: number,
    k: number,
    seed: number,
    layer: number,
    step: number,
  ): void;
  /**
   * The slices of a packed matrix [rows, k]: values [slice][slot][16 rows], places [slice][word][16 rows], each place in
   * its group in 2 bits (m <= 4) or 4, the first slot lowest. Rows beyond the last are zeros.
   */
  packSlices(
    values: F32,
    places: Uint32Array,
    packed: F32,
    index: Uint8Array,
    rows: number,
    k: number,
    n: number,
    m: number,
    v: number,
  ): void;
}
