/** The native backend: the addon's functions as they are, for the widest instruction set of this machine. */
import { existsSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, join } from "node:path";
import { compiledKernels } from "../core/backend/compiled.ts";
import type { Kernels } from "../core/backend/kernels.ts";
import type { Position } from "../core/backend/positions.ts";
import { expected } from "../core/errors.ts";
import { packageFile, packageRoot } from "./package-files.ts";

type Addon = {
  setThreads(count: number): void;
  multiplies(): number;
  instructionSets: Record<string, Record<string, (...positions: readonly Position[]) => void>>;
};

/** Path of the addon for this platform, built or shipped; TRISPARSE_ADDON names another. */
export function addonPath(): string {
  if (process.env.TRISPARSE_ADDON) return process.env.TRISPARSE_ADDON;
  const name = `prebuilds/${process.platform}-${process.arch}.node`;
  return packageFile(`../../${name}`, name);
}

/** What to do where there is no addon: a clone has its sources, an installed package has not. */
export function howToGetNative(): string {
  if (existsSync(join(packageRoot(), "native")))
    return 'Run "npm run build:native" for native speed; it needs g++ or clang++';
  const folder = join(packageRoot(), "prebuilds");
  const built = existsSync(folder) ? readdirSync(folder).map((name) => basename(name, ".node")) : [];
  return `This package has one for ${built.length === 0 ? "no platform" : built.join(", ")}; elsewhere it runs on WASM`;
}

/**
 * Loads the addon. `instructionSet` is "avx512", "avx2", "neon" or "sse2", by default the widest that this machine has.
 * All devices of the process share one thread pool: the last call sets its size.
 */
export function nativeKernels(threads: number, instructionSet?: string): Kernels {
  const path = addonPath();
  if (!existsSync(path)) {
    throw expected("native kernels", `the addon at ${path}`, "no such file", howToGetNative());
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
