/**
 * The WASM backend: the bodies of the native kernels in 16-byte SIMD vectors, on one thread, without a compiler. There
 * are two modules: with relaxed SIMD the sums of GEMMs round once a product where the processor can fuse; all else is
 * the same.
 * Arrays live in the module's memory. It is a shared memory only because views of one stay valid when it grows.
 */
import { expected } from "../errors.ts";
import { compiledKernels, kernelName } from "./compiled.ts";
import { LAYOUT_LENGTH } from "./families/general.ts";
import type { Kernels } from "./kernels.ts";
import type { Numbers, Position } from "./positions.ts";

const PAGE = 65536;
/**
 * Sizes to which a memory may grow, in pages; the smaller ones are for engines that find no such room in their address
 * space (phones).
 */
const MAX_PAGES = [65536, 32768, 16384, 8192, 4096];
const ALIGNMENT = 64;
/** Lengths of the arrays that callers may make anywhere: a geometry and a layout. A call has at most one of them. */
const SHAPE_LENGTHS: readonly number[] = [11, LAYOUT_LENGTH];
/** The least number of bytes of arrays for which one weight stands. */
const WEIGHED_BYTES = 2 ** 20;

/** The instruction sets, the best first. */
export const WASM_INSTRUCTION_SETS = ["relaxed-simd", "simd128"] as const;
export type WasmInstructionSet = (typeof WASM_INSTRUCTION_SETS)[number];

/** The names of the modules' files, which lie beside this one. */
export const WASM_FILES: Readonly<Record<WasmInstructionSet, string>> = {
  "relaxed-simd": "trisparse-relaxed.wasm",
  simd128: "trisparse.wasm",
};

/** The address of a module. Each is written out, because bundlers look for such literals and bring the files along. */
export function wasmUrl(instructionSet: WasmInstructionSet): URL {
  return instructionSet === "simd128"
    ? new URL("./trisparse.wasm", import.meta.url)
    : new URL("./trisparse-relaxed.wasm", import.meta.url);
}

/**
 * A module with one function, (a, b, c) => f32x4.relaxed_madd(a, b, c); it is invalid on engines without relaxed SIMD.
 */
export const RELAXED_SIMD_PROBE: Uint8Array<ArrayBuffer> = Uint8Array.of(
  ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0], // "\0asm", version 1
  ...[1, 8, 1, 0x60, 3, 0x7b, 0x7b, 0x7b, 1, 0x7b], // types, 8 bytes: one function of three v128 to one
  ...[3, 2, 1, 0], // functions, 2 bytes: one of type 0
  ...[10, 13, 1, 11, 0, 0x20, 0, 0x20, 1, 0x20, 2, 0xfd, 0x85, 2, 0x0b], // code, 13 bytes: local.get 0, 1, 2; the opcode; end
);

/** A part of the memory, in whole lines of ALIGNMENT bytes. */
interface Block {
  at: number;
  bytes: number;
}

/** Allocates and frees blocks of a WASM memory. */
class Heap {
  readonly memory: WebAssembly.Memory;
  readonly #most: number;
  /**
   * The buffers of our memory: each growth, of this or of any other shared memory, makes new objects of all of them.
   */
  readonly #buffers = new WeakSet<ArrayBufferLike>();
  /** Free blocks by address; neighbors are joined. */
  readonly #free: Block[] = [];
  readonly #collected = new FinalizationRegistry<Block>((block) => this.#release(block));
  #end = 0;
  /** Number of bytes of arrays since the last weight. */
  #unweighed = 0;
  /** From this address on the memory is zero, as the engine made it. */
  #fresh = 0;

  constructor() {
    const { memory, maximum } = sharedMemory();
    this.memory = memory;
    this.#most = maximum;
  }

  /** Sets the address where the module's own data end. */
  begin(at: number): void {
    this.#end = this.#fresh = wholeLines(at);
  }

  holds(array: { readonly buffer: ArrayBufferLike }): boolean {
    return this.#buffers.has(array.buffer);
  }

  /** The address of `bytes` bytes of any content. Throws if there is no room. */
  allocate(bytes: number): number {
    const size = wholeLines(bytes);
    const found = this.#free.findIndex((block) => block.bytes >= size);
    if (found >= 0) {
      const block = this.#free[found];
      const { at } = block;
      block.at += size;
      block.bytes -= size;
      if (block.bytes === 0) this.#free.splice(found, 1);
      return at;
    }
    const at = this.#end;
    const missing = Math.ceil((at + size) / PAGE) - this.memory.buffer.byteLength / PAGE;
    if (missing > 0) this.#grow(missing, size);
    this.#end += size;
    this.#fresh = Math.max(this.#fresh, this.#end);
    return at;
  }

  #release({ at, bytes }: Block): void {
    let low = 0;
    for (let high = this.#free.length; low < high; ) {
      const middle = (low + high) >> 1;
      if (this.#free[middle].at < at) low = middle + 1;
      else high = middle;
    }
    const before = this.#free[low - 1];
    const after = this.#free[low];
    let block: Block = { at, bytes };
    if (before !== undefined && before.at + before.bytes === at) {
      before.bytes += bytes;
      block = before;
      low--;
    } else {
      this.#free.splice(low, 0, block);
    }
    if (after !== undefined && block.at + block.bytes === after.at) {
      block.bytes += after.bytes;
      this.#free.splice(low + 1, 1);
    }
    if (block.at + block.bytes !== this.#end) return;
    this.#end = block.at;
    this.#free.splice(low, 1);
  }

  #grow(pages: number, wanted: number): void {
    const now = this.memory.buffer.byteLength / PAGE;
    // a quarter more than needed, so that many small requests do not grow it a little at a time
    const step = Math.min(this.#most - now, Math.max(pages, Math.ceil(now / 4)));
    try {
      if (step < pages) throw new RangeError("limit");
      this.memory.grow(step);
    } catch {
      const mebi = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20)} MiB`;
      throw expected(
        "wasm memory",
        `${mebi(wanted)} more within the ${mebi(this.#most * PAGE)} of WASM`,
        `${mebi(now * PAGE)} in use`,
        "Use a smaller model or batch, or the native backend",
      );
    }
  }

