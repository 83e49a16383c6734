/**
 * Moves of channels between stripes, which are the groups of m neighboring columns, and the gain of each move. A move
 * is judged by the columns of its stripes alone, so any thread may judge any move and the answer has the same bits.
 */
import { type Choice, combinations, partitions } from "./choices.ts";

/** The problem that a search works on. */
export interface Task extends Choice {
  readonly rows: number;
  /** Number of columns, a multiple of m. */
  readonly k: number;
  /** "swap" swaps two columns of two stripes; "stripes" deals all columns of `width` stripes anew. */
  readonly method: "stripes" | "swap";
  /** Number of stripes in a move. */
  readonly width: number;
}

/** The data that threads share. Columns are in their current order. */
export interface Board {
  /** Stripes of each move, `width` of them, in rising order. */
  readonly stripes: Int32Array;
  /** The best choice for each move: how much more it keeps, and its number. */
  readonly gains: Float64Array;
  readonly choices: Int32Array;
  /**
   * By stripe and row. For "stripes": m magnitudes in falling order, and -1 as an integer. For "swap": the magnitudes
   * of each column.
   */
  readonly values: Float32Array;
  /** For "stripes": the bit of each value's place in the stripe. For "swap": not used. */
  readonly bits: Uint8Array;
  /** For "swap": by column and row, the least magnitude that its stripe keeps without the column. */
  readonly limits: Float32Array;
  /**
   * For "swap": by column, sums over the rows of what the stripe keeps without it, of its magnitudes, and of its
   * limits.
   */
  readonly sums: Float64Array;
  /** Magnitude that each stripe keeps. */
  readonly kept: Float64Array;
}

export function makeBoard(task: Task, shared: boolean): Board {
  const { rows, k, m, width, method } = task;
  const bytes = (count: number): ArrayBuffer | SharedArrayBuffer =>
    shared ? new SharedArrayBuffer(count) : new ArrayBuffer(count);
  const moves = combinations(k / m, width);
  const swap = method === "swap";
  const length = swap ? rows * k : rows * (k / m) * (m + 1);
  return {
    stripes: Int32Array.from(moves.flat()),
    gains: new Float64Array(bytes(8 * moves.length)),
    choices: new Int32Array(bytes(4 * moves.length)),
    values: new Float32Array(bytes(4 * length)),
    bits: new Uint8Array(bytes(swap ? 0 : length)),
    limits: new Float32Array(bytes(swap ? 4 * length : 0)),
    sums: new Float64Array(bytes(swap ? 24 * k : 0)),
    kept: new Float64Array(bytes((8 * k) / m)),
  };
}

/** The moves of one method over a board. */
export interface Moves {
  /** Loads a stripe onto the board. Its columns lie one after another: columns[j * rows + row] for j in 0..m - 1. */
  load(stripe: number, columns: Float32Array): void;
  /** Finds the best choice for move `at` and writes its gain and its number. */
  judge(at: number): void;
  /** The columns of a move's stripes in their new order, as places 0..width * m - 1. */
  order(choice: number): ArrayLike<number>;
}

export function movesOf(task: Task, board: Board): Moves {
  return task.method === "swap" ? new Swaps(task, board) : new Deals(task, board);
}

/**
 * All ways to deal the columns of two or three stripes. A set A of m columns keeps the sum over rows of its n largest,
 * which can be written with maxima: for 2 of 4, it is the sum over a in A of max(A without a), less 2 max(A). The sums
 * over rows of the maxima of all sets come from one table over the 2^columns sets: a row adds v[i] - v[i + 1] at the
 * set of its i largest columns, and then subsets are summed. So a row costs a few additions, whatever the number of
 * deals.
 */
class Deals implements Moves {
  readonly #task: Task;
  readonly #board: Board;
  readonly #keys: Int32Array;
  readonly #columns: number;
  /** Sum for each set of columns, by its bits. */
  readonly #sums: Float64Array;
  /** For each set of m columns, the entries of the table that make up its kept sum, and their factors. */
  readonly #terms: Int32Array;
  readonly #factors: Float64Array;
  readonly #kept: Float64Array;
  /** The deals, each as `width` numbers of sets. */
  readonly #deals: Int32Array;
  readonly #sets: readonly (readonly number[])[];

