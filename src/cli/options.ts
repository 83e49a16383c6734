/** The options that several verbs have, each declared once, and what they stand for. */

import { type Command, Option } from "commander";
import { Dispatcher } from "../core/sparsity/dispatcher.ts";
import { COMPUTES, type Compute, type LeaveDense } from "../core/sparsity/plan.ts";
import type { Device } from "../core/tensor/device.ts";
import { PRECISIONS, type Precision, precisionOf } from "../core/tensor/precision.ts";
import { optimizerNames, type Recipe } from "../lab/recipes/recipe.ts";
import type { Grid } from "../lab/runs/search.ts";
import { BACKENDS, type Backend, openQuietly } from "../node/open-device.ts";
import { timesFile } from "../node/times-file.ts";
import { formerRoute } from "./former-options.ts";
import type { Setting } from "./overrides.ts";
import { asUsage, notAmong, usageError } from "./usage.ts";

export interface MachineOptions {
  readonly threads?: number;
  readonly backend?: Backend;
  readonly precision?: Precision;
}

const LARGEST = 0xffffffff;

/** A parser of whole numbers in min..max from the command line. */
export function wholeNumber(name: string, min: number, max = LARGEST): (text: string) => number {
  return (text) => {
    // Number alone would also take "", "0x10" and "1e3"
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw usageError(
      `--${name}`,
      max === LARGEST ? `a whole number of at least ${min}` : `a whole number in ${min}..${max}`,
      JSON.stringify(text),
      `For example: --${name} ${Math.max(min, 1)}`,
    );
  };
}

/** A parser of numbers above 0 from the command line. */
export function positive(name: string): (text: string) => number {
  return (text) => {
    const value = /^[\d.]+(e-?\d+)?$/.test(text) ? Number(text) : Number.NaN;
    if (value > 0) return value;
    throw usageError(`--${name}`, "a number above 0", JSON.stringify(text), `For example: --${name} 0.1`);
  };
}

/** A parser of one of these words from the command line. */
export function oneOf<T extends string>(name: string, known: readonly T[]): (text: string) => T {
  return (text) => {
    const word = known.find((one) => one === text);
    if (word === undefined) throw notAmong(`--${name}`, "one of", known, text);
    return word;
  };
}

/** Adds the setting in "key.path=value", whose value is JSON, or text if it is no valid JSON. */
function setting(text: string, before: readonly Setting[] = []): readonly Setting[] {
  const [, key, word] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
  if (key === undefined)
    throw usageError("--set", "KEY=VALUE", JSON.stringify(text), "For example: --set optimizer.learningRate=0.01");
  return [...before, { key: key.trim(), value: jsonOrText(word) }];
}

/** "KEY=A,B,..." of --search: values to try for a key. */
export function searching(text: string, before: Grid = {}): Grid {
  const [, key, list] = /^([^=]+)=(.+)$/s.exec(text) ?? [];
  if (key === undefined) {
    const todo = "For example: --search optimizer.learningRate=1e-3,2e-3";
    throw usageError("--search", "KEY=VALUE,VALUE,...", JSON.stringify(text), todo);
  }
  return { ...before, [key.trim()]: list.split(",").map((word) => jsonOrText(word.trim())) };
}

function jsonOrText(word: string): unknown {
  try {
    return JSON.parse(word);
  } catch {
    return word;
  }
}

/** Gives these options to a verb, in this order. */
export function withOptions(command: Command, ...options: readonly Option[]): Command {
  for (const option of options) command.addOption(option);
  return command;
}

export const machineOptions: readonly Option[] = [
  new Option(
    "--threads <count>",
    "Compute on this many threads; results do not depend on it (default: the physical cores).",
  ).argParser(wholeNumber("threads", 1, 256)),
  new Option(
    "--backend <name>",
    `Compute with one of ${BACKENDS.join(", ")} (default: the fastest that works).`,
  ).argParser(oneOf("backend", BACKENDS)),
  new Option(
    "--precision <name>",
    `Compute the three products in one of ${PRECISIONS.join(", ")} (default: the recipe's, else f32).`,
  ).argParser((text: string) => asUsage(() => precisionOf("--precision", text))),
];

export const jsonOption: Option = new Option(
  "--json [file]",
  "Write the results as JSON: to this file beside the text, or without a file to standard output in its place.",
);

/** The option that says where a verb writes its results. */
export function outOption(what: "folder" | "file", about: string): Option {
  return new Option(`-o, --out <${what}>`, about);
}

/** The option --out of verbs whose only result is their text. */
export const textOption: Option = outOption("file", "Write the text to this file, not to standard output.");

export const computeOption: Option = new Option(
  "--compute <how>",
  "Compute products with zeros by kernels that skip them (sparse), by dense arithmetic to the same bits (emulated), or by what is faster here (default: TRISPARSE_COMPUTE, else auto).",
).argParser(oneOf("compute", COMPUTES));

