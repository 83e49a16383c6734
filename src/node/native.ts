/** The native backend: the addon's functions as they are, for the widest instruction set of this machine. */
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { compiledKernels } from "../core/backend/compiled.ts";
import type { Kernels } from "../core/backend/kernels.ts";
import type { Position } from "../core/backend/positions.ts";
import { expected } from "../core/errors.ts";

type Addon = {
  setThreads(count: number): void;
  multiplies(): number;
  instructionSets: Record<string, Record<string, (...positions: readonly Position[]) => void>>;
};

/** Path of the addon for this platform, built or shipped; TRISPARSE_ADDON names another. */
export function addonPath(): string {
  if (process.env.TRISPARSE_ADDON) return process.env.TRISPARSE_ADDON;
  return join(
    dirname(fileURLToPath(import.meta.url)),
    "..",
    "..",
    "prebuilds",
    `${process.platform}-${process.arch}.node`,
  );
}

/**
 * Loads the addon. `instructionSet` is "avx512", "avx2", "neon" or "sse2", by default the widest that this machine has.
 * All devices of the process share one thread pool: the last call sets its size.
 */
export function nativeKernels(threads: number, instructionSet?: string): Kernels {
  const path = addonPath();
  if (!existsSync(path)) {
    throw expected(
      "native kernels",
      `the addon at ${path}`,
      "no such file",
      'Run "npm run build:native" (needs g++ or clang++), or use the wasm backend',
    );
  }
  const addon = createRequire(import.meta.url)(path) as Addon;
  const available = Object.keys(addon.instructionSets);
  const chosen = instructionSet ?? available[0];
  const functions = addon.instructionSets[chosen];
  if (functions === undefined) {
    throw expected(
      "native kernels",
      `an instruction set of this machine (${available.join(", ")})`,
      chosen,
      "Choose one of these",
    );
  }
  addon.setThreads(threads);
  return {
    backend: "native",
    instructionSet: chosen,
    threads,
    multiplies: addon.multiplies,
    float32: (length) => new Float32Array(length),
    uint8: (length) => new Uint8Array(length),
    uint32: (length) => new Uint32Array(length),
    int32: (length) => new Int32Array(length),
    float64: (length) => new Float64Array(length),
    ...compiledKernels(Object.entries(functions)),
  };
}

/** The instruction sets that the addon can use here, the widest first; empty without an addon. */
export function nativeInstructionSets(): string[] {
  if (!existsSync(addonPath())) return [];
  return Object.keys((createRequire(import.meta.url)(addonPath()) as Addon).instructionSets);
}
