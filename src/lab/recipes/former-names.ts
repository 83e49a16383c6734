/**
 * The names that keys of recipes had in version 0.1. They are still read, with a message that gives the present ones.
 */
import { valueAt, withValueAt } from "./paths.ts";

// in this order, because a key inside of a renamed one is looked up under the present name of that one
const FORMER: readonly (readonly [former: string, now: string])[] = [
  ["optimiser", "optimizer"],
  ["optimizer.rate", "optimizer.learningRate"],
  ["regularise", "regularize"],
  ["batch", "batchSize"],
  ["data.train", "data.limit.train"],
  ["data.test", "data.limit.test"],
];

/** Called for each former name that was met. */
export type OnFormer = (former: string, now: string) => void;

/** The recipe with the present names. If it has a key by both names, the present one counts. */
export function withCurrentNames(recipe: unknown, onFormer: OnFormer = () => {}): unknown {
  return FORMER.reduce((read, [former, now]) => {
    const value = valueAt(read, former);
    if (value === undefined) return read;
    onFormer(former, now);
    const moved = valueAt(read, now) === undefined ? withValueAt(read, now, value) : read;
    return withValueAt(moved, former, undefined);
  }, recipe);
}

/** Present name of a key or of one within it. */
export function currentName(path: string, onFormer: OnFormer = () => {}): string {
  return FORMER.reduce((name, [former, now]) => {
    if (name !== former && !name.startsWith(`${former}.`)) return name;
    onFormer(former, now);
    return now + name.slice(former.length);
  }, path);
}

/** The recipe with former names beside the present ones, for programs that read what 0.1 wrote. */
export function withFormerNames<T>(recipe: T): T {
  return FORMER.toReversed().reduce<unknown>((written, [former, now]) => {
    const value = valueAt(written, now);
    return value === undefined ? written : withValueAt(written, former, value);
  }, recipe) as T;
}

const told = new Set<string>();

/** Prints a line on stderr, once for each key in a process. */
export function tellFormer(former: string, now: string): void {
  if (told.has(former)) return;
  told.add(former);
  process.stderr.write(`recipe: the key "${former}" is called "${now}" now. Its former name is still read.\n`);
}
