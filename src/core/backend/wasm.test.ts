import { readFileSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { sourcesSection } from "../../../scripts/build-wasm.ts";
import { openWasm, wasmInstructionSets } from "../../node/wasm.ts";
import { kernelName, positions } from "./compiled.ts";
import { matrixGeometry } from "./geometry.ts";
import { jsKernels, KERNEL_NAMES } from "./js.ts";
import type { KernelName } from "./kernels.ts";
import { WASM_FILES, WASM_INSTRUCTION_SETS, type WasmInstructionSet } from "./wasm.ts";

const available = wasmInstructionSets();

const kept = (set: WasmInstructionSet): Buffer<ArrayBuffer> =>
  readFileSync(new URL(`./${WASM_FILES[set]}`, import.meta.url));

test.each(WASM_INSTRUCTION_SETS)(
  "the %s binary in the tree was made from these sources (else: npm run build:wasm)",
  (set) => {
    const section = sourcesSection(set);
    expect(kept(set).subarray(-section.length)).toEqual(section);
  },
);

test.each(WASM_INSTRUCTION_SETS)("the %s binary is no larger than 306,000 bytes, which a page loads", (set) => {
  expect(kept(set).length).toBeLessThan(306_000);
});

/** How often the opcode 0xfd `opcode` stands in a binary, or bytes that look like it. */
const count = (bytes: Buffer, opcode: number): number =>
  bytes.toString("latin1").split(String.fromCharCode(0xfd, (opcode & 0x7f) | 0x80, opcode >> 7)).length - 1;

test("of relaxed SIMD there is multiply-add in one module, and nothing else in either", () => {
  const found = (set: WasmInstructionSet): number[] =>
    Array.from({ length: 20 }, (_, i) => 0x100 + i).filter((opcode) => count(kept(set), opcode) > 0);
  expect(found("relaxed-simd")).toEqual([0x105]);
  expect(found("simd128")).toEqual([]);
  expect(count(kept("relaxed-simd"), 0x105)).toBeGreaterThan(40);
});

test("a product of matrices rounds its products with simd128; with relaxed SIMD it need not; no flag stays set", () => {
  const before = WebAssembly.validate(kept("relaxed-simd"));
  for (const set of available) {
    const kernels = openWasm(set);
    const [y, x, w] = [kernels.float32(1), kernels.float32(2), kernels.float32(2)];
    // the square is 1 + 2^-11 + 2^-24, of which f32 keeps all but the last
    x.set([1, 1 + 2 ** -12]);
    w.set([-1 - 2 ** -11, 1 + 2 ** -12]);
    kernels.forward(y, x, w, null, matrixGeometry(1, 2, 1), 0);
    expect(set === "simd128" ? [0] : [0, 2 ** -24]).toContain(y[0]);
  }
  expect(WebAssembly.validate(kept("relaxed-simd"))).toBe(before);
});

/** In the place of any object: its parts are undefined, and those of its pattern. */
const DUMMY = { pattern: {} };

/** How many arguments a kernel has in C++, says the contract. */
function arity(name: KernelName): number {
  const orders = positions as unknown as Partial<Record<KernelName, (...args: object[]) => readonly unknown[]>>;
  const order = orders[name];
  return order === undefined ? jsKernels()[name].length : order(...Array(order.length).fill(DUMMY)).length;
}

test("kernels.def and the oracle have the same kernels, with the same numbers of arguments", () => {
  const text = readFileSync(new URL("../../../native/kernels.def", import.meta.url), "utf8");
  const lines = [...text.matchAll(/^KERNEL\((\w+), \((.*)\)\)$/gm)].map(([, name, parameters]) => {
    return [kernelName(name), parameters.replace(/\/\*.*?\*\//g, "").split(",").length] as const;
  });
  expect(lines.length).toBe(KERNEL_NAMES.length);
  expect(Object.fromEntries(lines)).toEqual(Object.fromEntries(KERNEL_NAMES.map((name) => [name, arity(name)])));
});

test("the module names every kernel", () => {
  const kernels = openWasm();
  for (const name of KERNEL_NAMES) expect(kernels[name]).toBeTypeOf("function");
});

test("arrays stay valid and keep their values when the memory grows", () => {
  const kernels = openWasm();
  const early = kernels.float32(100).fill(3);
  const late = kernels.float32(30_000_000);
  expect(late.every((value) => value === 0)).toBe(true);
  const sum = kernels.float32(100);
  kernels.add(sum, early, early, 100, 0);
  expect(sum.every((value) => value === 6)).toBe(true);
});

test("arrays are known after another instance's memory has grown", () => {
  const [kernels, other] = [openWasm(), openWasm()];
  const grown = other.float32(30_000_000);
  const [x, y] = [kernels.float32(100).fill(3), kernels.float32(100)];
  kernels.add(y, x, x, 100, 0);
  expect(y.every((value) => value === 6)).toBe(true);
  expect(grown.length).toBe(30_000_000);
});

test("an array from elsewhere is refused with what to do", () => {
  const kernels = openWasm();
  expect(() => kernels.relu(new Float32Array(4), kernels.float32(4), 4)).toThrow(
    /wasm kernel relu: expected argument 0 to be memory of this backend, got .* Make arrays with kernels.float32/,
  );
});

test("memory beyond 4 GiB is refused, and what there is stays usable", () => {
  const kernels = openWasm();
  expect(() => kernels.float32(2 ** 30)).toThrow(/wasm memory: expected 4096 MiB more/);
  const y = kernels.float32(1);
  kernels.forward(y, kernels.float32(1).fill(2), kernels.float32(1).fill(3), null, matrixGeometry(1, 1, 1), 0);
  expect(y[0]).toBe(6);
});

test("no scratch memory for a kernel is an error, and the backend stays usable", () => {
  const kernels = openWasm();
  const k = 2 ** 27;
  const [y, x, w] = [kernels.float32(1), kernels.float32(k), kernels.float32(k)];
  // a stride keeps it from the path that packs nothing
  const strided = Int32Array.of(1, 1, 1, k, 1, 1, 2, 0, 1, 1, 1);
  expect(() => kernels.forward(y, x, w, null, strided, 0)).toThrow(/wasm memory: expected 4096 MiB more/);
  x[0] = 2;
  w[0] = 3;
  kernels.forward(y, x, w, null, matrixGeometry(1, 8, 1), 0);
  expect(y[0]).toBe(6);
});

/** Collects garbage until `done` or a limit; says whether it was done. */
async function collectUntil(done: () => boolean): Promise<boolean> {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  for (let round = 0; round < 1000; round++) {
    collect();
    await setImmediate();
    if (done()) return true;
  }
  return false;
}

test("dropped arrays give their memory back, zeroed and joined with its neighbors", async () => {
  const kernels = openWasm();
  const first = ((): number => {
    const arrays = Array.from({ length: 10 }, () => kernels.float32(10_000).fill(5));
    return arrays[0].byteOffset;
  })();
  const wall = kernels.float32(1);
  const seen: Float32Array[] = [];
  expect(
    await collectUntil(() => {
      seen.push(kernels.float32(90_000));
      return seen.at(-1)!.byteOffset === first;
    }),
  ).toBe(true);
  expect(seen.at(-1)!.every((value) => value === 0)).toBe(true);
  expect(wall[0]).toBe(0);
});

test("dropped arrays give their memory back before it runs out, though nobody asks the collector", async () => {
  const kernels = openWasm();
  for (const [count, length] of [
    [400, 2 ** 22],
    [12_000, 2 ** 17],
  ]) {
    // 6 GiB each, within 4 GiB
    for (let i = 0; i < count; i++) {
      expect(kernels.float32(length)[length - 1]).toBe(0);
      await setImmediate();
    }
  }
});

test("a subarray keeps its array's memory", async () => {
  const kernels = openWasm();
  const part = ((): Float32Array => kernels.float32(1000).fill(7).subarray(10, 30).subarray(5))();
  const made: Float32Array[] = [];
  await collectUntil(() => {
    made.push(kernels.float32(1000).fill(1));
    return made.length === 10;
  });
  expect(part.every((value) => value === 7)).toBe(true);
  expect(part.length).toBe(15);
});

test("its arrays compare like others", () => {
  expect(openWasm().float32(3)).toStrictEqual(new Float32Array(3));
  expect(openWasm().uint8(5).subarray(2)).toEqual(new Uint8Array(3));
});
