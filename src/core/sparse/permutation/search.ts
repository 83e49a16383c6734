/**
 * Finds an order of the columns of a matrix with which N:M pruning keeps more of its magnitude: large entries of a row
 * then lie in different groups. A search moves columns between stripes, which are the groups of m neighbors, best moves
 * first.
 * Source: Pool and Yu 2021, "Channel permutations for N:M sparsity"; NVIDIA apex, permutation_search_kernels.
 */
import { expected } from "../../errors.ts";
import { Random } from "../../random.ts";
import type { Choice } from "./choices.ts";
import { Judges, type Workers } from "./judges.ts";
import { type Board, type Moves, makeBoard, movesOf, type Task } from "./moves.ts";

export const PERMUTATION_METHODS = ["stripes", "swap", "random"] as const;

export interface PermutationOptions {
  /**
   * "stripes" deals the columns of two or three stripes anew; "swap" swaps two columns; "random" takes the best of some
   * draws, for contrast. Default: "stripes" if two stripes fit a window, else "swap".
   */
  readonly method?: (typeof PERMUTATION_METHODS)[number] | undefined;
  /** Number of columns that are dealt at once: 2 m or 3 m, at most 12. Default 2 m. */
  readonly window?: number | undefined;
  /** Number of times that a search that has settled is disturbed and goes on. Default 100. */
  readonly escapes?: number | undefined;
  /** Number of random orders. Default 1000. */
  readonly draws?: number | undefined;
  /** Seed of escapes and draws. Default 1. */
  readonly seed?: number | undefined;
  /** Workers that provide more threads; by default there are none. The result is the same for any number of threads. */
  readonly workers?: Workers | undefined;
}

export interface Permutation {
  /** The order: place p takes column order[p]. */
  readonly order: Uint32Array;
  /** Magnitude kept in the given order, and in this one. */
  readonly before: number;
  readonly after: number;
  /** Magnitude of the n / m largest of each row: no order keeps more. */
  readonly bound: number;
  /** Share of the way from `before` to `bound` that was gained; 1 if both are equal. */
  readonly efficacy: number;
}

/** Number of columns of the largest window: it needs a table of 2^columns sums, and 5775 deals for stripes of 4. */
const MOST_COLUMNS = 12;
/**
 * Number of columns above which windows of three stripes search each half by itself, before pairs search all of them.
 */
const MOST_FOR_THREE = 512;
/** Number of swaps in a disturbance; a single one would be undone by the next move. */
const SWAPS = 3;
/** "perm": the stream of escapes and draws. */
const STREAM = 0x7065726d;

/** The window of a search by stripes of m, or 0 if m is too wide for one. */
export function windowOf(m: number): number {
  return 2 * m <= MOST_COLUMNS ? 2 * m : 0;
}

/**
 * Searches for an order of the columns of scores [rows, k] (magnitudes) that keeps more under n of m; it never returns
 * one that keeps less. The result is deterministic in the seed.
 */
export function searchPermutation(
  scores: ArrayLike<number>,
  rows: number,
  k: number,
  { n, m }: Choice,
  options: PermutationOptions = {},
): Permutation {
  const { method = windowOf(m) > 0 ? "stripes" : "swap", escapes = 100, draws = 1000, seed = 1 } = options;
  const window = method === "stripes" ? (options.window ?? windowOf(m)) : 2 * m;
  if (k % m !== 0) {
    throw expected("permutation", `columns in groups of ${m}`, `${k} columns`, "Choose another pattern");
  }
  if (method === "stripes" && ((window !== 2 * m && window !== 3 * m) || window > MOST_COLUMNS)) {
    const fit = [2 * m, 3 * m].filter((columns) => columns <= MOST_COLUMNS);
    throw expected(
      "permutation",
      fit.length > 0 ? `a window of ${fit.join(" or ")} columns for groups of ${m}` : "groups of at most 6",
      fit.length > 0 ? `${window}` : `groups of ${m}`,
      'Leave it out, or use the method "swap"',
    );
  }
  const columns = columnsOf(scores, rows, k);
  const random = new Random(seed, STREAM);
  const search: Search = { columns, rows, choice: { n, m }, random, workers: options.workers };
  const given = Uint32Array.from({ length: k }, (_, column) => column);
  const order =
    method === "random"
      ? bestOf(search, given, draws)
      : method === "swap" || window === 2 * m || k <= MOST_FOR_THREE
        ? improve(search, given, method, window / m, escapes)
        : byHalves(search, given, escapes);
  const before = keptInOrder(search, given);
  // the sums were added in another order: an order that gains nothing must not count as a loss
  const after = Math.max(before, keptInOrder(search, order));
  const bound = rowBound(scores, rows, k, { n, m });
  const efficacy = bound - before > 1e-9 * bound ? (after - before) / (bound - before) : 1;
  return { order, before, after, bound, efficacy };
}

