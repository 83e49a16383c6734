import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { buildWasm } from "../../scripts/build-wasm.ts";
import { kernelConformance } from "./conformance.ts";
import { KERNEL_NAMES, matrixGeometry } from "./kernels.ts";
import { wasmKernels } from "./wasm.ts";

kernelConformance("wasm", wasmKernels);

test("the binary in the tree is what the sources give", async () => {
  const kept = readFileSync(new URL("./trisparse.wasm", import.meta.url));
  expect(kept.equals(await buildWasm())).toBe(true);
  expect(kept.length).toBeLessThan(150_000);
}, 300_000);

test("every kernel is there", () => {
  const kernels = wasmKernels();
  for (const name of KERNEL_NAMES) expect(kernels[name]).toBeTypeOf("function");
});

test("arrays stay valid and keep their values when the memory grows", () => {
  const kernels = wasmKernels();
  const early = kernels.float32(100).fill(3);
  const late = kernels.float32(30_000_000);
  expect(late.every((value) => value === 0)).toBe(true);
  const sum = kernels.float32(100);
  kernels.add(sum, early, early, 100, 0);
  expect(sum.every((value) => value === 6)).toBe(true);
});

test("an array from elsewhere is refused with what to do", () => {
  const kernels = wasmKernels();
  expect(() => kernels.relu(new Float32Array(4), kernels.float32(4), 4)).toThrow(
    /wasm kernel relu: expected argument 0 to be memory of this backend, got .* Make arrays with kernels.float32/,
  );
});

test("memory beyond 4 GiB is refused, and what there is stays usable", () => {
  const kernels = wasmKernels();
  expect(() => kernels.float32(2 ** 30)).toThrow(/wasm memory: expected 4096 MiB more/);
  const y = kernels.float32(1);
  kernels.forward(y, kernels.float32(1).fill(2), kernels.float32(1).fill(3), null, matrixGeometry(1, 1, 1), 0);
  expect(y[0]).toBe(6);
});
