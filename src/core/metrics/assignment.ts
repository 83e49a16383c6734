/**
 * The linear sum assignment problem: each row gets a column of its own so that the sum of the costs is the least.
 * Source: Jonker & Volgenant 1987, "A shortest augmenting path algorithm for dense and sparse linear assignment
 * problems", Computing 38. Difference: (1) its augmenting row reduction is left out; on masks it saved no time.
 */

/**
 * The column of each row in an assignment of the least sum, or null if the search looks at more than `mostEntries`
 * entries of `cost`. `cost` is [n, n], finite, row by row. Rows whose column is the nearest of both take O(n), others
 * O(n^2) at worst.
 */
export function assignment(cost: Float64Array, n: number, mostEntries = Number.POSITIVE_INFINITY): Int32Array | null {
  const columnOf = new Int32Array(n).fill(-1);
  const rowOf = new Int32Array(n).fill(-1);
  // a row pays cost - price for a column; no row that has a column would pay less for another one
  const prices = new Float64Array(n).fill(Number.POSITIVE_INFINITY);
  for (let i = 0, at = 0; i < n; i++) for (let j = 0; j < n; j++, at++) prices[j] = Math.min(prices[j], cost[at]);
  for (let i = 0, at = 0; i < n; i++, at += n) {
    let least = Number.POSITIVE_INFINITY;
    for (let j = 0; j < n; j++) least = Math.min(least, cost[at + j] - prices[j]);
    for (let j = 0; j < n && columnOf[i] < 0; j++) {
      if (rowOf[j] < 0 && cost[at + j] - prices[j] === least) [columnOf[i], rowOf[j]] = [j, i];
    }
  }
  const search = new Search(cost, n, prices, columnOf, rowOf);
  for (let i = 0; i < n; i++) {
    if (columnOf[i] < 0) search.assign(i);
    if (search.entries > mostEntries) return null;
  }
  return columnOf;
}

/** Dijkstra's search from a row without a column to a column without a row, by way of columns that rows give up. */
class Search {
  /** Number of entries of the costs that were looked at. */
  entries = 0;
  readonly #cost: Float64Array;
  readonly #n: number;
  readonly #prices: Float64Array;
  readonly #columnOf: Int32Array;
  readonly #rowOf: Int32Array;
  /** Length of the shortest path to a column so far, and the row from which it gets there. */
  readonly #lengths: Float64Array;
  readonly #before: Int32Array;
  /** All columns, in this order: those whose rows were searched; those at the present length; the others. */
  readonly #columns: Int32Array;

  constructor(cost: Float64Array, n: number, prices: Float64Array, columnOf: Int32Array, rowOf: Int32Array) {
    this.#cost = cost;
    this.#n = n;
    this.#prices = prices;
    this.#columnOf = columnOf;
    this.#rowOf = rowOf;
    this.#lengths = new Float64Array(n);
    this.#before = new Int32Array(n);
    this.#columns = Int32Array.from({ length: n }, (_, j) => j);
  }

  /** Gives a row a column. Each row on the path moves on to the next column of the path; all others keep theirs. */
  assign(start: number): void {
    const [columnOf, rowOf, before] = [this.#columnOf, this.#rowOf, this.#before];
    let column = this.#pathFrom(start);
    for (let row = -1; row !== start; ) {
      row = before[column];
      rowOf[column] = row;
      [columnOf[row], column] = [column, columnOf[row]];
    }
  }

  /** The column at the end of the shortest path; prices are then such that all rows of the path can move on. */
  #pathFrom(start: number): number {
    const [cost, n, prices, rowOf] = [this.#cost, this.#n, this.#prices, this.#rowOf];
    const [lengths, before, columns] = [this.#lengths, this.#before, this.#columns];
    for (let j = 0; j < n; j++) lengths[j] = cost[start * n + j] - prices[j];
    before.fill(start);
    this.entries += n;
    let [searched, reached, length, end] = [0, 0, 0, -1];
    const reach = (at: number): void => {
      const j = columns[at];
      columns[at] = columns[reached];
      columns[reached++] = j;
      if (rowOf[j] < 0) end = j;
    };
    for (;;) {
      if (searched === reached) {
        length = Number.POSITIVE_INFINITY;
        for (let at = reached; at < n; at++) length = Math.min(length, lengths[columns[at]]);
        for (let at = reached; at < n; at++) if (lengths[columns[at]] === length) reach(at);
      }
      if (end >= 0) break;
      const given = columns[searched++];
      const row = rowOf[given];
      const paid = cost[row * n + given] - prices[given];
      this.entries += n - reached;
      for (let at = reached; at < n; at++) {
        const j = columns[at];
        const through = length + (cost[row * n + j] - prices[j] - paid);
        if (through >= lengths[j]) continue;
        lengths[j] = through;
        before[j] = row;
        // rounding can take a path below the present length, where the next length would not find it
        if (through <= length) reach(at);
      }
    }
    for (let at = 0; at < searched; at++) prices[columns[at]] += lengths[columns[at]] - length;
    return end;
  }
}
