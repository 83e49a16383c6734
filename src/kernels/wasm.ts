/**
 * The WASM backend: the bodies of the native kernels in 16-byte SIMD vectors, one thread, no compiler needed.
 * Arrays live in the module's memory; it is a shared memory only because views of one stay valid when it grows.
 */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expected } from "../errors.ts";
import { KERNEL_NAMES, type Kernels } from "./kernels.ts";

type Argument = Float32Array | Float64Array | Uint8Array | Uint32Array | Int32Array | number | null;

const PAGE = 65536;
const MAX_PAGES = 65536;
const ALIGNMENT = 64;
/** Room for the geometries of one call, which callers make anywhere. */
const GEOMETRY_BYTES = 64;

let compiled: WebAssembly.Module | undefined;

/** Blocks of a WASM memory: by size from those given back, else from its end. */
class Heap {
  readonly memory: WebAssembly.Memory = new WebAssembly.Memory({ initial: 64, maximum: MAX_PAGES, shared: true });
  /** Each growth makes a new object of the same memory; arrays of all of them are ours. */
  readonly #buffers = new WeakSet<ArrayBufferLike>();
  readonly #free = new Map<number, number[]>();
  readonly #collected = new FinalizationRegistry<{ at: number; bytes: number }>(({ at, bytes }) => {
    const list = this.#free.get(bytes);
    if (list) list.push(at);
    else this.#free.set(bytes, [at]);
  });
  #end = 0;

  constructor() {
    this.#buffers.add(this.memory.buffer);
  }

  /** Sets where the module's own data ends. */
  begin(at: number): void {
    this.#end = Math.ceil(at / ALIGNMENT) * ALIGNMENT;
  }

  holds(array: { readonly buffer: ArrayBufferLike }): boolean {
    return this.#buffers.has(array.buffer);
  }

  /** Address of `bytes` bytes of any content. */
  allocate(bytes: number): number {
    const size = Math.ceil(Math.max(1, bytes) / ALIGNMENT) * ALIGNMENT;
    const given = this.#free.get(size)?.pop();
    if (given !== undefined) return given;
    const at = this.#end;
    const missing = Math.ceil((at + size) / PAGE) - this.memory.buffer.byteLength / PAGE;
    if (missing > 0) this.#grow(missing, size);
    this.#end += size;
    return at;
  }

  #grow(pages: number, wanted: number): void {
    const now = this.memory.buffer.byteLength / PAGE;
    // a quarter more than needed, so that many small requests do not grow it one by one
    const step = Math.min(MAX_PAGES - now, Math.max(pages, Math.ceil(now / 4)));
    try {
      if (step < pages) throw new RangeError("limit");
      this.memory.grow(step);
    } catch {
      const mebi = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20)} MiB`;
      throw expected(
        "wasm memory",
        `${mebi(wanted)} more within the 4 GiB of WASM`,
        `${mebi(now * PAGE)} in use`,
        "Use a smaller model or batch, or the native backend",
      );
    }
    this.#buffers.add(this.memory.buffer);
  }

  /** A zeroed array. Its block is given back when the array itself is collected; subarrays do not keep it. */
  array<T extends Exclude<Argument, number | null>>(
    type: { new (buffer: ArrayBufferLike, at: number, length: number): T; readonly BYTES_PER_ELEMENT: number },
    length: number,
  ): T {
    const bytes = Math.ceil(Math.max(1, length * type.BYTES_PER_ELEMENT) / ALIGNMENT) * ALIGNMENT;
    const at = this.allocate(bytes);
    const array = new type(this.memory.buffer, at, length);
    array.fill(0);
    this.#collected.register(array, { at, bytes });
    return array;
  }
}

/** Makes an instance with a memory of its own. */
export function wasmKernels(): Kernels {
  compiled ??= new WebAssembly.Module(readFileSync(fileURLToPath(new URL("./trisparse.wasm", import.meta.url))));
  const heap = new Heap();
  const { exports } = new WebAssembly.Instance(compiled, {
    env: { memory: heap.memory },
    memory: { allocate: (bytes: number) => heap.allocate(bytes >>> 0) },
  });
  const module = exports as unknown as {
    __heap_base: WebAssembly.Global;
    __indirect_function_table: WebAssembly.Table;
    kernel(index: number): number;
    multiplies(): number;
  };
  heap.begin(module.__heap_base.value as number);
  const geometry = heap.array(Int32Array, GEOMETRY_BYTES / 4);

  const wrap = (name: string, run: (...args: number[]) => void) => {
    return (...args: Argument[]): void => {
      const passed = args.map((argument, i) => {
        if (typeof argument === "number") return argument;
        if (argument === null) return 0;
        if (heap.holds(argument)) return argument.byteOffset;
        if (argument instanceof Int32Array && argument.length === 11) {
          geometry.set(argument);
          return geometry.byteOffset;
        }
        throw expected(
          `wasm kernel ${name}`,
          `argument ${i} to be memory of this backend`,
          `an array of ${argument.constructor.name} from elsewhere`,
          "Make arrays with kernels.float32 and the like",
        );
      });
      run(...passed);
    };
  };
  const kernels = {
    backend: "wasm",
    instructionSet: "simd128",
    threads: 1,
    multiplies: module.multiplies,
    float32: (length: number) => heap.array(Float32Array, length),
    uint8: (length: number) => heap.array(Uint8Array, length),
    uint32: (length: number) => heap.array(Uint32Array, length),
    int32: (length: number) => heap.array(Int32Array, length),
    float64: (length: number) => heap.array(Float64Array, length),
    ...Object.fromEntries(
      KERNEL_NAMES.map((name, i) => {
        const run = module.__indirect_function_table.get(module.kernel(i)) as (...args: number[]) => void;
        return [name, wrap(name, run)];
      }),
    ),
  };
  return kernels as unknown as Kernels;
}
