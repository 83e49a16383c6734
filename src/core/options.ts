/**
 * What may be given as options, to methods, optimizers and layers: kinds of options as data, and the checks of what is
 * given. Imports errors.ts alone; every layer may import it.
 */
import { expected, nearest } from "./errors.ts";

/** Where a number has to lie. A bound that is left out bounds nothing; infinities and NaN lie nowhere. */
export interface Bounds {
  readonly min?: number | undefined;
  readonly max?: number | undefined;
  /** As min and max, but the bound itself lies outside. */
  readonly above?: number | undefined;
  readonly below?: number | undefined;
  readonly integer?: boolean | undefined;
}

/** A number, or one of some words in its place. */
export interface NumberOption<Word extends string = string> {
  readonly kind: "number";
  readonly default: number;
  readonly min: number;
  readonly max: number;
  readonly integer?: boolean;
  readonly words?: readonly Word[];
  readonly about: string;
}

/** One of some words; the first is the default. */
export interface WordOption<Word extends string = string> {
  readonly kind: "word";
  readonly words: readonly Word[];
  readonly about: string;
}

export type Option = NumberOption | WordOption;

/** Options by name, in the order in which they are told. */
export type OptionSchema = Readonly<Record<string, Option>>;

type ValueOf<Kind> =
  Kind extends NumberOption<infer Word> ? number | Word : Kind extends WordOption<infer Word> ? Word : never;

/** What is given for a schema: what is left out takes its default. */
export type OptionsOf<Schema extends OptionSchema> = {
  readonly [Name in keyof Schema]?: ValueOf<Schema[Name]> | undefined;
};

/** The same with every default filled in. */
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

/** What an option may be, in words: `from 0 to 1 or "measured"`, `"gradient" or "decoupled"`. */
function valuesInWords(option: Option): string {
  const quoted = (option.words ?? []).map((one) => `"${one}"`);
  const all = option.kind === "number" ? [boundsInWords(option), ...quoted] : quoted;
  return all.length < 2 ? all.join() : `${all.slice(0, -1).join(", ")} or ${all.at(-1)}`;
}

/**
 * Checks what is given against a schema and fills in the defaults.
 * where: as in the errors, which name the option, what it may be and what was given.
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
  const todo = near === undefined ? `Left out it is ${shown(defaultOf(option))}` : `The nearest is "${near}"`;
  throw expected(where, `${name} ${valuesInWords(option)}`, shown(value), todo);
}

/** Throws unless options are an object without other keys than those of `known`, which has every key of their type. */
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
      near === undefined ? "Leave it out" : `The nearest is "${near}"`,
    );
  }
}

/** Values by the names that errors tell. */
type Named = Readonly<Record<string, unknown>>;

/** Throws unless all of these values are numbers that lie there. */
export function checkNumbers(where: string, values: Named, bounds: Bounds): void {
  for (const [name, value] of Object.entries(values)) {
    if (liesWithin(value, bounds)) continue;
    throw expected(where, `${name} ${boundsInWords(bounds)}`, shown(value), "Correct it");
  }
}

/** Throws unless all of these values are among the words, of which the first is the default. */
export function checkWords(where: string, values: Named, words: readonly string[]): void {
  for (const [name, value] of Object.entries(values)) check(where, name, word(words, name), value);
}

/** Throws unless all of these values are true or false. */
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
function shown(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (Array.isArray(value)) return "an array";
  if (typeof value === "object" && value !== null) return "an object";
  return typeof value === "function" ? "a function" : String(value);
}
