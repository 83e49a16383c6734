/**
 * The groups of structured sparsity learning (Wen et al. 2016, sections 3.1 and 3.2): the entries of a weight that
 * should become zero together.
 */

import type { Kernels } from "../../../backend/kernels.ts";
import type { F32 } from "../../../backend/memory.ts";
import { expected } from "../../../errors.ts";

/** The shape of a weight [rows, taps, channels]; of a linear layer [outputs, 1, inputs]. */
export interface WeightShape {
  readonly rows: number;
  readonly taps: number;
  readonly channels: number;
}

/**
 * Tiles of `tall` rows and `wide` columns of a matrix, smaller at its ends, numbered row by row: see Kernels.tileNorms.
 */
export interface Tiling {
  readonly rows: number;
  readonly columns: number;
  readonly tall: number;
  readonly wide: number;
}

/**
 * How a weight is cut into groups. All structures are tiles of it as a matrix [rows, taps * channels] or [rows * taps,
 * channels].
 */
export interface GroupStructure {
  readonly name: string;
  tiles(shape: WeightShape): Tiling;
  /** True if a weight is one group, whatever its shape; it then competes with other weights. */
  readonly whole?: true;
}

type Tiles = GroupStructure["tiles"];
const wholeRows: Tiles = ({ rows, taps, channels }) => {
  const columns = taps * channels;
  return { rows, columns, tall: 1, wide: columns };
};
const wholeColumns: Tiles = ({ rows, taps, channels }) => ({ rows, columns: taps * channels, tall: rows, wide: 1 });
const whole: Tiles = (shape) => ({ ...wholeRows(shape), tall: shape.rows });

/** The structures by name. Papers, matrices and linear layers have different words, some for the same structure. */
export const groupStructures: readonly GroupStructure[] = [
  // an output map, a row of the matrix, or the weights into a neuron
  { name: "filter", tiles: wholeRows },
  { name: "row", tiles: wholeRows },
  { name: "neuron", tiles: wholeRows },
  // an input map; in a linear layer an input, so the weights out of a neuron
  {
    name: "channel",
    tiles: ({ rows, taps, channels }) => ({ rows: rows * taps, columns: channels, tall: rows * taps, wide: 1 }),
  },
  // one place of all filters: a column of the matrix
  { name: "shape", tiles: wholeColumns },
  { name: "column", tiles: wholeColumns },
  // the part of one filter that acts on one channel
  {
    name: "filter-2d",
    tiles: ({ rows, taps, channels }) => ({ rows: rows * taps, columns: channels, tall: taps, wide: 1 }),
  },
  // depth: a whole layer; or the gains behind a whole residual body
  { name: "layer", tiles: whole, whole: true },
  { name: "body", tiles: whole, whole: true },
];

/** Tiles of ydim rows and xdim columns of the matrix; those at its end may be smaller. */
export function blocks(ydim: number, xdim: number): GroupStructure {
  return {
    name: `block ${ydim}x${xdim}`,
    tiles: (shape) => {
      const { rows, columns } = wholeRows(shape);
      return { rows, columns, tall: Math.min(rows, ydim), wide: Math.min(columns, xdim) };
    },
  };
}

/** The structure of this name: one of the table, or "block YxX". */
export function groupStructure(word: string): GroupStructure {
  const tile = /^block ([1-9]\d*)x([1-9]\d*)$/.exec(word);
  if (tile !== null) return blocks(Number(tile[1]), Number(tile[2]));
  const found = groupStructures.find(({ name }) => name === word);
  if (found !== undefined) return found;
  const words = groupStructures.map(({ name }) => name).join(", ");
  throw expected("groups", `one of ${words}, block YxX`, word, "Choose one of these");
}

/** Number of groups of a weight. */
export function groupCount({ tiles }: GroupStructure, shape: WeightShape): number {
  const { rows, columns, tall, wide } = tiles(shape);
  return Math.ceil(rows / tall) * Math.ceil(columns / wide);
}

/** Number of entries of each group. */
export function groupSizes({ tiles }: GroupStructure, shape: WeightShape): Float64Array {
  const { rows, columns, tall, wide } = tiles(shape);
  const across = Math.ceil(columns / wide);
  return Float64Array.from({ length: Math.ceil(rows / tall) * across }, (_, group) => {
    const [row, column] = [Math.floor(group / across) * tall, (group % across) * wide];
    return Math.min(tall, rows - row) * Math.min(wide, columns - column);
  });
}

/** The Euclidean norm of each group. */
export function groupNorms(kernels: Kernels, structure: GroupStructure, w: F32, shape: WeightShape): Float64Array {
  const { rows, columns, tall, wide } = structure.tiles(shape);
  const norms = kernels.float64(groupCount(structure, shape));
  kernels.tileNorms(norms, w, rows, columns, tall, wide);
  return norms;
}
