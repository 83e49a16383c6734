/**
 * NNSTD is a distance of sparse networks that does not depend on the order of their neurons. A neuron is the set of its
 * inputs; the distance of two neurons is the share of their inputs that only one of them has; the neurons of two layers
 * are matched so that the mean distance is the least. Source: Liu et al. 2020, "Topological Insights into Sparse Neural
 * Networks", arXiv 2006.14085, and the authors' code, Sparse_Topology_Distance. Differences: (1) a match is carried on
 * to the next layer only where that is asked for; (2) where the best match would take too long, neurons are matched
 * greedily, the nearest first, and the result says so; (3) rows are put in an order of their own first, so that neither
 * ties nor sums depend on the order of neurons; (4) a layer may be a convolution.
 */
import { maskWords } from "../backend/families/masks.ts";
import { isKept, ones } from "../sparse/mask.ts";
import { assignment } from "./assignment.ts";
import { greedyAssignment } from "./greedy-assignment.ts";

/**
 * The most words that are compared for one layer: about a third of a second, at the end of every run. A layer of 1024
 * neurons with 2048 inputs just reaches it.
 */
const MOST_WORDS = 2 ** 26;
/** The most pairs of neurons, at 8 bytes each, and 6 more where they are matched greedily. */
const MOST_PAIRS = 2 ** 24;
/**
 * The most entries at which the search for the best match looks: about 0.7 s. Unrelated 2:4 masks of 1,536 neurons stay
 * below it and those of 2,048 do not; two masks of one run take a tenth of that.
 */
const MOST_ENTRIES = 2 ** 26;

/** How neurons are matched: so that the sum of the distances is the least, or the nearest pair first. */
export type Matching = "optimal" | "greedy";

/** The neurons of two masks, matched. */
export interface NeuronMatch {
  /** Mean distance of the matched neurons, 0 to 1. */
  readonly distance: number;
  readonly matching: Matching;
  /** The rows of both masks, pair by pair. The order of the pairs does not depend on the order of the rows. */
  readonly pairs: readonly [a: Int32Array, b: Int32Array];
}

/**
 * Matches the neurons of two masks [rows, k]; null if even the distances would take too long. Inputs are compared in
 * the order given: see `networkNnstd`. The optimal matching becomes a greedy one where it would take too long.
 */
export function nnstd(
  a: Uint32Array,
  b: Uint32Array,
  rows: number,
  k: number,
  matching: Matching = "optimal",
): NeuronMatch | null {
  const words = maskWords(k);
  if (rows * rows > MOST_PAIRS || rows * rows * words > MOST_WORDS) return null;
  const orders = [orderByContents(a, rows, words), orderByContents(b, rows, words)] as const;
  const distances = neuronDistances(taken(a, words, orders[0]), taken(b, words, orders[1]), rows, words);
  const best = matching === "optimal" ? assignment(distances, rows, MOST_ENTRIES) : null;
  const partner = best ?? greedyAssignment(distances, rows);
  return {
    distance: partner.reduce((sum, j, i) => sum + distances[i * rows + j], 0) / rows,
    matching: best === null ? "greedy" : "optimal",
    pairs: [orders[0], partner.map((j) => orders[1][j])],
  };
}

/** Inputs of a layer that are the neurons of another one. */
export interface NeuronInputs {
  /** Name of that layer. */
  readonly layer: string;
  /**
   * Columns [times, rows]: neuron r of that layer is read at columns[i * rows + r], more than once by a convolution,
   * which has a column for each of its places, or behind a flatten.
   */
  readonly columns: Int32Array;
}

/** A layer of two networks: its masks [rows, k], and which of its inputs are neurons of other layers. */
export interface LayerPair {
  readonly name: string;
  readonly a: Uint32Array;
  readonly b: Uint32Array;
  readonly rows: number;
  readonly k: number;
  readonly inputs: readonly NeuronInputs[];
}

export interface CarriedMatch extends NeuronMatch {
  /** Whether the match of another layer was carried on to this one. */
  readonly carried: boolean;
}

/**
 * Matches layer by layer. Inputs that are neurons of a layer that stands before in the list are compared with their
 * partners; others are compared in the order given. Null for a layer that would take too long. Where neurons of one
 * network have the same inputs, any of them may be the partner, and the distances of the next layer depend on which.
 */
export function networkNnstd(layers: readonly LayerPair[]): Map<string, CarriedMatch | null> {
  const matches = new Map<string, CarriedMatch | null>();
  for (const { name, a, b, rows, k, inputs } of layers) {
    const places = Int32Array.from({ length: k }, (_, column) => column);
    const sources: [Int32Array, Int32Array] = [places, places.slice()];
    let carried = false;
    for (const { layer, columns } of inputs) {
      const match = matches.get(layer);
      if (match == null) continue;
      carried = true;
      sources.forEach((source, side) => {
        const neurons = match.pairs[side];
        columns.forEach((place, at) => {
          const pair = at % neurons.length;
          source[place] = columns[at - pair + neurons[pair]];
        });
      });
    }
    const [renamedA, renamedB] = carried ? [renamed(a, rows, k, sources[0]), renamed(b, rows, k, sources[1])] : [a, b];
    const match = nnstd(renamedA, renamedB, rows, k);
    matches.set(name, match && { ...match, carried });
  }
  return matches;
}

/** A mask [rows, k] whose column c is the column sources[c] of the given one. */
function renamed(mask: Uint32Array, rows: number, k: number, sources: Int32Array): Uint32Array {
  const words = maskWords(k);
  const out = new Uint32Array(rows * words);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < k; column++)
      if (isKept(mask, k, row, sources[column])) out[row * words + (column >> 5)] |= 1 << (column & 31);
  }
  return out;
}

/** Distances [rows, rows] of the neurons of two masks: inputs that one of them has / inputs that any of them has. */
function neuronDistances(a: Uint32Array, b: Uint32Array, rows: number, words: number): Float64Array {
  const [aSizes, bSizes] = [sizes(a, rows, words), sizes(b, rows, words)];
  const distances = new Float64Array(rows * rows);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < rows; j++) {
      let changed = 0;
      for (let word = 0; word < words; word++) changed += ones(a[i * words + word] ^ b[j * words + word]);
      const either = (aSizes[i] + bSizes[j] + changed) / 2;
      distances[i * rows + j] = either === 0 ? 0 : changed / either;
    }
  }
  return distances;
}

/** The rows in an order that depends on their contents alone; equal rows stay in the order given. */
function orderByContents(mask: Uint32Array, rows: number, words: number): Int32Array {
  const row = (i: number): Uint32Array => mask.subarray(i * words, (i + 1) * words);
  return Int32Array.from(
    Array.from({ length: rows }, (_, i) => i).sort((i, j) => {
      const [a, b] = [row(i), row(j)];
      const word = a.findIndex((value, at) => value !== b[at]);
      return word < 0 ? 0 : a[word] - b[word];
    }),
  );
}

/** The rows of a mask, in this order. */
function taken(mask: Uint32Array, words: number, order: Int32Array): Uint32Array {
  const rows = new Uint32Array(mask.length);
  order.forEach((from, to) => {
    rows.set(mask.subarray(from * words, (from + 1) * words), to * words);
  });
  return rows;
}

function sizes(mask: Uint32Array, rows: number, words: number): Uint32Array {
  const count = new Uint32Array(rows);
  for (let i = 0; i < rows * words; i++) count[Math.floor(i / words)] += ones(mask[i]);
  return count;
}
