/**
 * The groups of structured sparsity learning (Wen et al. 2016, sections 3.1 and 3.2): which entries of a weight are to
 * become zero together.
 */
import { expected } from "../../errors.ts";
import type { F32 } from "../../kernels/kernels.ts";

/** A weight [rows, taps, channels]; of a linear layer [outputs, 1, inputs]. */
export interface WeightShape {
  readonly rows: number;
  readonly taps: number;
  readonly channels: number;
}

/** Entries begin .. begin + length - 1 of a row: all of one group (step 0), or of that group and those behind it (step 1). */
type Visit = (begin: number, length: number, group: number, step: 0 | 1) => void;

export interface GroupStructure {
  readonly name: string;
  /** Groups of a weight. */
  count(shape: WeightShape): number;
  /** The groups of a row, from its first entry to its last. */
  row(shape: WeightShape, row: number, visit: Visit): void;
}

type Row = GroupStructure["row"];
const byTap =
  (group: (shape: WeightShape, row: number, tap: number) => number): Row =>
  (shape, row, visit) => {
    for (let tap = 0; tap < shape.taps; tap++) visit(tap * shape.channels, shape.channels, group(shape, row, tap), 1);
  };
const k = ({ taps, channels }: WeightShape): number => taps * channels;
const wholeRow: Row = (shape, row, visit) => visit(0, k(shape), row, 0);
const wholeColumns: Row = (shape, _, visit) => visit(0, k(shape), 0, 1);

/** By name: how many groups, and those of a row. Words of the paper, of matrices and of linear layers, also where they are one. */
export const groupStructures: readonly GroupStructure[] = [
  // an output map, a row of the matrix, the weights into a neuron
  { name: "filter", count: ({ rows }) => rows, row: wholeRow },
  { name: "row", count: ({ rows }) => rows, row: wholeRow },
  { name: "neuron", count: ({ rows }) => rows, row: wholeRow },
  // an input map; of a linear layer an input, so the weights out of a neuron
  { name: "channel", count: ({ channels }) => channels, row: byTap(() => 0) },
  // one place of all filters: a column of the matrix
  { name: "shape", count: k, row: wholeColumns },
  { name: "column", count: k, row: wholeColumns },
  // what one filter does to one channel
  {
    name: "filter-2d",
    count: ({ rows, channels }) => rows * channels,
    row: byTap(({ channels }, row) => row * channels),
  },
  // depth
  { name: "layer", count: () => 1, row: (shape, _, visit) => visit(0, k(shape), 0, 0) },
];

/** Tiles of ydim rows and xdim columns of the matrix; smaller ones at its end. */
export function blocks(ydim: number, xdim: number): GroupStructure {
  const across = (shape: WeightShape): number => Math.ceil(k(shape) / xdim);
  return {
    name: `block ${ydim}x${xdim}`,
    count: (shape) => Math.ceil(shape.rows / ydim) * across(shape),
    row: (shape, row, visit) => {
      const first = Math.floor(row / ydim) * across(shape);
      for (let b = 0; b < across(shape); b++) visit(b * xdim, Math.min(xdim, k(shape) - b * xdim), first + b, 0);
    },
  };
}

/** A structure by its word: one of the table, or "block YxX". */
export function groupStructure(word: string): GroupStructure {
  const tile = /^block ([1-9]\d*)x([1-9]\d*)$/.exec(word);
  if (tile !== null) return blocks(Number(tile[1]), Number(tile[2]));
  const found = groupStructures.find(({ name }) => name === word);
  if (found !== undefined) return found;
  const words = groupStructures.map(({ name }) => name).join(", ");
  throw expected("groups", `one of ${words}, block YxX`, word, "Choose one of these");
}

/** The Euclidean norm of each group. */
export function groupNorms({ count, row }: GroupStructure, w: F32, shape: WeightShape): Float64Array {
  const squares = new Float64Array(count(shape));
  for (let r = 0; r < shape.rows; r++) {
    const base = r * k(shape);
    row(shape, r, (begin, length, group, step) => {
      const at = base + begin;
      if (step === 1) {
        for (let i = 0; i < length; i++) squares[group + i] += w[at + i] * w[at + i];
        return;
      }
      let sum = 0;
      for (let i = 0; i < length; i++) sum += w[at + i] * w[at + i];
      squares[group] += sum;
    });
  }
  return squares.map(Math.sqrt);
}

/** Entries of each group. */
export function groupSizes({ count, row }: GroupStructure, shape: WeightShape): Float64Array {
  const sizes = new Float64Array(count(shape));
  for (let r = 0; r < shape.rows; r++) {
    row(shape, r, (_, length, group, step) => {
      if (step === 0) sizes[group] += length;
      else for (let i = 0; i < length; i++) sizes[group + i]++;
    });
  }
  return sizes;
}

/** to += factors[group] * from, entry by entry. */
export function addByGroup(
  { row }: GroupStructure,
  to: F32,
  from: F32,
  factors: Float64Array,
  shape: WeightShape,
): void {
  for (let r = 0; r < shape.rows; r++) {
    const base = r * k(shape);
    row(shape, r, (begin, length, group, step) => {
      const at = base + begin;
      if (step === 1) for (let i = 0; i < length; i++) to[at + i] += factors[group + i] * from[at + i];
      else {
        const factor = factors[group];
        for (let i = 0; i < length; i++) to[at + i] += factor * from[at + i];
      }
    });
  }
}

/** w *= factors[group]. A factor of 0 gives zeros, whatever w holds. */
export function scaleByGroup({ row }: GroupStructure, w: F32, factors: Float64Array, shape: WeightShape): void {
  for (let r = 0; r < shape.rows; r++) {
    const base = r * k(shape);
    row(shape, r, (begin, length, group, step) => {
      for (let i = 0; i < length; i++) {
        const factor = factors[group + step * i];
        w[base + begin + i] = factor === 0 ? 0 : w[base + begin + i] * factor;
      }
    });
  }
}
