/** Opens a device in a page or a worker: WASM, or plain JavaScript when asked for. */
import { jsKernels } from "../core/backend/js.ts";
import {
  RELAXED_SIMD_PROBE,
  WASM_INSTRUCTION_SETS,
  type WasmInstructionSet,
  wasmKernels,
  wasmUrl,
} from "../core/backend/wasm.ts";
import { expected } from "../core/errors.ts";
import { requireOptions } from "../core/options.ts";
import { Device } from "../core/tensor/device.ts";
import { opened } from "../core/tensor/first-device.ts";
import { type Precision, precisionOf } from "../core/tensor/precision.ts";

export const BACKENDS = ["wasm", "js"] as const;
export type Backend = (typeof BACKENDS)[number];

export interface OpenOptions {
  /** Backend to open. Default "wasm". */
  readonly backend?: Backend | undefined;
  /** Instruction set of WASM: "relaxed-simd" or "simd128". Default: the first if the engine has it. */
  readonly instructionSet?: WasmInstructionSet | undefined;
  /**
   * Gives the address of each of the two modules. Default: beside the JavaScript, where bundlers that read `new URL`
   * put them.
   */
  readonly wasmUrl?: ((instructionSet: WasmInstructionSet) => string | URL) | undefined;
  /** Precision of the products. Default "f32". */
  readonly precision?: Precision | undefined;
  /** Seed of `device.random`, from which layers draw their first values. Default 0. */
  readonly seed?: number | undefined;
}

/**
 * Opens a device. The first device of a page or a worker is the default of layers and tensors that are given none.
 * Rejects if an option is invalid, or if the module cannot be fetched or compiled.
 *
 * Its memory is shared memory, which works in pages without cross-origin isolation too; but such pages cannot send it
 * to a worker. So send copies, as `read()` makes them.
 */
export async function openDevice(options: OpenOptions = {}): Promise<Device> {
  requireOptions("openDevice", options, {
    ...{ backend: true, instructionSet: true, precision: true, seed: true, wasmUrl: true },
  });
  const { backend = "wasm", seed } = options;
  const precision = precisionOf("openDevice", options.precision ?? "f32");
  if (!BACKENDS.some((name) => name === backend)) {
    const got = JSON.stringify(backend);
    throw expected("openDevice", "a backend that pages have (wasm, js)", got, "Leave it out to have WASM");
  }
  if (backend === "js") {
    const why = "Plain JavaScript on one thread: the caller asked for it.";
    return opened(new Device(jsKernels(), { precision, seed, why }));
  }
  const instructionSet = options.instructionSet ?? bestInstructionSet();
  if (!WASM_INSTRUCTION_SETS.includes(instructionSet)) {
    const sets = WASM_INSTRUCTION_SETS.join(", ");
    throw expected(
      "openDevice",
      `an instruction set of WASM (${sets})`,
      JSON.stringify(instructionSet),
      "Leave it out",
    );
  }
  const module = await fetchModule((options.wasmUrl ?? wasmUrl)(instructionSet));
  const why = `WASM ${instructionSet} on one thread: a page has no native kernels, and no threads yet.`;
  return opened(new Device(wasmKernels(module, instructionSet), { precision, seed, why }));
}

function bestInstructionSet(): WasmInstructionSet {
  return WebAssembly.validate(RELAXED_SIMD_PROBE) ? "relaxed-simd" : "simd128";
}

async function fetchModule(url: string | URL): Promise<WebAssembly.Module> {
  const response = await fetch(url).catch((error: unknown) => {
    throw expected("openDevice", `a module at ${url}`, `${error}`, "Say by wasmUrl where trisparse.wasm lies");
  });
  if (!response.ok) {
    const todo = "Put trisparse.wasm and trisparse-relaxed.wasm there, or say by wasmUrl where they are";
    throw expected("openDevice", `a module at ${url}`, `status ${response.status}`, todo);
  }
  // compiling while the module arrives needs its content type, which not all servers send
  const streams = response.headers.get("content-type") === "application/wasm";
  try {
    if (streams) return await WebAssembly.compileStreaming(response);
    return await WebAssembly.compile(await response.arrayBuffer());
  } catch (error) {
    const todo = "Does the server answer with a page instead, or the engine lack SIMD?";
    throw expected("openDevice", `a WASM module at ${url}`, `${error}`, todo);
  }
}
