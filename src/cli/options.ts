/** Options that verbs share, and what they stand for. */

import { Option } from "commander";
import { Dispatcher } from "../core/sparsity/dispatcher.ts";
import { ROUTINGS, type Routing } from "../core/sparsity/plan.ts";
import type { Device } from "../core/tensor/device.ts";
import { PRECISIONS, type Precision, precisionOf } from "../core/tensor/precision.ts";
import type { Recipe } from "../lab/recipes/recipe.ts";
import { found, obstacle } from "../node/files.ts";
import { BACKENDS, type Backend, openDeviceSync } from "../node/open-device.ts";
import { timesFile } from "../node/times-file.ts";
import { asUsage, notAmong, usageError } from "./usage.ts";

export interface MachineOptions {
  readonly threads?: number;
  readonly backend?: Backend;
  readonly precision?: Precision;
  readonly json?: string;
}

const LARGEST = 0xffffffff;

/** A whole number of min..max, from the command line. */
export function wholeNumber(name: string, min: number, max = LARGEST): (text: string) => number {
  return (text) => {
    // not Number alone: it takes "", "0x10" and "1e3"
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

/** A number above 0, from the command line. */
export function positive(name: string): (text: string) => number {
  return (text) => {
    const value = /^[\d.]+(e-?\d+)?$/.test(text) ? Number(text) : Number.NaN;
    if (value > 0) return value;
    throw usageError(`--${name}`, "a number above 0", JSON.stringify(text), `For example: --${name} 0.1`);
  };
}

/** One of these words, from the command line. */
export function oneOf<T extends string>(name: string, known: readonly T[]): (text: string) => T {
  return (text) => {
    const word = known.find((one) => one === text);
    if (word === undefined) throw notAmong(`--${name}`, "one of", known, text);
    return word;
  };
}

export const threadsOption: Option = new Option(
  "--threads <count>",
  "threads of the native kernels; results do not depend on it (default: the physical cores)",
).argParser(wholeNumber("threads", 1, 256));
export const backendOption: Option = new Option(
  "--backend <name>",
  `${BACKENDS.join(", ")} (default: the fastest that works)`,
).argParser(oneOf("backend", BACKENDS));
export const precisionOption: Option = new Option(
  "--precision <name>",
  `of the three products: ${PRECISIONS.join(", ")} (default: the recipe's, else f32)`,
).argParser((text: string) => asUsage(() => precisionOf("--precision", text)));
export const jsonOption: Option = new Option(
  "--json <file>",
  "also write the results to a file as JSON; - writes only JSON, to standard output",
);

export const routeOption: Option = new Option(
  "--route <which>",
  "auto: what is faster here by measurement, a layer that gains nothing stays dense; sparse, dense: always (default: TRISPARSE_ROUTE, else auto)",
).argParser(oneOf("route", ROUTINGS));

export interface RouteOptions {
  readonly route?: Routing;
}

/** How products are to be computed. On plain JavaScript, which nobody runs for its speed, nothing is measured. */
export function routesOf(options: RouteOptions, { kernels }: Device): { routing: Routing; dispatcher?: Dispatcher } {
  const routing = routingOf(options) ?? (kernels.backend === "js" ? "sparse" : "auto");
  return routing === "auto" ? { routing, dispatcher: new Dispatcher(kernels, timesFile(kernels)) } : { routing };
}

/** What --route or else TRISPARSE_ROUTE asks for. */
export function routingOf({ route }: RouteOptions): Routing | undefined {
  if (route !== undefined) return route;
  const value = process.env.TRISPARSE_ROUTE;
  // an empty variable counts as unset
  if (value === undefined || value === "") return undefined;
  const found = ROUTINGS.find((one) => one === value);
  if (found === undefined) throw notAmong("TRISPARSE_ROUTE", "one of", ROUTINGS, value);
  return found;
}

/** Opens the device that the options ask for, and else the recipe; says on stderr what was chosen. */
export function openDevice(options: MachineOptions & RouteOptions, recipe?: Pick<Recipe, "precision">): Device {
  const { threads, backend, precision = recipe?.precision } = options;
  // before anything is made: a word of the environment that is none
  routingOf(options);
  const device = asUsage(() => openDeviceSync({ threads, backend, precision }));
  process.stderr.write(`${device.why}\n`);
  return device;
}

/** Refuses, before hours of training, a place that the results could not be written to. */
export function checkJson({ json }: MachineOptions): void {
  if (json === undefined || json === "-") return;
  const got = found(json)?.isDirectory() ? "a folder" : obstacle(json);
  if (got !== undefined)
    throw usageError("--json", `${json} to be writable`, got, "Name another file, or - for standard output");
}

/** How often gradients are looked at: see the recipe's key of this name. */
export const monitorOption = new Option(
  "--monitor <steps>",
  "compare sparse gradients with dense ones every so many steps, beside the training (default: the recipe's, else never)",
).argParser(wholeNumber("monitor", 0));

export interface MonitorOptions {
  readonly monitor?: number;
}

/** The recipe with the option in place of its own. */
export function monitored(recipe: Recipe, { monitor }: MonitorOptions): Recipe {
  return monitor === undefined ? recipe : { ...recipe, monitor: { ...recipe.monitor, every: monitor } };
}
