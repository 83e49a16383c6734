/**
 * N:M patterns: exactly N entries kept in each group of M neighbors along the contraction dimension.
 * With vV, V neighboring rows of W share one choice. N is the number kept, as in the literature on 2:4.
 */
import type { Pattern } from "../backend/families/packs.ts";
import { expected } from "../errors.ts";

export type { Pattern };

/** The texts that `parsePattern` can read, in words. */
export const PATTERN_FORM = "N:M or N:MvV with 1 <= N < M <= 16 and V of 1, 2, 4";

/** Reads "2:4", "1:16", "2:4v2". Throws if N >= M, M > 16 or V is not 1, 2 or 4. */
export function parsePattern(text: string): Pattern {
  const pattern = readPattern(text);
  if (pattern === undefined) {
    throw expected(
      "pattern",
      PATTERN_FORM,
      JSON.stringify(text),
      "N is the number kept of M neighbors: 2:4 halves the weights, 1:4 keeps a quarter",
    );
  }
  return pattern;
}

/** Whether `parsePattern` can read this text. */
export function isPattern(text: string): boolean {
  return readPattern(text) !== undefined;
}

function readPattern(text: string): Pattern | undefined {
  const parts = /^(\d+):(\d+)(?:v(\d+))?$/.exec(text);
  if (parts === null) return undefined;
  const [n, m, v] = [Number(parts[1]), Number(parts[2]), Number(parts[3] ?? 1)];
  return n < 1 || n >= m || m > 16 || ![1, 2, 4].includes(v) ? undefined : { n, m, v };
}

/** The name of a pattern, such as "2:4" or "2:4v2". */
export function patternName({ n, m, v }: Pattern): string {
  return v === 1 ? `${n}:${m}` : `${n}:${m}v${v}`;
}

/**
 * Why groups of this pattern cannot tile an axis of this length; undefined if they can. Remainders are never padded.
 * `axis` names the axis, in the plural.
 */
export function misfit(
  pattern: Pattern,
  axisLength: number,
  axis = "inputs",
  remainder: Remainder = "dense",
): string | undefined {
  if (axisLength % pattern.m === 0) return undefined;
  // a group of which all entries are kept prunes nothing
  const prunes = axisLength > pattern.m || keptOf(pattern, axisLength) < axisLength;
  if (remainder === "short-group" && prunes) return undefined;
  return `${axisLength} ${axisLength === 1 ? axis.slice(0, -1) : axis} cannot be cut into groups of ${pattern.m}`;
}

/** What becomes of entries that M does not divide: the layer stays dense, or they are a shorter group. */
export const REMAINDERS = ["dense", "short-group"] as const;
export type Remainder = (typeof REMAINDERS)[number];

/** Number of entries kept of a group of `length` neighbors, which may be fewer than M: ceil(length N / M). */
export function keptOf({ n, m }: Pattern, length: number): number {
  return Math.ceil((length * n) / m);
}

/** A group of a row: where it begins, its number of entries, and how many of these are kept. */
export interface Group {
  readonly begin: number;
  readonly length: number;
  readonly kept: number;
}

/** The groups of a row of `segments` segments of `length` entries; the last of each segment may be shorter. */
export function groupsOf(pattern: Pattern, segments: number, length: number): Group[] {
  return Array.from({ length: segments }, (_, segment) =>
    Array.from({ length: Math.ceil(length / pattern.m) }, (_, i) => {
      const entries = Math.min(pattern.m, length - i * pattern.m);
      return { begin: segment * length + i * pattern.m, length: entries, kept: keptOf(pattern, entries) };
    }),
  ).flat();
}

/** Number of bits of one index in the N:M encoding, which is the position within a group. */
export function indexBits({ m }: Pattern): number {
  return Math.ceil(Math.log2(m));
}

/**
 * Number of bytes of a packed [rows, k] matrix: f32 values, and one bit-packed index for each kept entry of each v
 * rows.
 */
export function packedBytes(pattern: Pattern, rows: number, k: number): number {
  const groups = Math.ceil(rows / pattern.v) * (k / pattern.m) * pattern.n;
  return 4 * rows * (k / pattern.m) * pattern.n + Math.ceil((groups * indexBits(pattern)) / 8);
}
