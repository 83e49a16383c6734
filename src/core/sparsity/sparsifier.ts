/**
 * The contract of what makes a model sparse while it is trained: weights under N:M methods, zeros without a pattern,
 * penalties. A session holds a list of sparsifiers and asks nothing of them but this.
 */
import type { MaskHistory } from "../metrics/mask-history.ts";
import type { Values } from "../nn/state.ts";
import type { Transform } from "../optim/transform.ts";
import type { PackedMatrix } from "../sparse/formats/packed-matrix.ts";
import type { Pattern } from "../sparse/pattern.ts";
import type { GradientReport } from "./gradient-probe.ts";
import type { SparseLayer } from "./report.ts";

/** What was found in the weights that a layer multiplies by. */
export interface VerifiedLayer {
  readonly layer: string;
  readonly pattern: string;
  readonly axis: string;
  readonly ok: boolean;
  readonly groups: number;
  readonly first: string | null;
}

/** Arrays by name: a part of a checkpoint. */
export type SavedArrays = Map<string, { shape: readonly number[]; data: Uint32Array | Float64Array }>;

/** The same, read back. */
export type RestoredArrays = ReadonlyMap<string, { readonly data: ArrayLike<number> }>;

/** An N:M mask that is watched over a run. */
export interface WatchedMask {
  readonly name: string;
  /** Whether there is a mask at this moment. */
  readonly pruned: boolean;
  readonly packed: PackedMatrix;
  readonly history: MaskHistory;
}

export interface Sparsifier {
  /** First part of the names of its arrays in a checkpoint; of one kind there is one in a session. */
  readonly name: string;
  /** Whether any weight is sparse at this moment. */
  readonly pruned: boolean;
  /** Its N:M masks, for who watches them; left out: it has none. */
  readonly masks?: readonly WatchedMask[];
  /** Wraps the transform that applies the step. The session calls it once. */
  around(transform: Transform): Transform;
  /** Weights that want their channels in another order before this step, with their patterns; left out: never. */
  permutes?(step: number): ReadonlyMap<string, Pattern>;
  /** Notes how its masks moved in the last forward; called once a step. Returns the flips of all layers. */
  observe(): number;
  /** See GradientProbe; left out: none of its operands is a gradient. */
  probe?(repeats: number, pass: () => void): GradientReport[];
  /** Its layers as they are at this moment. */
  report(): readonly SparseLayer[];
  /** Bytes of its weights in the form in which they would be stored, by name; weights that are dense now are left out. */
  storedBytes(): ReadonlyMap<string, number>;
  /** Of a model's values: puts what the products multiply by in the place of its weights. Reads only. */
  applyTo(values: Values): void;
  /** Checks the values that products multiply by. Reads only. */
  verify(): VerifiedLayer[];
  /** What the rest of the run depends on; `restore` brings it back, at the step that the run goes on with. */
  state(): SavedArrays;
  restore(state: RestoredArrays, step: number): void;
  /** Takes its operands off the model, which is then an ordinary one; weights stay as they were trained. */
  detach(): void;
}