  constructor(task: Task, board: Board) {
    const { n, m, width } = task;
    this.#task = task;
    this.#board = board;
    this.#keys = new Int32Array(board.values.buffer);
    this.#columns = width * m;
    this.#sums = new Float64Array(1 << this.#columns);
    this.#sets = combinations(this.#columns, m);
    this.#kept = new Float64Array(this.#sets.length);
    this.#deals = partitions(this.#sets, this.#columns);
    const parts = Array.from({ length: n }, (_, size) => combinations(m, size)).flat();
    this.#factors = Float64Array.from(parts, ({ length }) => partFactor(n, m, length));
    const all = (1 << this.#columns) - 1;
    this.#terms = Int32Array.from(
      this.#sets.flatMap((set) => {
        const outside = set.reduce((bits, column) => bits & ~(1 << column), all);
        return parts.map((part) => part.reduce((bits, i) => bits | (1 << set[i]), outside));
      }),
    );
  }

  load(stripe: number, columns: Float32Array): void {
    const { rows, n, m } = this.#task;
    const { values, bits, kept } = this.#board;
    const keys = this.#keys;
    let sum = 0;
    let at = stripe * rows * (m + 1);
    for (let row = 0; row < rows; row++) {
      for (let j = 0; j < m; j++) {
        const value = columns[j * rows + row];
        let i = at + j;
        while (i > at && values[i - 1] < value) {
          values[i] = values[i - 1];
          bits[i] = bits[i - 1];
          i--;
        }
        values[i] = value;
        bits[i] = 1 << j;
      }
      keys[at + m] = -1;
      for (let i = 0; i < n; i++) sum += values[at + i];
      at += m + 1;
    }
    kept[stripe] = sum;
  }

  judge(at: number): void {
    const { width } = this.#task;
    const { stripes, gains, choices } = this.#board;
    this.#sums.fill(0);
    if (width === 2) this.#addTwo(stripes[2 * at], stripes[2 * at + 1]);
    else this.#addThree(stripes[3 * at], stripes[3 * at + 1], stripes[3 * at + 2]);
    this.#sumSubsets();
    const kept = this.#kept;
    const terms = this.#terms;
    const factors = this.#factors;
    const sums = this.#sums;
    for (let set = 0, term = 0; set < kept.length; set++) {
      let sum = 0;
      for (let i = 0; i < factors.length; i++) sum += factors[i] * sums[terms[term++]];
      kept[set] = sum;
    }
    const deals = this.#deals;
    let best = 0;
    let most = 0;
    let first = 0;
    for (let deal = 0, i = 0; i < deals.length; deal++) {
      let sum = kept[deals[i++]];
      for (let j = 1; j < width; j++) sum += kept[deals[i++]];
      if (deal === 0) {
        first = sum;
        most = sum;
      } else if (sum > most) {
        most = sum;
        best = deal;
      }
    }
    gains[at] = most - first;
    choices[at] = best;
  }

  order(choice: number): number[] {
    const { width } = this.#task;
    return Array.from({ length: width }, (_, i) => this.#sets[this.#deals[choice * width + i]]).flat();
  }

  /**
   * Merges the falling rows of two stripes. Magnitudes compare as the integers of their bits, so the sign of a
   * difference says which comes next; a branch here would be mispredicted every other time. The -1 behind a row is less
   * than any magnitude.
   */
  #addTwo(s: number, t: number): void {
    const { rows, m, n } = this.#task;
    const { values, bits } = this.#board;
    const keys = this.#keys;
    const sums = this.#sums;
    // sets of more columns occur in no term
    const steps = this.#columns - m + n;
    const length = m + 1;
    let p = s * rows * length;
    let q = t * rows * length;
    for (let row = 0; row < rows; row++) {
      let i = p;
      let j = q;
      let set = 0;
      let above = 0;
      for (let step = 0; step < steps; step++) {
        const second = (keys[i] - keys[j]) >>> 31;
        const from = i + ((j - i) & -second);
        const value = values[from];
        sums[set] += above - value;
        set |= bits[from] << (second * m);
        above = value;
        j += second;
        i += 1 - second;
      }
      p += length;
      q += length;
    }
  }

  #addThree(s: number, t: number, u: number): void {
    const { rows, m, n } = this.#task;
    const { values, bits } = this.#board;
    const keys = this.#keys;
    const sums = this.#sums;
    const steps = this.#columns - m + n;
    const length = m + 1;
    let p = s * rows * length;
    let q = t * rows * length;
    let r = u * rows * length;
    for (let row = 0; row < rows; row++) {
      let i = p;
      let j = q;
      let l = r;
      let set = 0;
      let above = 0;
      for (let step = 0; step < steps; step++) {
        const later = (keys[i] - keys[j]) >>> 31;
        const among = i + ((j - i) & -later);
        const third = (keys[among] - keys[l]) >>> 31;
        const second = later & (third ^ 1);
        const from = among + ((l - among) & -third);
        const value = values[from];
        sums[set] += above - value;
        set |= bits[from] << ((second + 2 * third) * m);
        above = value;
        l += third;
        j += second;
        i += 1 - second - third;
      }
      p += length;
      q += length;
      r += length;
    }
  }

  /** Computes sums[set] as the sum of sums[subset] over its subsets. */
  #sumSubsets(): void {
    const sums = this.#sums;
    const { length } = sums;
    for (let half = 1; half < length; half *= 2) {
      for (let base = 0; base < length; base += 2 * half) {
        for (let i = base; i < base + half; i++) sums[i + half] += sums[i];
      }
    }
  }
}

