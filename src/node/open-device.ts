/** Opens a device in Node: native, else WASM; plain JavaScript only when asked for. */
import { jsKernels } from "../core/backend/js.ts";
import type { Kernels } from "../core/backend/kernels.ts";
import { WASM_INSTRUCTION_SETS } from "../core/backend/wasm.ts";
import { expected, nearest } from "../core/errors.ts";
import { requireOptions } from "../core/options.ts";
import { Device } from "../core/tensor/device.ts";
import { opened } from "../core/tensor/first-device.ts";
import { type Precision, precisionOf } from "../core/tensor/precision.ts";
import { howToGetNative, nativeInstructionSets, nativeKernels } from "./native.ts";
import { physicalCores } from "./physical-cores.ts";
import { openWasm } from "./wasm.ts";

export const BACKENDS = ["native", "wasm", "js"] as const;
export type Backend = (typeof BACKENDS)[number];

export interface OpenOptions {
  /** Backend to open. Default: TRISPARSE_BACKEND, else the fastest that is there. */
  readonly backend?: Backend | undefined;
  /**
   * Number of threads. Default: TRISPARSE_THREADS, else the physical cores that this process may use. Only native uses
   * more than one.
   */
  readonly threads?: number | undefined;
  /**
   * Instruction set. For native: "avx512", "avx2", "neon" or "sse2", by default the widest. For WASM: "relaxed-simd" or
   * "simd128", by default TRISPARSE_WASM, else the first if the engine has it. Asking for an instruction set asks for
   * its backend.
   */
  readonly instructionSet?: string | undefined;
  /** Precision of the products. Default "f32". */
  readonly precision?: Precision | undefined;
  /** Seed of `device.random`, from which layers draw their first values. Default 0. */
  readonly seed?: number | undefined;
}

/** Chosen kernels, and one sentence on what runs and why. */
interface Chosen {
  readonly kernels: Kernels;
  readonly why: string;
  /** Whether this is not what most users of the machine would want, and nobody asked for it. */
  readonly fellBack?: boolean;
}

const MOST_THREADS = 256;

/**
 * Opens a device like `openDeviceSync`, by the same call in Node and in a page. It rejects with whatever that function
 * throws.
 */
export async function openDevice(options: OpenOptions = {}): Promise<Device> {
  return openDeviceSync(options);
}

/**
 * Opens the device that the options ask for, else the environment, else the fastest that this machine has. The first
 * device of a thread is the default of layers and tensors that are given none. Throws if a backend, a number of threads
 * or a precision is invalid, or if what was asked for is not there.
 */
export function openDeviceSync(options: OpenOptions = {}): Device {
  const { device, fellBack } = openQuietly(options);
  if (fellBack && !hasWarned) {
    hasWarned = true;
    process.emitWarning(device.why, { type: "TrisparseWarning", code: "TRISPARSE_WASM" });
  }
  return device;
}

let hasWarned = false;

/** The same for who shows `device.why` anyway. */
export function openQuietly(options: OpenOptions): { readonly device: Device; readonly fellBack: boolean } {
  requireOptions("openDevice", options, {
    ...{ backend: true, threads: true, instructionSet: true, precision: true, seed: true },
  });
  const precision = precisionOf("openDevice", options.precision ?? "f32");
  const { kernels, why, fellBack = false } = chosen(options);
  return { device: opened(new Device(kernels, { precision, seed: options.seed, why })), fellBack };
}

function chosen(options: OpenOptions): Chosen {
  const { backend, by } = wantedBackend(options);
  const { instructionSet } = options;
  const threads = wantedThreads(options);
  if (instructionSet !== undefined && backend === "js") {
    throw expected(
      "openDevice",
      "a backend that has instruction sets (native, wasm)",
      `"${backend}" beside "${instructionSet}"`,
      "Leave one of them out",
    );
  }
  switch (backend) {
    case "native":
      return native(threads, instructionSet, by);
    case "wasm":
      return wasm(instructionSet, by);
    case "js":
      return { kernels: jsKernels(), why: `Plain JavaScript on one thread: ${by}.` };
    default:
      return fastest(threads);
  }
}

function fastest(threads: number): Chosen {
  let missing = "no native addon was found for this platform";
  try {
    if (nativeInstructionSets().length > 0) {
      return native(threads, undefined, "the addon for this platform is there, and nothing else was asked for");
    }
  } catch (error) {
    // The file is there but was built for another system, perhaps another C library: slower beats not at all.
    missing = `the native addon does not load (${(error as Error).message})`;
  }
  const chosen = wasm(undefined, `${missing}. ${howToGetNative()}`);
  return { ...chosen, fellBack: true };
}

function wasm(instructionSet: string | undefined, by: string): Chosen {
  const kernels = openWasm(instructionSet ?? wantedWasm());
  return { kernels, why: `WASM ${kernels.instructionSet} on one thread: ${by}.` };
}

function native(threads: number, instructionSet: string | undefined, by: string): Chosen {
  const kernels = nativeKernels(threads, instructionSet);
  const count = threads === 1 ? "one thread" : `${threads} threads`;
  return { kernels, why: `Native ${kernels.instructionSet} on ${count}: ${by}.` };
}

/** The backend that was asked for, and what asked for it; undefined for the fastest. */
function wantedBackend(options: OpenOptions): { backend: Backend | undefined; by: string } {
  const variable = environment("TRISPARSE_BACKEND");
  const byCaller = options.backend ?? backendOf(options.instructionSet);
  const by = byCaller === undefined ? "TRISPARSE_BACKEND asks for it" : "the caller asked for it";
  const given = byCaller ?? variable;
  if (given === undefined) return { backend: undefined, by };
  return {
    backend: among(byCaller === undefined ? "TRISPARSE_BACKEND" : "openDevice", "a backend", BACKENDS, given),
    by,
  };
}

function backendOf(instructionSet: string | undefined): Backend | undefined {
  if (instructionSet === undefined) return undefined;
  return WASM_INSTRUCTION_SETS.some((name) => name === instructionSet) ? "wasm" : "native";
}

/** The WASM module that the environment asks for; undefined if it does not ask for one. */
function wantedWasm(): string | undefined {
  const given = environment("TRISPARSE_WASM");
  return given === undefined ? undefined : among("TRISPARSE_WASM", "an instruction set", WASM_INSTRUCTION_SETS, given);
}

function among<T extends string>(where: string, what: string, names: readonly T[], given: string): T {
  const found = names.find((name) => name === given);
  if (found !== undefined) return found;
  const close = nearest(given, names);
  throw expected(
    where,
    `${what} (${names.join(", ")})`,
    `"${given}"`,
    close === undefined ? "Choose one of these" : `Perhaps you mean "${close}"`,
  );
}

function wantedThreads(options: OpenOptions): number {
  const given = options.threads ?? environment("TRISPARSE_THREADS");
  if (given === undefined) return Math.min(MOST_THREADS, physicalCores());
  // Number("") and Number("0x4") are numbers too, so the text is checked first
  const threads = typeof given === "number" ? given : /^\d+$/.test(given) ? Number(given) : Number.NaN;
  if (!Number.isInteger(threads) || threads < 1 || threads > MOST_THREADS) {
    throw expected(
      options.threads === undefined ? "TRISPARSE_THREADS" : "openDevice",
      `a number of threads from 1 to ${MOST_THREADS}`,
      `${given}`,
      "The number of cores is a good one",
    );
  }
  return threads;
}

/** A variable of the environment; an empty one counts as unset. */
function environment(name: string): string | undefined {
  const value = process.env[name];
  return value === "" ? undefined : value;
}
