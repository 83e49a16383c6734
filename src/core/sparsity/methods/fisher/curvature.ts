/** The contract of estimates of a weight's second derivatives, by which second-order scores choose what to prune. */
import type { Kernels } from "../../../backend/kernels.ts";
import type { F32 } from "../../../backend/memory.ts";

/** Sums over the gradients g of the samples of a batch by a weight [rows, k]; g is that of the sample's own loss. */
export interface SampleGradients {
  readonly samples: number;
  /** Adds the sum over samples of g_i^2 to sums [rows, k]. */
  addSquares(sums: F32): void;
  /** Adds the sum over samples of g_i g_j, for i and j of one block, to sums, which lie as `blocksOf` says. */
  addProducts(sums: F32, size: number): void;
}

/** A weight [rows, k], as an estimate sees it. */
export interface CurvedParameter {
  readonly rows: number;
  readonly k: number;
  readonly kernels: Kernels;
  readonly weight: F32;
  /** 1 for each entry that is kept, else 0. */
  readonly maskBytes: Uint8Array;
  /** An array of numbers that is kept with this weight, by name. It is zero at first and saved with the run. */
  state(name: string, length: number): F32;
  /** Drops such an array; it is zero again when it is next asked for. */
  forget(name: string): void;
}

/** An estimate as a value; what it has summed lies with the parameter. */
export interface Curvature {
  /** Takes the samples of a batch into account. */
  add(parameter: CurvedParameter, gradients: SampleGradients): void;
  /** The rise of the loss that pruning each entry would cost; 0 for entries that are pruned already. */
  scores(parameter: CurvedParameter): Float64Array;
  /**
   * Changes the entries that `kept` leaves, so that they make up for those that it prunes now; left out if nothing
   * does.
   */
  compensate?(parameter: CurvedParameter, kept: Uint8Array): void;
  /** Forgets what was summed. */
  forget(parameter: CurvedParameter): void;
}

/** A block of neighboring columns of a matrix. */
export interface Block {
  readonly begin: number;
  readonly length: number;
  /** Place of its numbers, which are [rows, length, length]. */
  readonly start: number;
}

/** The blocks of a matrix [rows, k]. Where they do not tile k the last one is shorter. */
export function blocksOf(rows: number, k: number, size: number): Block[] {
  return Array.from({ length: Math.ceil(k / size) }, (_, i) => {
    return { begin: i * size, length: Math.min(size, k - i * size), start: i * rows * size ** 2 };
  });
}

const SUMS = "fisher";
const SAMPLES = "fisher samples";

/** The sums of a parameter, which are so many, and the number of samples in them, an array of one. */
export function sumsOf(parameter: CurvedParameter, length: number): { readonly sums: F32; readonly samples: F32 } {
  return { sums: parameter.state(SUMS, length), samples: parameter.state(SAMPLES, 1) };
}

export function forgetSums(parameter: CurvedParameter): void {
  parameter.forget(SUMS);
  parameter.forget(SAMPLES);
}