  /**
   * An object that lives as long as an array. The garbage collector does not see this memory and would let garbage fill
   * all of it, so now and then an array holds as much memory of its own, which nobody writes: it takes address space,
   * but no pages.
   */
  #weight(bytes: number): object {
    this.#unweighed += bytes;
    if (this.#unweighed < WEIGHED_BYTES) return {};
    const weight = this.#unweighed;
    this.#unweighed = 0;
    try {
      return new ArrayBuffer(weight);
    } catch {
      // without address space, garbage is collected late, but nothing else is lost
      return {};
    }
  }

  /**
   * A zeroed array. Its block is freed when the array and all of its subarrays are collected, which cannot happen in
   * code that never returns to the event loop.
   */
  array<T extends Numbers>(
    type: { new (buffer: ArrayBufferLike, at: number, length: number): T; readonly BYTES_PER_ELEMENT: number },
    length: number,
  ): T {
    const bytes = wholeLines(length * type.BYTES_PER_ELEMENT);
    const fresh = this.#fresh;
    const at = this.allocate(bytes);
    const { buffer } = this.memory;
    this.#buffers.add(buffer);
    const array = new type(buffer, at, length);
    // the fresh part is left alone: pages that nobody writes cost nothing
    if (at < fresh) array.fill(0, 0, Math.ceil((fresh - at) / type.BYTES_PER_ELEMENT));
    const held = this.#weight(bytes);
    this.#collected.register(held, { at, bytes });
    return holding(array, held);
  }
}

/** Makes a shared memory. Throws on an engine that has none at all. */
function sharedMemory(): { memory: WebAssembly.Memory; maximum: number } {
  let reason: unknown;
  for (const maximum of MAX_PAGES) {
    try {
      return { memory: new WebAssembly.Memory({ initial: 64, maximum, shared: true }), maximum };
    } catch (error) {
      reason = error;
    }
  }
  throw expected(
    "wasm memory",
    "an engine with shared WASM memory",
    `${reason}`,
    "Serve the page with cross-origin isolation (COOP and COEP), or ask for the backend js",
  );
}

function wholeLines(bytes: number): number {
  return Math.ceil(Math.max(1, bytes) / ALIGNMENT) * ALIGNMENT;
}

/**
 * Makes the view and its subarrays keep `held` alive, because a subarray refers to the whole memory, not to its array.
 */
function holding<T extends Numbers>(view: T, held: object): T {
  const part = view.subarray.bind(view) as (begin?: number, end?: number) => T;
  return Object.defineProperty(view, "subarray", {
    value: (begin?: number, end?: number): T => holding(part(begin, end), held),
  });
}

/** Makes an instance of a compiled module, with a memory of its own. */
export function wasmKernels(module: WebAssembly.Module, instructionSet: WasmInstructionSet): Kernels {
  const heap = new Heap();
  const { exports } = new WebAssembly.Instance(module, {
    env: { memory: heap.memory },
    memory: { allocate: (bytes: number) => heap.allocate(bytes >>> 0) },
  });
  const instance = exports as unknown as {
    __heap_base: WebAssembly.Global;
    __stack_pointer: WebAssembly.Global;
    __indirect_function_table: WebAssembly.Table;
    kernel(index: number): number;
    names(): number;
    multiplies(): number;
  };
  heap.begin(instance.__heap_base.value as number);
  const stack: unknown = instance.__stack_pointer.value;
  const shape = heap.array(Int32Array, LAYOUT_LENGTH);

  const wrap = (name: string, run: (...args: number[]) => void) => {
    return (...positions: readonly Position[]): void => {
      const passed = positions.map((argument, i) => {
        if (typeof argument === "number") return argument;
        if (argument === null) return 0;
        if (heap.holds(argument)) return argument.byteOffset;
        if (argument instanceof Int32Array && SHAPE_LENGTHS.includes(argument.length)) {
          shape.set(argument);
          return shape.byteOffset;
        }
        throw expected(
          `wasm kernel ${kernelName(name)}`,
          `argument ${i} to be memory of this backend`,
          `an array of ${argument.constructor.name} from elsewhere`,
          "Make arrays with kernels.float32 and the like",
        );
      });
      try {
        run(...passed);
      } catch (error) {
        // a kernel that gets no scratch memory ends here, and what it had put on its stack would stay there
        instance.__stack_pointer.value = stack;
        throw error;
      }
    };
  };
  const table = instance.__indirect_function_table;
  const names = textAt(heap.memory, instance.names()).trim().split(" ");
  return {
    backend: "wasm",
    instructionSet,
    threads: 1,
    multiplies: instance.multiplies,
    float32: (length) => heap.array(Float32Array, length),
    uint8: (length) => heap.array(Uint8Array, length),
    uint32: (length) => heap.array(Uint32Array, length),
    int32: (length) => heap.array(Int32Array, length),
    float64: (length) => heap.array(Float64Array, length),
    ...compiledKernels(names.map((name, i) => [name, wrap(name, table.get(instance.kernel(i)))])),
  };
}

/** The text at an address, up to its terminating zero. */
function textAt({ buffer }: WebAssembly.Memory, at: number): string {
  const bytes = new Uint8Array(buffer, at);
  return String.fromCharCode(...bytes.subarray(0, bytes.indexOf(0)));
}
