/**
 * Reads and replaces values within JSON by their path, such as "optimizer.schedule.warmup" or "regularize.0.lambda".
 */

function isContainer(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

/** The value at a path; undefined if there is none. */
export function valueAt(value: unknown, path: string): unknown {
  return path
    .split(".")
    .reduce<unknown>((inner, key) => (isContainer(inner) && Object.hasOwn(inner, key) ? inner[key] : undefined), value);
}

/**
 * A copy with another value at a path; undefined removes the key. Anything on the way that is no object becomes one.
 */
export function withValueAt(value: unknown, path: string, replacement: unknown): unknown {
  const [key, ...rest] = path.split(".");
  const inner = isContainer(value) && Object.hasOwn(value, key) ? value[key] : undefined;
  const next = rest.length === 0 ? replacement : withValueAt(inner, rest.join("."), replacement);
  if (Array.isArray(value)) return value.map((one, i) => (String(i) === key ? next : one));
  const entries = isContainer(value) ? Object.entries(value) : [];
  const found = entries.some(([name]) => name === key);
  const replaced = found ? entries.map(([name, one]) => [name, name === key ? next : one]) : [...entries, [key, next]];
  return Object.fromEntries(replaced.filter(([, one]) => one !== undefined));
}
