/** Cholesky's factors of small symmetric matrices, in double precision. */

/**
 * Overwrites the lower triangle of a [n, n], which is symmetric and positive definite, with L, a = L L^T. The upper
 * triangle is neither read nor written. A pivot that rounding has made smaller than `least` becomes `least`. O(n^3 / 6)
 * multiply-adds.
 */
export function factorize(a: Float64Array, n: number, least: number): void {
  for (let j = 0; j < n; j++) {
    let pivot = a[j * n + j];
    for (let c = 0; c < j; c++) pivot -= a[j * n + c] ** 2;
    const root = Math.sqrt(Math.max(pivot, least));
    a[j * n + j] = root;
    for (let i = j + 1; i < n; i++) {
      let sum = a[i * n + j];
      for (let c = 0; c < j; c++) sum -= a[i * n + c] * a[j * n + c];
      a[i * n + j] = sum / root;
    }
  }
}

/** Overwrites b [n] with the solution x of L L^T x = b. */
export function solve(l: Float64Array, n: number, b: Float64Array): void {
  for (let i = 0; i < n; i++) {
    for (let c = 0; c < i; c++) b[i] -= l[i * n + c] * b[c];
    b[i] /= l[i * n + i];
  }
  for (let i = n - 1; i >= 0; i--) {
    for (let c = i + 1; c < n; c++) b[i] -= l[c * n + i] * b[c];
    b[i] /= l[i * n + i];
  }
}

/** The diagonal of the inverse of L L^T. O(n^3 / 6) multiply-adds. */
export function inverseDiagonal(l: Float64Array, n: number): Float64Array {
  const column = new Float64Array(n);
  const diagonal = new Float64Array(n);
  for (let j = 0; j < n; j++) {
    // of the inverse of L, which is a lower triangle
    for (let i = j; i < n; i++) {
      let sum = i === j ? 1 : 0;
      for (let c = j; c < i; c++) sum -= l[i * n + c] * column[c];
      column[i] = sum / l[i * n + i];
      diagonal[j] += column[i] ** 2;
    }
  }
  return diagonal;
}
