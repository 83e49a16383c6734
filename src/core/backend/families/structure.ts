/** Kernels for columns, tiles and crosses: they move parts of matrices and compute penalties of groups of weights. */
import type { Geometry } from "../geometry.ts";
import type { F32 } from "../memory.ts";

export interface StructureKernels {
  /** out[i] = x[places[i]] for i < count. */
  gatherEntries(out: F32, x: F32, places: Uint32Array, count: number): void;
  /**
   * Copies columns from xBegin on of x [rows, xColumns] to columns yBegin .. yBegin + count - 1 of y [rows, yColumns],
   * with zeros beyond x's last column. The other columns of y stay.
   */
  copyColumns(
    y: F32,
    x: F32,
    rows: number,
    count: number,
    yColumns: number,
    yBegin: number,
    xColumns: number,
    xBegin: number,
  ): void;
  /** y [T, count] = the columns of im2col(x) with these numbers, each below I. The geometry's `out` has no effect. */
  gatherColumns(y: F32, x: F32, columns: Uint32Array, count: number, g: Geometry): void;
  /** The gradient of gatherColumns: dx = for each pixel, the sum over all entries for which it was gathered. */
  scatterColumns(dx: F32, dy: F32, columns: Uint32Array, count: number, g: Geometry): void;
  /**
   * The Euclidean norm of each tile of w [rows, columns], in double precision. Tiles of `tall` rows and `wide` columns,
   * smaller at its ends, are numbered row by row.
   */
  tileNorms(norms: Float64Array, w: F32, rows: number, columns: number, tall: number, wide: number): void;
  /** w *= the factor of its tile. A factor of 0 gives zeros, whatever w holds. */
  scaleTiles(w: F32, factors: F32, rows: number, columns: number, tall: number, wide: number): void;
  /** y += x times the factor of its tile. */
  addTiles(y: F32, x: F32, factors: F32, rows: number, columns: number, tall: number, wide: number): void;
  /**
   * The factors by which a penalty on the norms of rows and columns of w acts on each: lambda * rate / norm, 0 if the
   * norm is 0. If proximal: the share that is left, max(0, 1 - lambda * rate / norm), for columns after the rows have
   * been scaled. Null lambdas: rows, or columns, have no penalty, and their factors are not written.
   */
  crossFactors(
    ofRows: F32 | null,
    ofColumns: F32 | null,
    w: F32,
    rowLambdas: Float64Array | null,
    columnLambdas: Float64Array | null,
    rows: number,
    columns: number,
    rate: number,
    proximal: number,
  ): void;
  /** w *= the factor of its row times that of its column; a null counts as 1. No zero is -0. */
  scaleCrosses(w: F32, ofRows: F32 | null, ofColumns: F32 | null, rows: number, columns: number): void;
  /** y += x times the sum of the factors of its row and its column; a null counts as 0. */
  addCrosses(y: F32, x: F32, ofRows: F32 | null, ofColumns: F32 | null, rows: number, columns: number): void;
}
