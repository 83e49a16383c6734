/**
 * Every error of trisparse has this one shape: `<where>: expected <what>, got <what>. <what to do>.` This file imports
 * nothing, and every layer may import it.
 */

/** An error a user can act on. The command line prints its message alone, without a stack. */
export class TrisparseError extends Error {
  override readonly name = "TrisparseError";
}

/** Builds `<where>: expected <what>, got <got>. <todo>.`; the caller throws it. */
export function expected(where: string, what: string, got: string, todo: string): TrisparseError {
  // what another program says of an error ends with a period of its own
  const part = (text: string): string => text.replace(/(?<!\.)\.$/, "");
  return new TrisparseError(`${where}: expected ${part(what)}, got ${part(got)}. ${part(todo)}.`);
}

/**
 * The known word closest to `word` by edit distance; undefined if none is near (more than half of its letters differ).
 */
export function nearest(word: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(word.length / 2)) + 1;
  for (const candidate of known) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** Levenshtein distance, one row of the table at a time. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substitution, row[j] + 1, next[j - 1] + 1));
    }
    row = next;
  }
  return row[b.length];
}
