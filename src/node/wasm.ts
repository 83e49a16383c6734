/** Opens the WASM backend in Node: reads and compiles its modules, each once. */
import { existsSync, readFileSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import type { Kernels } from "../core/backend/kernels.ts";
import {
  RELAXED_SIMD_PROBE,
  WASM_FILES,
  WASM_INSTRUCTION_SETS,
  type WasmInstructionSet,
  wasmKernels,
} from "../core/backend/wasm.ts";
import { expected } from "../core/errors.ts";
import { packageFile } from "./package-files.ts";

const modules = new Map<WasmInstructionSet, WebAssembly.Module>();

/**
 * Runs `compile` with relaxed SIMD, if the engine has it. The V8 of Node 20 has it behind a flag of the process, which
 * it reads while it compiles; so the flag is set for that long and no longer. Later versions have it without a flag.
 */
function withRelaxedSimd<T>(compile: () => T): T {
  if (WebAssembly.validate(RELAXED_SIMD_PROBE) || !process.versions.v8?.startsWith("11.3.")) return compile();
  setFlagsFromString("--experimental-wasm-relaxed-simd");
  try {
    return compile();
  } finally {
    setFlagsFromString("--no-experimental-wasm-relaxed-simd");
  }
}

/** The instruction sets that this engine can run, the best first. */
export function wasmInstructionSets(): WasmInstructionSet[] {
  const relaxed = withRelaxedSimd(() => WebAssembly.validate(RELAXED_SIMD_PROBE));
  return WASM_INSTRUCTION_SETS.filter((name) => relaxed || name === "simd128");
}

function moduleFor(instructionSet: WasmInstructionSet): WebAssembly.Module {
  let compiled = modules.get(instructionSet);
  if (compiled === undefined) {
    const bytes = readModule(instructionSet);
    const compile = (): WebAssembly.Module => new WebAssembly.Module(bytes);
    compiled = instructionSet === "relaxed-simd" ? withRelaxedSimd(compile) : compile();
    modules.set(instructionSet, compiled);
  }
  return compiled;
}

function readModule(instructionSet: WasmInstructionSet): Uint8Array<ArrayBuffer> {
  const name = WASM_FILES[instructionSet];
  const path = packageFile(`../core/backend/${name}`, `dist/core/backend/${name}`);
  if (existsSync(path)) return Uint8Array.from(readFileSync(path));
  const todo = `Leave trisparse installed where the bundle runs, or copy ${name} from its dist/core/backend beside the bundle`;
  throw expected("wasm kernels", `the file ${name}`, `none at ${path}`, todo);
}

/**
 * Kernels with a memory of their own. `instructionSet` is one of WASM_INSTRUCTION_SETS, by default the best there is.
 */
export function openWasm(instructionSet?: string): Kernels {
  // a caller who names simd128 needs no flag to be touched
  const available = instructionSet === "simd128" ? WASM_INSTRUCTION_SETS : wasmInstructionSets();
  const chosen = instructionSet === undefined ? available[0] : available.find((name) => name === instructionSet);
  if (chosen === undefined) {
    throw expected(
      "wasm kernels",
      `an instruction set of this engine (${available.join(", ")})`,
      `${instructionSet}`,
      "Choose one of these",
    );
  }
  return wasmKernels(moduleFor(chosen), chosen);
}