/**
 * The factor of the subset sum at (columns outside of A) + T, where T is a part of A, in the sum that A keeps. It
 * follows from min(n, x) = n - sum over j < n of (n - j) [x = j], where x is the number of columns of A among a row's i
 * largest; [x = j] is computed by inclusion and exclusion over the parts of A.
 */
function partFactor(n: number, m: number, size: number): number {
  let factor = 0;
  for (let j = size; j < n; j++) factor -= (n - j) * (-1) ** (j - size) * combinations(m - size, j - size).length;
  return factor;
}

/**
 * Swaps of two columns. Without a column, its stripe keeps the sum of n among the others; b in its place adds what it
 * has above the least of these, max(0, b - limit), which is half of |b - limit| + b - limit: absolute values need no
 * branch.
 */
class Swaps implements Moves {
  readonly #task: Task;
  readonly #board: Board;
  readonly #sorted: Float32Array;
  readonly #places: Int32Array;

  constructor(task: Task, board: Board) {
    this.#task = task;
    this.#board = board;
    this.#sorted = new Float32Array(task.m);
    this.#places = new Int32Array(task.m);
  }

  load(stripe: number, columns: Float32Array): void {
    const { rows, n, m } = this.#task;
    const { values, limits, sums, kept } = this.#board;
    const sorted = this.#sorted;
    const places = this.#places;
    const begin = stripe * m * rows;
    values.set(columns.subarray(0, m * rows), begin);
    sums.fill(0, 3 * stripe * m, 3 * (stripe + 1) * m);
    let sum = 0;
    for (let row = 0; row < rows; row++) {
      for (let j = 0; j < m; j++) {
        const value = columns[j * rows + row];
        let i = j;
        while (i > 0 && sorted[i - 1] < value) {
          sorted[i] = sorted[i - 1];
          places[i] = places[i - 1];
          i--;
        }
        sorted[i] = value;
        places[i] = j;
      }
      let most = 0;
      for (let i = 0; i < n; i++) most += sorted[i];
      sum += most;
      for (let i = 0; i < m; i++) {
        const limit = sorted[i < n ? n : n - 1];
        const at = 3 * (stripe * m + places[i]);
        limits[begin + places[i] * rows + row] = limit;
        sums[at] += i < n ? most - sorted[i] + limit : most;
        sums[at + 1] += sorted[i];
        sums[at + 2] += limit;
      }
    }
    kept[stripe] = sum;
  }

  judge(at: number): void {
    const { rows, m } = this.#task;
    const { stripes, gains, choices, values, limits, sums, kept } = this.#board;
    const [s, t] = [stripes[2 * at], stripes[2 * at + 1]];
    let best = 0;
    let most = -Infinity;
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < m; j++) {
        const [a, b] = [s * m + i, t * m + j];
        const [beginA, beginB] = [a * rows, b * rows];
        let into = 0;
        let back = 0;
        for (let row = 0; row < rows; row++) {
          into += Math.abs(values[beginB + row] - limits[beginA + row]);
          back += Math.abs(values[beginA + row] - limits[beginB + row]);
        }
        into += sums[3 * b + 1] - sums[3 * a + 2];
        back += sums[3 * a + 1] - sums[3 * b + 2];
        const sum = sums[3 * a] + sums[3 * b] + (into + back) / 2;
        if (sum > most) {
          most = sum;
          best = i * m + j;
        }
      }
    }
    gains[at] = most - kept[s] - kept[t];
    choices[at] = best;
  }

  order(choice: number): number[] {
    const { m } = this.#task;
    const order = Array.from({ length: 2 * m }, (_, place) => place);
    const i = Math.floor(choice / m);
    const j = m + (choice % m);
    [order[i], order[j]] = [j, i];
    return order;
  }
}
