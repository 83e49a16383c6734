/** Counts choices of columns, and the ways to deal columns into groups. */

/** A choice of n kept columns of m. */
export interface Choice {
  readonly n: number;
  readonly m: number;
}

/** The sets of `size` of the numbers 0..count - 1, each in rising order, in lexical order. */
export function combinations(count: number, size: number): number[][] {
  const found: number[][] = [];
  const set: number[] = [];
  const extend = (from: number): void => {
    if (set.length === size) {
      found.push(set.slice());
      return;
    }
    for (let i = from; i <= count - size + set.length; i++) {
      set.push(i);
      extend(i + 1);
      set.pop();
    }
  };
  extend(0);
  return found;
}

/**
 * The canonical ways to deal `columns` columns into groups: columns rise within a group, and groups are ordered by
 * their first column. Each way is given as indices into `sets`, the combinations of a group's size; the first way is
 * the given order.
 */
export function partitions(sets: readonly (readonly number[])[], columns: number): Int32Array {
  const masks = sets.map((set) => set.reduce((bits, column) => bits | (1 << column), 0));
  // sets are in lexical order: those that begin with the same column are neighbors
  const beginning = Array.from({ length: columns }, (_, first) =>
    sets.flatMap((set, i) => (set[0] === first ? [i] : [])),
  );
  const found: number[] = [];
  const deal: number[] = [];
  const extend = (used: number): void => {
    if (used === (1 << columns) - 1) {
      found.push(...deal);
      return;
    }
    const first = 31 - Math.clz32(~used & (used + 1));
    for (const set of beginning[first]) {
      if ((masks[set] & used) !== 0) continue;
      deal.push(set);
      extend(used | masks[set]);
      deal.pop();
    }
  };
  extend(0);
  return Int32Array.from(found);
}
