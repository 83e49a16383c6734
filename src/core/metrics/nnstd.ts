/**
 * NNSTD is a distance of two sparse layers that does not depend on the order of their neurons (Liu et al. 2020,
 * "Topological Insights into Sparse Neural Networks", arXiv 2006.14085). A neuron is the set of its inputs; the
 * distance of two neurons is the share of their inputs that only one of them has; pairs are matched greedily, the
 * nearest first.
 */
import { maskWords } from "../backend/families/masks.ts";
import { ones } from "../sparse/mask.ts";

/** The most words that are compared for one layer: about a second. A layer of 2048 x 2048 just reaches it. */
const MOST_WORDS = 2 ** 28;
/** The most pairs of neurons, at 6 bytes each. */
const MOST_PAIRS = 2 ** 24;
/** Distances are rounded to this many steps, so that they can be counted instead of sorted. */
const STEPS = 65535;

/**
 * The mean distance, 0 to 1, of the matched neurons of two masks [rows, k]; null if that would take too long. Inputs
 * are compared in the order given: they are not matched to the neurons of the layer before.
 */
export function nnstd(a: Uint32Array, b: Uint32Array, rows: number, k: number): number | null {
  const words = maskWords(k);
  if (rows * rows > MOST_PAIRS || rows * rows * words > MOST_WORDS) return null;
  const [from, to] = [ordered(a, rows, words), ordered(b, rows, words)];
  const [fromSize, toSize] = [sizes(from, rows, words), sizes(to, rows, words)];
  const distance = (i: number, j: number): number => {
    let changed = 0;
    for (let word = 0; word < words; word++) changed += ones(from[i * words + word] ^ to[j * words + word]);
    const either = (fromSize[i] + toSize[j] + changed) / 2;
    return either === 0 ? 0 : changed / either;
  };
  const steps = new Uint16Array(rows * rows);
  const begin = new Uint32Array(STEPS + 2);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < rows; j++) {
      const step = Math.round(distance(i, j) * STEPS);
      steps[i * rows + j] = step;
      begin[step + 1]++;
    }
  }
  for (let step = 0; step <= STEPS; step++) begin[step + 1] += begin[step];
  const pairs = new Uint32Array(rows * rows);
  steps.forEach((step, pair) => {
    pairs[begin[step]++] = pair;
  });
  const [fromTaken, toTaken] = [new Uint8Array(rows), new Uint8Array(rows)];
  let [sum, left] = [0, rows];
  for (let at = 0; left > 0; at++) {
    const [i, j] = [Math.floor(pairs[at] / rows), pairs[at] % rows];
    if (fromTaken[i] || toTaken[j]) continue;
    [fromTaken[i], toTaken[j]] = [1, 1];
    sum += distance(i, j);
    left--;
  }
  return sum / rows;
}

/**
 * The rows in an order that depends on their contents alone: else the winner of a tie, and so the sum, would depend on
 * the order of neurons.
 */
function ordered(mask: Uint32Array, rows: number, words: number): Uint32Array {
  const row = (i: number): Uint32Array => mask.subarray(i * words, (i + 1) * words);
  const order = Array.from({ length: rows }, (_, i) => i).sort((i, j) => {
    const [a, b] = [row(i), row(j)];
    const word = a.findIndex((value, at) => value !== b[at]);
    return word < 0 ? 0 : a[word] - b[word];
  });
  const sorted = new Uint32Array(rows * words);
  order.forEach((from, to) => {
    sorted.set(row(from), to * words);
  });
  return sorted;
}

function sizes(mask: Uint32Array, rows: number, words: number): Uint32Array {
  const count = new Uint32Array(rows);
  for (let i = 0; i < rows * words; i++) count[Math.floor(i / words)] += ones(mask[i]);
  return count;
}