/** The magnitude that n of m keeps of scores [rows, k] with the columns in this order; by default as they are. */
export function keptMagnitude(
  scores: ArrayLike<number>,
  rows: number,
  k: number,
  { n, m }: Choice,
  order?: ArrayLike<number>,
): number {
  let sum = 0;
  const group = new Float64Array(m);
  for (let row = 0; row < rows; row++) {
    for (let begin = 0; begin < k; begin += m) {
      for (let j = 0; j < m; j++)
        group[j] = Math.abs(scores[row * k + (order === undefined ? begin + j : order[begin + j])]);
      group.sort();
      for (let j = m - n; j < m; j++) sum += group[j];
    }
  }
  return sum;
}

/** The magnitude of the n / m largest of each row: the bound called 50 % rows, for 2 of 4. */
function rowBound(scores: ArrayLike<number>, rows: number, k: number, { n, m }: Choice): number {
  let sum = 0;
  const row = new Float64Array(k);
  for (let begin = 0; begin < rows * k; begin += k) {
    for (let j = 0; j < k; j++) row[j] = Math.abs(scores[begin + j]);
    row.sort();
    for (let j = k - (k / m) * n; j < k; j++) sum += row[j];
  }
  return sum;
}

interface Search {
  /** Scores by column, then row. */
  readonly columns: Float32Array;
  readonly rows: number;
  readonly choice: Choice;
  readonly random: Random;
  readonly workers: Workers | undefined;
}

function columnsOf(scores: ArrayLike<number>, rows: number, k: number): Float32Array {
  const columns = new Float32Array(rows * k);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < k; column++) columns[column * rows + row] = Math.abs(scores[row * k + column]);
  }
  return columns;
}

/** The magnitude that an order keeps, like keptMagnitude, for scores by column. */
function keptInOrder({ columns, rows, choice: { n, m } }: Search, order: Uint32Array): number {
  let sum = 0;
  const group = new Float64Array(m);
  for (let begin = 0; begin < order.length; begin += m) {
    for (let row = 0; row < rows; row++) {
      for (let j = 0; j < m; j++) group[j] = columns[order[begin + j] * rows + row];
      group.sort();
      for (let j = m - n; j < m; j++) sum += group[j];
    }
  }
  return sum;
}

function bestOf(search: Search, given: Uint32Array, draws: number): Uint32Array {
  let best = given;
  let most = keptInOrder(search, given);
  for (let draw = 0; draw < draws; draw++) {
    const order = search.random.permutation(given.length);
    const kept = keptInOrder(search, order);
    if (kept > most) [best, most] = [order, kept];
  }
  return best;
}

/** Searches each half with windows of three stripes, and then all columns with windows of two. */
function byHalves(search: Search, order: Uint32Array, escapes: number): Uint32Array {
  const { m } = search.choice;
  if (order.length <= MOST_FOR_THREE) return improve(search, order, "stripes", 3, escapes);
  const middle = Math.floor(order.length / m / 2) * m;
  const halves = [order.slice(0, middle), order.slice(middle)].map((half) => byHalves(search, half, escapes));
  const joined = Uint32Array.from(halves.flatMap((half) => [...half]));
  return improve(search, joined, "stripes", 2, 10 * escapes);
}

/**
 * Moves columns of `from` until no move gains; then disturbs the best order so far some times and goes on from there.
 */
function improve(
  search: Search,
  from: Uint32Array,
  method: Task["method"],
  width: number,
  escapes: number,
): Uint32Array {
  const { rows, choice, random } = search;
  const k = from.length;
  const stripes = k / choice.m;
  if (stripes < width) return stripes < 2 ? from : improve(search, from, method, width - 1, escapes);
  // far fewer windows of three gain once those of two have settled
  const given = width > 2 ? improve(search, from, method, width - 1, 0) : from;
  const task: Task = { ...choice, rows, k, method, width };
  const threads = search.workers?.threadsFor(nanosecondsOf(task)) ?? 1;
  const board = makeBoard(task, threads > 1);
  const moves = movesOf(task, board);
  const judges = new Judges(task, board, moves, threads, search.workers?.start);
  try {
    const walk = new Walk(search.columns, task, board, moves, judges, given);
    walk.settle();
    let best = walk.position();
    for (let left = escapes; left > 0; left--) {
      walk.disturb(random);
      walk.settle();
      if (walk.kept > best.kept) best = walk.position();
      else walk.goTo(best);
    }
    return best.order;
  } finally {
    judges.stop();
  }
}

/**
 * The time of one thread, to decide how many threads pay: a worker takes tens of milliseconds to start, and a search
 * goes over all moves a few times.
 */
