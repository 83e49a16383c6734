/** A packed matrix in the form for products with few rows of activations, as in inference. */

import { type Pattern, placeWords, SLICE, type Slices } from "../../backend/families/packs.ts";
import { matrixGeometry } from "../../backend/geometry.ts";
import type { Kernels } from "../../backend/kernels.ts";
import type { F32 } from "../../backend/memory.ts";
import type { PackedMatrix } from "./packed-matrix.ts";

/**
 * The most rows of activations for which slices are the faster form, on instruction sets that can permute by an index
 * for each lane; measured.
 */
const MOST_ROWS: Readonly<Record<string, number>> = { avx512: 12, avx2: 14 };
const MOST_ROWS_ELSEWHERE = 1;

/**
 * The slices of a packed matrix [rows, k], made once for many products: the kept values and, in 2 or 4 bits each, their
 * places, 16 rows side by side. The pack stays in use, for products with more rows.
 */
export class SlicedMatrix implements Slices {
  readonly pattern: Pattern;
  /** Kept values, [slice][slot][16 rows]; rows beyond the last are zeros. */
  readonly values: F32;
  /** Places within their group, [slice][word][16 rows]; the first slot has the lowest bits. */
  readonly places: Uint32Array;
  readonly #kernels: Kernels;
  readonly #packed: PackedMatrix;

  constructor(kernels: Kernels, packed: PackedMatrix) {
    const { rows, k, pattern } = packed;
    const { n, m } = pattern;
    this.pattern = pattern;
    const padded = Math.ceil(rows / SLICE) * SLICE;
    this.values = kernels.float32(padded * (k / m) * n);
    this.places = kernels.uint32(padded * placeWords(k, n, m));
    this.#kernels = kernels;
    this.#packed = packed;
    this.refresh();
  }

  /** Updates the slices after the pack was pruned or packed anew. */
  refresh(): void {
    this.#kernels.packSlices(this, this.#packed, this.#packed.rows, this.#packed.k);
  }

  /** Computes y [t, rows] = x [t, k] w^T + bias, then max(0, .) if relu, in the form that is faster for t. */
  multiply(y: F32, x: F32, t: number, bias: F32 | null = null, relu = false): void {
    const geometry = matrixGeometry(t, this.#packed.k, this.#packed.rows);
    const gate = relu ? 1 : 0;
    if (t <= (MOST_ROWS[this.#kernels.instructionSet] ?? MOST_ROWS_ELSEWHERE)) {
      this.#kernels.forwardSlices(y, x, this, bias, geometry, gate);
    } else {
      this.#kernels.forwardSparse(y, x, this.#packed, bias, geometry, gate);
    }
  }
}
