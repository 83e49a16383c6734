/** A trial consists of the arguments of a call, and how close its outputs must come to those of the oracle. */
import { Random } from "../../random.ts";
import type { Geometry } from "../geometry.ts";
import type { Numbers } from "../positions.ts";
import type { Shapes } from "./shapes.ts";

export type Kind = "float32" | "float64" | "uint8" | "uint32" | "int32";

/**
 * An array argument. `written`: it is compared after the call. `exact`: bit for bit. `scale`: multiplies the tolerance,
 * in place of the largest number.
 */
export interface ArrayArgument {
  readonly kind: Kind;
  readonly values: Numbers;
  readonly written: boolean;
  readonly exact: boolean;
  readonly scale?: number;
}

export type Argument = ArrayArgument | Geometry | number | null | ArgumentObject;

/** Arguments by name, such as a pack or options. */
export interface ArgumentObject {
  readonly [name: string]: Argument;
}

export interface Trial {
  readonly about: string;
  readonly args: readonly Argument[];
  /** Share of the magnitudes by which a sum may differ. */
  readonly tolerance: number;
  /** Whether magnitudes are those of the same kernel on absolute values; otherwise the largest number counts. */
  readonly linear: boolean;
}

export type Draw = (length: number) => Float32Array;

/** The trials of each kernel of a family; a kernel without trials does not compile. */
export type Trials<Family> = Readonly<Record<keyof Family, (shapes: Shapes) => Trial[]>>;

export const SEED = Number(process.env.TRISPARSE_TEST_SEED ?? 20_261_121);

export let random = new Random(SEED);

/** Reseeds the draws for a kernel or test, so that it has the same draws alone as among the others. */
export function reseed(stream: number): void {
  random = new Random(SEED, stream);
}

const isArray = (argument: Argument): argument is ArrayArgument =>
  argument !== null && typeof argument === "object" && "values" in argument && "kind" in argument;

/** The argument with each of its arrays replaced. */
export function withArrays(argument: Argument, replace: (array: ArrayArgument) => unknown): unknown {
  if (isArray(argument)) return replace(argument);
  if (argument === null || typeof argument === "number" || argument instanceof Int32Array) return argument;
  return Object.fromEntries(Object.entries(argument).map(([name, part]) => [name, withArrays(part, replace)]));
}

/** All arrays in the arguments, in their order. */
export function arraysOf(args: readonly Argument[]): ArrayArgument[] {
  const arrays: ArrayArgument[] = [];
  for (const argument of args) withArrays(argument, (array) => arrays.push(array));
  return arrays;
}

const kindOf = (values: Numbers): Kind =>
  values instanceof Float32Array
    ? "float32"
    : values instanceof Float64Array
      ? "float64"
      : values instanceof Uint8Array
        ? "uint8"
        : values instanceof Uint32Array
          ? "uint32"
          : "int32";

export const read = (values: Numbers): ArrayArgument => ({
  kind: kindOf(values),
  values,
  written: false,
  exact: false,
});

export const written = (values: Numbers, exact = false): ArrayArgument => ({
  kind: kindOf(values),
  values,
  written: true,
  exact,
});

/** Normal numbers, drawn once: drawing new ones for each array took half of the suite's time. */
const NORMAL = new Float32Array(2 ** 20);
const table = new Random(SEED, -1);
for (let i = 0; i < NORMAL.length; i++) NORMAL[i] = table.normal();

/** `length` numbers of the table from a drawn place on, which wrap around at its end. */
export function normal(length: number): Float32Array {
  const values = new Float32Array(length);
  let from = random.integer(NORMAL.length);
  for (let at = 0; at < length; at += NORMAL.length - from, from = 0) {
    values.set(NORMAL.subarray(from, from + length - at), at);
  }
  return values;
}

export const positive = (length: number): Float32Array => Float32Array.from({ length }, () => 0.1 + random.uniform());

/** The old content of an output: NaN shows if it is read or left in place, and does not widen a tolerance. */
export const empty = (length: number): Float32Array => new Float32Array(length).fill(Number.NaN);

/** A draw of few distinct values with zeros of both signs, for ties everywhere. */
export const tied = (length: number): Float32Array =>
  Float32Array.from({ length }, () => [0, -0, 1, -1, 2, -2, 0.5][random.integer(7)]);

/** A draw with some NaN, at least one. */
export const spoiled = (length: number): Float32Array => {
  const values = normal(length).map((value) => (random.integer(40) === 0 ? Number.NaN : value));
  values[random.integer(length)] = Number.NaN;
  return values;
};

/** A draw for weights, with NaN, infinities and ties. */
export const wild = (length: number): Float32Array =>
  Float32Array.from(
    { length },
    () => [0, 1, -1, 2, Number.NaN, Number.POSITIVE_INFINITY, -Infinity][random.integer(7)],
  );

export const oneOf = <T>(list: readonly T[]): T => list[random.integer(list.length)];

export const trial = (about: string, args: readonly Argument[], tolerance = 1e-6, linear = false): Trial => ({
  ...{ about, args, tolerance, linear },
});
