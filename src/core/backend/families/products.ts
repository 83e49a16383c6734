/** Kernels of the products of training, dense and with one sparse operand: forward, inputGrad and weightGrad. */
import type { Geometry } from "../geometry.ts";
import type { F32 } from "../memory.ts";
import type { Positions } from "../positions.ts";
import type { Pack, Pattern, Slices } from "./packs.ts";

/** The three products of training: y = x w^T, dx = dy w, dw = dy^T x. */
export const PRODUCTS = ["forward", "inputGrad", "weightGrad"] as const;

export type Product = (typeof PRODUCTS)[number];

/** Number of columns of one block of compressed rows. Must equal native/body/csr.inl. */
export const CSR_BLOCK = 128;

/**
 * The non-zeros of w [O, I] in rows of blocks of I: their values, and their index within the block,
 * [block][row][entry].
 */
export interface CompressedRows {
  readonly values: F32;
  readonly index: Uint8Array;
  /** Start of each row in both, [block][row], and one more. */
  readonly starts: Uint32Array;
}

export interface ProductKernels {
  /** y [T, O] = im2col(x) w^T + bias, then max(0, .) if relu. */
  forward(y: F32, x: F32, w: F32, bias: F32 | null, g: Geometry, relu: number): void;
  /** dx [batch, height, width, channels] = col2im(dy w). */
  inputGrad(dx: F32, dy: F32, w: F32, g: Geometry): void;
  /** dw [O, I] = dy^T im2col(x). The order of additions depends on the shape alone. */
  weightGrad(dw: F32, dy: F32, x: F32, g: Geometry): void;
  /** forward for w with zeros: each sum has the terms of forwardSparse in its order, so the same bits. */
  forwardEmulated(y: F32, x: F32, w: F32, bias: F32 | null, g: Geometry, relu: number): void;
  /** weightGrad for dy with zeros: the same bits as weightGradSparse with dy in a pack of this pattern. */
  weightGradEmulated(dw: F32, dy: F32, x: F32, g: Geometry, pattern: Pattern): void;
  /** The same bits as weightGradAlternate; what that skips is multiplied as zeros. */
  weightGradAlternateEmulated(
    dw: F32,
    dy: F32,
    x: F32,
    g: Geometry,
    mask: number,
    restore: number,
    scale: number,
  ): void;
  /** forward with w [O, I] packed n:m along I. */
  forwardSparse(y: F32, x: F32, w: Pack, bias: F32 | null, g: Geometry, relu: number): void;
  /** inputGrad, with w packed as its transpose [channels, kernel * O], n:m along kernel * O; m divides O. */
  inputGradSparse(dx: F32, dy: F32, w: Pack, g: Geometry): void;
  /** weightGrad, with dy packed as its transpose [O, T], n:m along T. */
  weightGradSparse(dw: F32, dy: Pack, x: F32, g: Geometry): void;
  /**
   * The weight gradient under a fixed mask that keeps one of each two neighboring positions, dw = scale * sum over the
   * kept j of (dy[j] + restore * dy[i])^T im2col(x)[j], where i is the neighbor of j that is not kept: restore times
   * x[j] stands for x[i]. Neighbors are the pairs of output columns (0, 1), (2, 3), ... of an image row; for a linear
   * layer (one output position an image), pairs of the batch. The last position of an odd row has no neighbor: it is
   * kept, with neither scale nor restoration.
   * mask: 0 keeps the even one of each pair, 1 the odd one; 2 keeps even ones in even rows and odd ones in odd rows, 3
   * the reverse; 4 keeps odd ones in the pairs 0 and 1 of a row, even ones in 2 and 3, and so on. With restore 0,
   * positions that are not kept are not read.
   *
   * Masks 5 to 8 (Xu et al. 2022) have no pairs, and each entry of a column of im2col has its own positions:
   * dw[o][tap][c] = scale * sum over the positions t that count for f = c * taps + tap of
   * (dy[t] + restore * dy[t'])[o] * im2col(x)[t][tap][c], where t' is the position before t in its image, and before the
   * first the last of the same image. Positions are numbered 0 to T - 1 through the whole batch. 5 numbers all entries,
   * i = f * T + t; of each 8 neighbors i it counts 1, 3, 4 and 6. 6 counts odd t. 7 counts odd t of even f and even t of
   * odd f, 8 the reverse.
   */
  weightGradAlternate(dw: F32, dy: F32, x: F32, g: Geometry, mask: number, restore: number, scale: number): void;
  /** y [T, O] = x w^T + bias, then max(0, .) if relu, with x [T, I] packed n:m along I and w [O, I] dense. */
  forwardSparseActivations(y: F32, x: Pack, w: F32, bias: F32 | null, g: Geometry, relu: number): void;
  /** inputGrad of a matrix, dx [T, I] = dy w, with dy [T, O] packed n:m along O and w [O, I] dense. */
  inputGradSparseGradient(dx: F32, dy: Pack, w: F32, g: Geometry): void;
  /**
   * y [T, O] = x [T, I] w^T + bias, then max(0, .) if relu, with w in slices. It is for few rows of x, where the time
   * goes into reading the weights, but right for any number.
   */
  forwardSlices(y: F32, x: F32, w: Slices, bias: F32 | null, g: Geometry, relu: number): void;
  /** forward, with the non-zeros of w [O, I] in compressed rows. */
  forwardCsr(y: F32, x: F32, w: CompressedRows, bias: F32 | null, g: Geometry, relu: number): void;
  /** weightGrad at the entries of compressed rows, and 0 elsewhere. */
  weightGradCsr(dw: F32, dy: F32, x: F32, w: Pick<CompressedRows, "index" | "starts">, g: Geometry): void;
}

export const productPositions: Positions<ProductKernels> = {
  weightGradEmulated: (dw, dy, x, g, { m, v }) => [dw, dy, x, g, m, v],
  forwardSparse: (y, x, { values, index, pattern: { n, m, v } }, bias, g, relu) => [
    ...[y, x, values, index, bias, g, relu, n, m, v],
  ],
  inputGradSparse: (dx, dy, { values, index, pattern: { n, m, v } }, g) => [dx, dy, values, index, g, n, m, v],
  weightGradSparse: (dw, { values, index, pattern: { n, m, v } }, x, g) => [dw, values, index, x, g, n, m, v],
  forwardSparseActivations: (y, { values, index, pattern: { n, m, v } }, w, bias, g, relu) => [
    ...[y, values, index, w, bias, positions(g), inputs(g), g[10], relu, n, m, v],
  ],
  inputGradSparseGradient: (dx, { values, index, pattern: { n, m, v } }, w, g) => [
    ...[dx, values, index, w, positions(g), inputs(g), g[10], n, m, v],
  ],
  forwardSlices: (y, x, { values, places, pattern: { n, m } }, bias, g, relu) => [
    ...[y, x, values, places, bias, positions(g), inputs(g), g[10], relu, n, m],
  ],
  forwardCsr: (y, x, { values, index, starts }, bias, g, relu) => [y, x, values, index, starts, bias, g, relu],
  weightGradCsr: (dw, dy, x, { index, starts }, g) => [dw, dy, x, index, starts, g],
};

const positions = (g: Geometry): number => g[0] * g[8] * g[9];
const inputs = (g: Geometry): number => g[4] * g[5] * g[3];
