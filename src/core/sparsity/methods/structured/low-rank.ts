/**
 * The low-rank baseline, with which the sources of structured sparsity compare: a weight as the product of two thin
 * matrices. Source: the singular value decomposition (Eckart and Young 1936); here by one-sided Jacobi rotations
 * (Hestenes 1958).
 */
import { expected } from "../../../errors.ts";

export interface LowRank {
  /** Shape [rows, rank]. */
  readonly left: Float64Array;
  /** Shape [rank, columns]. */
  readonly right: Float64Array;
  /** All singular values, in falling order. */
  readonly singularValues: Float64Array;
}

const SWEEPS = 60;

/**
 * Factors `left` and `right`, whose product is the matrix of this rank with the least squared error to w [rows,
 * columns]. That error is the sum of the squares of the singular values beyond the rank. It takes rows * columns^2
 * operations a sweep, of which there are about 8.
 */
export function lowRank(w: ArrayLike<number>, rows: number, columns: number, rank: number): LowRank {
  if (!Number.isInteger(rank) || rank < 0 || rank > Math.min(rows, columns)) {
    const most = Math.min(rows, columns);
    throw expected("low rank", `a rank of 0 to ${most}`, String(rank), `A ${rows} x ${columns} matrix has no other`);
  }
  // the columns of a become orthogonal; v collects the rotations: w v = a
  const a = Array.from({ length: columns }, (_, j) =>
    Float64Array.from({ length: rows }, (_, i) => w[i * columns + j]),
  );
  const v = Array.from({ length: columns }, (_, j) =>
    Float64Array.from({ length: columns }, (_, i) => Number(i === j)),
  );
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    let rotated = false;
    for (let p = 0; p < columns; p++) {
      for (let q = p + 1; q < columns; q++) {
        const [pp, qq, pq] = [dot(a[p], a[p]), dot(a[q], a[q]), dot(a[p], a[q])];
        if (Math.abs(pq) <= 1e-15 * Math.sqrt(pp * qq)) continue;
        rotated = true;
        const zeta = (qq - pp) / (2 * pq);
        const tangent = (zeta < 0 ? -1 : 1) / (Math.abs(zeta) + Math.hypot(1, zeta));
        const cosine = 1 / Math.hypot(1, tangent);
        for (const m of [a, v]) rotate(m[p], m[q], cosine, cosine * tangent);
      }
    }
    if (!rotated) break;
  }
  const norms = a.map((column) => Math.sqrt(dot(column, column)));
  const order = norms.map((_, j) => j).sort((i, j) => norms[j] - norms[i]);
  const [left, right] = [new Float64Array(rows * rank), new Float64Array(rank * columns)];
  for (let r = 0; r < rank; r++) {
    for (let i = 0; i < rows; i++) left[i * rank + r] = a[order[r]][i];
    right.set(v[order[r]], r * columns);
  }
  return { left, right, singularValues: Float64Array.from(order, (j) => norms[j]) };
}

function dot(x: Float64Array, y: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += x[i] * y[i];
  return sum;
}

function rotate(x: Float64Array, y: Float64Array, cosine: number, sine: number): void {
  for (let i = 0; i < x.length; i++) [x[i], y[i]] = [cosine * x[i] - sine * y[i], sine * x[i] + cosine * y[i]];
}
