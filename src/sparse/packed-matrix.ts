/** An N:M matrix in the form the sparse kernels read, with its mask and a dense copy that holds the zeros. */
import { expected } from "../errors.ts";
import { type F32, type Kernels, maskWords } from "../kernels/kernels.ts";
import { misfit, type Pattern, patternName } from "./pattern.ts";

/** [rows, k], groups along k. The arrays are written in place by `prune` and `repack`. */
export class PackedMatrix {
  readonly pattern: Pattern;
  readonly rows: number;
  readonly k: number;
  /** Kept values and their positions within a block of K, as the sparse kernels stream them. */
  readonly values: F32;
  readonly index: Uint8Array;
  /** See mask.ts. */
  readonly mask: Uint32Array;
  /** [rows, k] with zeros where pruned: what the products without a sparse route multiply by. */
  readonly masked: F32;
  readonly #kernels: Kernels;

  /** Throws where k is no multiple of m. */
  constructor(kernels: Kernels, rows: number, k: number, pattern: Pattern) {
    const why = misfit(pattern, k);
    if (why !== undefined) {
      throw expected(
        `packed ${patternName(pattern)} matrix`,
        `a contraction dimension that is a multiple of ${pattern.m}`,
        `${k}`,
        "Choose another pattern or leave this layer dense",
      );
    }
    const slots = Math.ceil(rows / pattern.v) * (k / pattern.m) * pattern.n;
    this.pattern = pattern;
    this.rows = rows;
    this.k = k;
    this.values = kernels.float32(slots * pattern.v);
    this.index = kernels.uint8(slots);
    this.mask = kernels.uint32(rows * maskWords(k));
    this.masked = kernels.float32(rows * k);
    this.#kernels = kernels;
  }

  /** Chooses the mask by magnitude (ties keep the lower index) and packs w [rows, k] under it. */
  prune(w: F32): void {
    const { n, m, v } = this.pattern;
    this.#kernels.pruneRows(this.values, this.index, this.mask, this.masked, w, this.rows, this.k, n, m, v);
  }

  /** Packs new values under the mask as it stands. */
  repack(w: F32): void {
    const { n, m, v } = this.pattern;
    this.#kernels.packRows(this.values, this.index, this.masked, w, this.mask, this.rows, this.k, n, m, v);
  }
}