export const leaveDenseOption: Option = new Option(
  "--leave-dense <layers>",
  "Leave layers dense that gain nothing: slower (by measured times), or parts of their names, separated by commas (default: the recipe's, else none).",
).argParser((text: string): LeaveDense => {
  if (text === "slower") return text;
  const names = text.split(",").map((name) => name.trim());
  if (names.some((name) => name === ""))
    throw usageError(
      "--leave-dense",
      "slower, or parts of names with commas between them",
      JSON.stringify(text),
      "Name a layer",
    );
  return names;
});

/** What a verb does if an option for a key of the recipe is left out. */
export type Defaults = Partial<Record<"seed" | "dataDir" | "epochs" | "batchSize" | "lr" | "optimizer", string>>;

/** Options that replace keys of the recipe, for verbs that read a recipe and train nothing. */
export function recipeOptions({ seed = RECIPES, batchSize = RECIPES }: Defaults = {}): Option[] {
  return [
    new Option("--seed <number>", `Draw weights, order and made data by this seed (default: ${seed}).`).argParser(
      wholeNumber("seed", 0),
    ),
    new Option(
      "--batch-size <count>",
      `Take so many images, or windows of a text, a step (default: ${batchSize}).`,
    ).argParser(wholeNumber("batch-size", 1)),
    new Option(
      "--set <key=value>",
      "Set any key of the recipe, as optimizer.momentum=0.8 or skip='[\"last\"]'; may be given several times.",
    ).argParser(setting),
  ];
}

const RECIPES = "the recipe's";

/** Options that replace keys of the recipe, for verbs that train. */
export function trainingOptions(defaults: Defaults = {}): Option[] {
  const {
    dataDir = "the recipe's, else they are fetched once",
    epochs = RECIPES,
    lr = RECIPES,
    optimizer = RECIPES,
  } = defaults;
  return [
    new Option("--data-dir <folder>", `Read the data set's files from this folder (default: ${dataDir}).`),
    new Option("--limit <count>", "Train on the first so many images or characters only (default: all).").argParser(
      wholeNumber("limit", 1),
    ),
    new Option("--epochs <count>", `Pass so often over the training data (default: ${epochs}).`).argParser(
      wholeNumber("epochs", 1),
    ),
    new Option("--steps <count>", "Take so many steps, in place of epochs.")
      .argParser(wholeNumber("steps", 1))
      .conflicts("epochs"),
    new Option(
      "--optimizer <name>",
      `Train with one of ${optimizerNames.join(", ")}; another than the recipe's begins with its own defaults (default: ${optimizer}).`,
    ).argParser(oneOf("optimizer", optimizerNames)),
    new Option("--lr <number>", `Set the highest learning rate (default: ${lr}).`).argParser(positive("lr")),
    ...recipeOptions(defaults),
  ];
}

/** The option that says how often gradients are compared: see the recipe's key of this name. */
export const monitorOption: Option = new Option(
  "--monitor <steps>",
  "Compare sparse gradients with dense ones every so many steps, beside the training (default: the recipe's, else never).",
).argParser(wholeNumber("monitor", 0));

export interface ComputeOptions {
  readonly compute?: Compute;
}

/** How products are to be computed. On plain JavaScript, which nobody runs for its speed, nothing is measured. */
export function computingOf(
  options: ComputeOptions,
  { kernels }: Device,
  recipes: readonly Pick<Recipe, "leaveDense">[],
): { compute: Compute; dispatcher?: Dispatcher } {
  const compute = computeOf(options) ?? (kernels.backend === "js" ? "sparse" : "auto");
  const measures = compute === "auto" || recipes.some(({ leaveDense }) => leaveDense === "slower");
  return measures ? { compute, dispatcher: new Dispatcher(kernels, timesFile(kernels)) } : { compute };
}

/** What --compute or else TRISPARSE_COMPUTE asks for; TRISPARSE_ROUTE is the variable's former name. */
export function computeOf({ compute }: ComputeOptions): Compute | undefined {
  if (compute !== undefined) return compute;
  const { TRISPARSE_COMPUTE: now = "", TRISPARSE_ROUTE: former = "" } = process.env;
  // an empty variable counts as unset
  const [name, value] = now !== "" ? ["TRISPARSE_COMPUTE", now] : ["TRISPARSE_ROUTE", formerRoute(former)];
  if (value === "") return undefined;
  const found = COMPUTES.find((one) => one === value);
  if (found === undefined) throw notAmong(name, "one of", COMPUTES, value);
  return found;
}

/** Opens the device that the options ask for, and else the recipe; says on stderr what was chosen. */
export function openDevice(options: MachineOptions & ComputeOptions, recipe?: Pick<Recipe, "precision">): Device {
  const { threads, backend, precision = recipe?.precision } = options;
  // before anything is made: a word of the environment that is none
  computeOf(options);
  const { device } = asUsage(() => openQuietly({ threads, backend, precision }));
  process.stderr.write(`${device.why}\n`);
  return device;
}
