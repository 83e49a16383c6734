/**
 * The contract of a sparsifier, which makes a model sparse while it is trained: weights under N:M methods, zeros
 * without a pattern, penalties. A session holds a list of sparsifiers and uses nothing of them but this contract.
 */
import type { MaskHistory } from "../metrics/mask-history.ts";
import type { Values } from "../nn/state.ts";
import type { Transform } from "../optim/transform.ts";
import type { WeightPack } from "../sparse/formats/packed-matrix.ts";
import type { Pattern } from "../sparse/pattern.ts";
import type { GradientReport } from "./gradient-probe.ts";
import type { SparseLayer } from "./report.ts";

/** The result of verifying the weights by which a layer multiplies. */
export interface VerifiedLayer {
  readonly layer: string;
  readonly pattern: string;
  readonly axis: string;
  readonly ok: boolean;
  readonly groups: number;
  readonly first: string | null;
}

/** Arrays by name, which are a part of a checkpoint. */
export type SavedArrays = Map<string, { shape: readonly number[]; data: Float32Array | Uint32Array | Float64Array }>;

/** Saved arrays that have been read back. */
export type RestoredArrays = ReadonlyMap<string, { readonly data: ArrayLike<number> }>;

/** An N:M mask that is watched over a run. */
export interface WatchedMask {
  readonly name: string;
  /** Whether there is a mask at present. */
  readonly pruned: boolean;
  readonly packed: WeightPack;
  readonly history: MaskHistory;
}

export interface Sparsifier {
  /** First part of the names of its arrays in a checkpoint; a session has only one sparsifier of each name. */
  readonly name: string;
  /** Whether any weight is sparse at present. */
  readonly pruned: boolean;
  /** Its N:M masks, to be watched; left out if it has none. */
  readonly masks?: readonly WatchedMask[];
  /** Wraps the transform that applies the step. The session calls it once. */
  around(transform: Transform): Transform;
  /**
   * The weights whose channels should be reordered before this step, with their patterns; left out if there are never
   * any.
   */
  permutes?(step: number): ReadonlyMap<string, Pattern>;
  /** Records how its masks moved in the last forward; called once a step. Returns the number of flips in all layers. */
  observe(): number;
  /** Runs passes beside the training, of which nothing is kept; left out if it keeps nothing of a backward pass. */
  aside?<T>(passes: () => T): T;
  /** Compares gradients, see GradientProbe; left out if none of its operands is a gradient. */
  probe?(repeats: number, pass: () => void): GradientReport[];
  /** Its sparse layers in their present state. */
  report(): readonly SparseLayer[];
  /**
   * Number of bytes of its weights in the form in which they would be stored, by name; weights that are dense now are
   * left out.
   */
  storedBytes(): ReadonlyMap<string, number>;
  /** Replaces weights in a model's values by those by which products multiply. Changes nothing else. */
  applyTo(values: Values): void;
  /** Checks the values by which products multiply. Changes nothing. */
  verify(): VerifiedLayer[];
  /**
   * The arrays that the rest of the run depends on; `restore` brings them back at the step with which the run goes on.
   */
  state(): SavedArrays;
  restore(state: RestoredArrays, step: number): void;
  /** Removes its operands from the model, which is then an ordinary one; weights stay as they were trained. */
  detach(): void;
}
