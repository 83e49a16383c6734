/** Options objects: an option that nobody knows is an error, not a default in silence. */
import { expected, nearest } from "./errors.ts";

/** Throws where options have a key that `known` has not; known: every key of their type. */
export function requireOptions<T extends object>(
  where: string,
  options: T,
  known: Readonly<Record<keyof T, true>>,
): void {
  const names = Object.keys(known);
  for (const key of Object.keys(options)) {
    if (names.includes(key)) continue;
    const near = nearest(key, names);
    const todo = near === undefined ? "Leave it out" : `Perhaps you mean "${near}"`;
    throw expected(where, `options ${names.join(", ")}`, `"${key}"`, todo);
  }
}
