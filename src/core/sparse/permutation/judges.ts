/**
 * Judges moves on several threads. The caller works too, and waits for moves that threads have taken, not for the
 * threads: a thread that starts late, or does not start at all, has taken none.
 */
import { type Board, type Moves, movesOf, type Task } from "./moves.ts";

/** How a search gets threads; each runtime provides it, see permutationWorkers in node. */
export interface Workers {
  /** Number of threads, the caller's included, for a search that takes one thread about this long. */
  threadsFor(nanoseconds: number): number;
  /** Starts a thread that calls `work(shared)`. It is no error if the thread cannot start. */
  start(shared: Shared): void;
}

/** The data that a thread is given. */
export interface Shared {
  readonly task: Task;
  readonly board: Board;
  /** Numbers of the moves to judge. */
  readonly pending: Int32Array;
  readonly control: Int32Array;
}

// Places of control. Chunks are numbered through the whole search, so that a thread that comes late to one list cannot
// take a chunk of the next by an old count: it takes number `TAKEN` only while that is below `END`.
const TAKEN = 0;
const DONE = 1;
const END = 2;
/** Two places: the number of the list's first chunk, and the length of the list. Both are written before END. */
const FIRST = 3;
const LENGTH = 4;
const STOP = 5;
/** A counter that changes with each list and at the end; idle threads wait for it. */
const WAKE = 6;

/** Number of moves in a chunk. */
const CHUNK = 16;

/** Judges moves until the search ends. */
export function work(shared: Shared): void {
  const { task, board, control } = shared;
  const moves = movesOf(task, board);
  while (Atomics.load(control, STOP) === 0) {
    const woken = Atomics.load(control, WAKE);
    takeAll(shared, moves);
    Atomics.wait(control, WAKE, woken);
  }
}

function takeAll({ pending, control }: Shared, moves: Moves): void {
  for (;;) {
    const chunk = Atomics.load(control, TAKEN);
    if (chunk >= Atomics.load(control, END)) return;
    if (Atomics.compareExchange(control, TAKEN, chunk, chunk + 1) !== chunk) continue;
    const begin = (chunk - control[FIRST]) * CHUNK;
    const end = Math.min(control[LENGTH], begin + CHUNK);
    for (let i = begin; i < end; i++) moves.judge(pending[i]);
    Atomics.add(control, DONE, 1);
    Atomics.notify(control, DONE);
  }
}

/** The caller and its workers, who judge moves together. */
export class Judges {
  readonly #shared: Shared;
  readonly #moves: Moves;
  readonly #workers: boolean;

  /** `board` must be in shared memory if there is more than one thread. `start` starts one more thread, see Workers. */
  constructor(task: Task, board: Board, moves: Moves, threads = 1, start: (shared: Shared) => void = () => {}) {
    const { length } = board.gains;
    const ints = (count: number): Int32Array =>
      new Int32Array(threads > 1 ? new SharedArrayBuffer(4 * count) : new ArrayBuffer(4 * count));
    this.#shared = { task, board, pending: ints(length), control: ints(7) };
    this.#moves = moves;
    this.#workers = threads > 1;
    for (let thread = 1; thread < threads; thread++) start(this.#shared);
  }

  /** Judges these moves and returns when all are judged. */
  judge(moves: ArrayLike<number>): void {
    const { pending, control } = this.#shared;
    pending.set(moves);
    const end = control[END] + Math.ceil(moves.length / CHUNK);
    control[FIRST] = control[END];
    control[LENGTH] = moves.length;
    Atomics.store(control, END, end);
    if (this.#workers) this.#wake();
    takeAll(this.#shared, this.#moves);
    for (let done = Atomics.load(control, DONE); done < end; done = Atomics.load(control, DONE)) {
      Atomics.wait(control, DONE, done);
    }
  }

  /** Ends the threads. */
  stop(): void {
    Atomics.store(this.#shared.control, STOP, 1);
    this.#wake();
  }

  #wake(): void {
    const { control } = this.#shared;
    Atomics.add(control, WAKE, 1);
    Atomics.notify(control, WAKE);
  }
}
