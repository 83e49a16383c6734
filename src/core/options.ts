/**
 * The options of methods, optimizers and layers: the kinds of options as data, and the checks of what a caller gives.
 * This file imports errors.ts alone, and every layer may import it.
 */
import { expected, nearest } from "./errors.ts";

/**
 * The range that a number has to lie in. A bound that is left out does not limit it; infinities and NaN are never in
 * range.
 */
export interface Bounds {
  readonly min?: number | undefined;
  readonly max?: number | undefined;
  /** `above` and `below` are like min and max, but exclude the bound itself. */
  readonly above?: number | undefined;
  readonly below?: number | undefined;
  readonly integer?: boolean | undefined;
}

/** An option that takes a number, or one of `words` in its place. */
export interface NumberOption<Word extends string = string> {
  readonly kind: "number";
  readonly default: number;
  readonly min: number;
  readonly max: number;
  readonly integer?: boolean;
  readonly words?: readonly Word[];
  readonly about: string;
}

/** An option that takes one of some words; the first is the default. */
export interface WordOption<Word extends string = string> {
  readonly kind: "word";
  readonly words: readonly Word[];
  readonly about: string;
}

export type Option = NumberOption | WordOption;

/** Options by name, in the order in which documentation lists them. */
export type OptionSchema = Readonly<Record<string, Option>>;

type ValueOf<Kind> =
  Kind extends NumberOption<infer Word> ? number | Word : Kind extends WordOption<infer Word> ? Word : never;

/** The options that a caller gives for a schema; one that is left out takes its default. */
export type OptionsOf<Schema extends OptionSchema> = [keyof Schema] extends [never]
  ? Readonly<Record<string, never>>
  : { readonly [Name in keyof Schema]?: ValueOf<Schema[Name]> | undefined };

/** The options of a schema with every default filled in. */
export type CompleteOptions<Schema extends OptionSchema> = { readonly [Name in keyof Schema]: ValueOf<Schema[Name]> };

export function number<const Word extends string = never>(
  option: Omit<NumberOption<Word>, "kind">,
): NumberOption<NoInfer<Word>> {
  return { kind: "number", ...option };
}

export function word<const Word extends string>(words: readonly Word[], about: string): WordOption<Word> {
  return { kind: "word", words, about };
}

export function defaultOf(option: Option): number | string {
  return option.kind === "number" ? option.default : option.words[0];
}

/** The values that an option may take, in words: `from 0 to 1 or "measured"`, `"gradient" or "decoupled"`. */
function valuesInWords(option: Option): string {
  const quoted = (option.words ?? []).map((one) => `"${one}"`);
  const all = option.kind === "number" ? [boundsInWords(option), ...quoted] : quoted;
  return all.length < 2 ? all.join() : `${all.slice(0, -1).join(", ")} or ${all.at(-1)}`;
}

/**
 * Checks the given options against a schema and fills in the defaults. `where` begins the errors, which name the
 * option, the values it may take and the value that was given.
 */
export function completeOptions<Schema extends OptionSchema>(
  where: string,
  schema: Schema,
  given: OptionsOf<Schema> = {},
): CompleteOptions<Schema> {
  requireOptions<object>(where, given, schema);
  const values = Object.entries(schema).map(([name, option]) => {
    const value = (given as Named)[name];
    if (value === undefined) return [name, defaultOf(option)];
    check(where, name, option, value);
    return [name, value];
  });
  return Object.fromEntries(values) as CompleteOptions<Schema>;
}

function check(where: string, name: string, option: Option, value: unknown): void {
  const words = option.words ?? [];
  if (option.kind === "number" && liesWithin(value, option)) return;
  if (words.some((one) => one === value)) return;
  const near = typeof value === "string" ? nearest(value, words) : undefined;
  const todo = near === undefined ? `Left out it is ${shown(defaultOf(option))}` : `Perhaps you mean "${near}"`;
  throw expected(where, `${name} ${valuesInWords(option)}`, shown(value), todo);
}

/**
 * Throws unless `options` is an object whose keys are all among those of `known`, which lists every key of the type.
 */
export function requireOptions<T extends object>(
  where: string,
  options: T,
  known: Readonly<Record<keyof T, unknown>>,
): void {
  const names = Object.keys(known);
  const list = names.join(", ");
  if (typeof options !== "object" || options === null || Array.isArray(options))
    throw expected(where, `an object of options${list && ` (${list})`}`, shown(options), "Name each value");
  for (const key of Object.keys(options)) {
    if (names.includes(key)) continue;
    const near = nearest(key, names);
    throw expected(
      where,
      names.length === 0 ? "no options" : `an option (${list})`,
      `"${key}"`,
      near === undefined ? "Leave it out" : `Perhaps you mean "${near}"`,
    );
  }
}

/** Values by the names that errors use for them. */
type Named = Readonly<Record<string, unknown>>;

/** Throws unless each of these values is a number within the bounds. */
export function checkNumbers(where: string, values: Named, bounds: Bounds): void {
  for (const [name, value] of Object.entries(values)) {
    if (liesWithin(value, bounds)) continue;
    throw expected(where, `${name} ${boundsInWords(bounds)}`, shown(value), "Correct it");
  }
}

/** Throws unless each of these values is a whole number of at least 1: a width, a count, a length. */
export function checkSizes(where: string, values: Named): void {
  checkNumbers(where, values, { min: 1, integer: true });
}

/** Throws unless each of these values is one of `words`, of which the first is the default. */
export function checkWords(where: string, values: Named, words: readonly string[]): void {
  for (const [name, value] of Object.entries(values)) check(where, name, word(words, name), value);
}

/** Throws unless each of these values is true or false. */
export function checkFlags(where: string, values: Named): void {
  for (const [name, value] of Object.entries(values)) {
    if (typeof value !== "boolean") throw expected(where, `${name} true or false`, shown(value), "Correct it");
  }
}

function liesWithin(value: unknown, { min, max, above, below, integer = false }: Bounds): boolean {
  if (typeof value !== "number" || !Number.isFinite(value) || (integer && !Number.isInteger(value))) return false;
  const { NEGATIVE_INFINITY: least, POSITIVE_INFINITY: most } = Number;
  return value >= (min ?? least) && value <= (max ?? most) && value > (above ?? least) && value < (below ?? most);
}

function boundsInWords({ min, max, above, below, integer = false }: Bounds): string {
  const range =
    min !== undefined && max !== undefined
      ? [`from ${min} to ${max}`]
      : [
          ...(min === undefined ? [] : [`of ${min} or more`]),
          ...(above === undefined ? [] : [`above ${above}`]),
          ...(max === undefined ? [] : [`of at most ${max}`]),
          ...(below === undefined ? [] : [`below ${below}`]),
        ];
  const kind = integer ? "as a whole number " : range.length === 0 ? "as a finite number" : "";
  return `${kind}${range.join(" and ")}`;
}

/** A value as errors show it. */
export function shown(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (Array.isArray(value)) return "an array";
  if (typeof value === "object" && value !== null) return "an object";
  return typeof value === "function" ? "a function" : String(value);
}