function nanosecondsOf({ rows, k, m, method, width }: Task): number {
  const stripes = k / m;
  const pairs = (stripes * (stripes - 1)) / 2;
  // the time to judge all moves once, as measured
  const ns =
    method === "swap"
      ? pairs * m * m * rows
      : width === 2
        ? pairs * (rows * 10 + 3000)
        : (pairs * stripes * (rows * 20 + 40_000)) / 3;
  return ns;
}

interface Position {
  readonly order: Uint32Array;
  readonly gains: Float64Array;
  readonly choices: Int32Array;
  readonly kept: number;
}

/** An order under search, with the gain of each move from it. */
class Walk {
  readonly #columns: Float32Array;
  readonly #task: Task;
  readonly #board: Board;
  readonly #moves: Moves;
  readonly #judges: Judges;
  readonly #order: Uint32Array;
  /** Stripes whose moves have to be judged anew. */
  readonly #changed: Uint8Array;
  readonly #stripe: Float32Array;
  /** Gains below this are rounding errors. */
  readonly #least: number;

  constructor(columns: Float32Array, task: Task, board: Board, moves: Moves, judges: Judges, given: Uint32Array) {
    this.#columns = columns;
    this.#task = task;
    this.#board = board;
    this.#moves = moves;
    this.#judges = judges;
    this.#order = given.slice();
    this.#changed = new Uint8Array(task.k / task.m);
    this.#stripe = new Float32Array(task.m * task.rows);
    for (let stripe = 0; stripe < this.#changed.length; stripe++) this.#load(stripe);
    this.#least = 1e-8 * this.kept;
  }

  get kept(): number {
    return this.#board.kept.reduce((sum, kept) => sum + kept, 0);
  }

  position(): Position {
    const { gains, choices } = this.#board;
    return { order: this.#order.slice(), gains: gains.slice(), choices: choices.slice(), kept: this.kept };
  }

  goTo({ order, gains, choices }: Position): void {
    const { m } = this.#task;
    for (let stripe = 0; stripe < this.#changed.length; stripe++) {
      const [begin, end] = [stripe * m, (stripe + 1) * m];
      if (order.subarray(begin, end).every((column, j) => column === this.#order[begin + j])) continue;
      this.#order.set(order.subarray(begin, end), begin);
      this.#load(stripe);
    }
    this.#changed.fill(0);
    this.#board.gains.set(gains);
    this.#board.choices.set(choices);
  }

  /** Makes moves, the best first and each stripe once a round, until no move gains. */
  settle(): void {
    const { gains, choices, stripes } = this.#board;
    const { m, width } = this.#task;
    for (;;) {
      this.#judges.judge(this.#stale());
      this.#changed.fill(0);
      const gaining: number[] = [];
      for (let move = 0; move < gains.length; move++) if (gains[move] > this.#least) gaining.push(move);
      if (gaining.length === 0) return;
      gaining.sort((a, b) => gains[b] - gains[a] || a - b);
      for (const move of gaining) {
        const of = stripes.subarray(move * width, (move + 1) * width);
        if (of.some((stripe) => this.#changed[stripe] === 1)) continue;
        const places = Array.from({ length: width * m }, (_, i) => of[Math.floor(i / m)] * m + (i % m));
        const from = places.map((place) => this.#order[place]);
        const order = this.#moves.order(choices[move]);
        places.forEach((place, i) => {
          this.#order[place] = from[order[i]];
        });
        for (const stripe of of) this.#load(stripe);
      }
    }
  }

  /** Swaps a few columns of different stripes. */
  disturb(random: Random): void {
    const { k, m } = this.#task;
    for (let swap = 0; swap < SWAPS; swap++) {
      const a = random.integer(k);
      const b = (a - (a % m) + m + random.integer(k - m)) % k;
      [this.#order[a], this.#order[b]] = [this.#order[b], this.#order[a]];
      for (const place of [a, b]) this.#load(Math.floor(place / m));
    }
  }

  #load(stripe: number): void {
    const { m, rows } = this.#task;
    for (let j = 0; j < m; j++) {
      const begin = this.#order[stripe * m + j] * rows;
      this.#stripe.set(this.#columns.subarray(begin, begin + rows), j * rows);
    }
    this.#moves.load(stripe, this.#stripe);
    this.#changed[stripe] = 1;
  }

  /** The moves with a stripe that has changed. */
  #stale(): Int32Array {
    const { stripes, gains } = this.#board;
    const { width } = this.#task;
    const found = new Int32Array(gains.length);
    let count = 0;
    for (let move = 0; move < gains.length; move++) {
      let changed = 0;
      for (let i = 0; i < width; i++) changed |= this.#changed[stripes[move * width + i]];
      found[count] = move;
      count += changed;
    }
    return found.subarray(0, count);
  }
}
