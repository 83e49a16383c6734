/**
 * Masks that are n:m along rows and columns at once, one m x m block at a time: the oracle of pruneTransposable for all
 * but the best 2:4. `size` is [m * m], not below zero; a result is [m * m], with n kept in each row and each column.
 */

/** A choice of entries that is being made. */
interface Block {
  readonly m: number;
  readonly size: readonly number[];
  readonly kept: boolean[];
  /** How many more entries each row and each column may keep; both have the same sum. */
  readonly rowRoom: number[];
  readonly columnRoom: number[];
}

/** The n:m mask of a block: `solver` is a place in TRANSPOSABLE_SOLVERS. */
export function transposableBlock(size: readonly number[], n: number, m: number, solver: number): readonly boolean[] {
  const block = emptyBlock(size, n, m);
  if (solver === 0) return exactBlock(block);
  keepHeavy(block);
  return fillUp(block) ? block.kept : exactBlock(emptyBlock(size, n, m));
}

const emptyBlock = (size: readonly number[], n: number, m: number): Block => ({
  ...{ m, size, kept: size.map(() => false) },
  ...{ rowRoom: Array<number>(m).fill(n), columnRoom: Array<number>(m).fill(n) },
});

/** Indices by falling size; of equals the lower index comes first. */
const heavyToLight = (size: readonly number[]): number[] => [...size.keys()].sort((a, b) => size[b] - size[a] || a - b);

/**
 * Keep-greedy: takes heavier entries first, if their row and their column have room. It keeps at least half of the
 * largest sum. It also keeps all that prune-greedy does, the two-approximation of Hubara et al. 2021 (lighter first, if
 * its row or its column still keeps too much): those are the entries that are among the n heaviest of both their row
 * and their column.
 */
function keepHeavy({ m, size, kept, rowRoom, columnRoom }: Block): void {
  for (const at of heavyToLight(size)) {
    const [row, column] = [Math.floor(at / m), at % m];
    if (rowRoom[row] === 0 || columnRoom[column] === 0) continue;
    kept[at] = true;
    rowRoom[row]--;
    columnRoom[column]--;
  }
}

/**
 * After keepHeavy, a row and a column that both have room keep the entry that they share, so each needs another one.
 * The heaviest exchange is made: an entry (r, c) of a full row and column goes, and (row, c) and (r, column) come.
 * Returns false if that loses weight.
 */
function fillUp({ m, size, kept, rowRoom, columnRoom }: Block): boolean {
  for (let row = 0; row < m; row++) {
    while (rowRoom[row] > 0) {
      const column = columnRoom.findIndex((room) => room > 0);
      let [best, bestRow, bestColumn] = [Number.NEGATIVE_INFINITY, 0, 0];
      for (let r = 0; r < m; r++) {
        if (kept[r * m + column]) continue;
        for (let c = 0; c < m; c++) {
          if (kept[row * m + c] || !kept[r * m + c]) continue;
          const gain = size[row * m + c] + size[r * m + column] - size[r * m + c];
          if (gain > best) [best, bestRow, bestColumn] = [gain, r, c];
        }
      }
      if (best < 0) return false;
      kept[bestRow * m + bestColumn] = false;
      kept[row * m + bestColumn] = kept[bestRow * m + column] = true;
      rowRoom[row]--;
      columnRoom[column]--;
    }
  }
  return true;
}

/**
 * Finds the largest sum as a flow of least cost: row by row and entry by entry along the shortest path to a column with
 * room, where keeping an entry costs its weight less and giving it back costs its weight. Potentials keep all costs
 * from being negative (Dijkstra). Nodes are the rows, then the columns; of equals the first is taken.
 */
function exactBlock(block: Block): readonly boolean[] {
  const { m, size, kept, rowRoom, columnRoom } = block;
  const potential = Array.from({ length: 2 * m }, (_, node) =>
    node < m ? Math.max(...size.slice(node * m, node * m + m)) : 0,
  );
  for (let source = 0; source < m; source++) {
    for (; rowRoom[source] > 0; rowRoom[source]--) {
      const distance = Array<number>(2 * m).fill(Number.POSITIVE_INFINITY);
      const from = Array<number>(2 * m).fill(-1);
      const done = Array<boolean>(2 * m).fill(false);
      distance[source] = 0;
      let node = source;
      for (;;) {
        node = -1;
        for (let i = 0; i < 2 * m; i++) if (!done[i] && (node < 0 || distance[i] < distance[node])) node = i;
        done[node] = true;
        if (node >= m && columnRoom[node - m] > 0) break;
        for (let other = 0; other < m; other++) {
          const next = node < m ? m + other : other;
          const [row, column] = node < m ? [node, other] : [other, node - m];
          // rounding can make a cost slightly negative: nodes that are done must stay so, or the path may never end
          if (kept[row * m + column] === node < m || done[next]) continue;
          // the cost of the entry with respect to the potentials
          const slack = potential[row] - size[row * m + column] - potential[m + column];
          const length = distance[node] + (node < m ? slack : -slack);
          if (length < distance[next]) [distance[next], from[next]] = [length, node];
        }
      }
      const last = distance[node];
      for (let i = 0; i < 2 * m; i++) if (done[i]) potential[i] += distance[i] - last;
      columnRoom[node - m]--;
      for (; from[node] >= 0; node = from[node]) {
        const [row, column] = node >= m ? [from[node], node - m] : [node, from[node] - m];
        kept[row * m + column] = node >= m;
      }
    }
  }
  return kept;
}
