/**
 * Student's t distribution for whole degrees of freedom, where it is a finite sum.
 * Source: Abramowitz and Stegun 1964, equations 26.7.3 and 26.7.4.
 */
import { expected } from "../../core/errors.ts";

/**
 * The probability of |T| <= tan(angle) * sqrt(freedom). The terms are positive and fall by at least cos^2, so the sum
 * may end once they no longer count; only millions of degrees of freedom need many of them.
 */
function within(angle: number, freedom: number): number {
  const [sine, cosine] = [Math.sin(angle), Math.cos(angle)];
  const isOdd = freedom % 2 === 1;
  let term = isOdd ? cosine : 1;
  let sum = 0;
  for (let i = isOdd ? 1 : 0; i <= freedom - 2 && term > sum * 1e-17; i += 2) {
    sum += term;
    term *= (cosine * cosine * (i + 1)) / (i + 2);
  }
  return isOdd ? (2 / Math.PI) * (angle + sine * sum) : sine * sum;
}

/** The probability of |T| > |t|. `freedom` is a whole number of at least 1. */
export function twoSidedP(t: number, freedom: number): number {
  check(freedom);
  return Math.max(0, 1 - within(Math.atan(Math.abs(t) / Math.sqrt(freedom)), freedom));
}

/** The t that |T| exceeds with probability 1 - `level`: 12.7062 for 0.95 and 1 degree of freedom. */
export function twoSidedQuantile(level: number, freedom: number): number {
  check(freedom);
  let [low, high] = [0, Math.PI / 2];
  // an angle has 53 bits
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (within(middle, freedom) < level) low = middle;
    else high = middle;
  }
  return Math.tan(low) * Math.sqrt(freedom);
}

function check(freedom: number): void {
  if (Number.isInteger(freedom) && freedom >= 1) return;
  throw expected("Student's t", "whole degrees of freedom, at least 1", String(freedom), "Give at least two values");
}
