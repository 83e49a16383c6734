import { afterEach, describe, expect, test, vi } from "vitest";
import { jsKernels } from "../core/backend/js.ts";
import { Random } from "../core/random.ts";
import * as native from "./native.ts";
import { type Backend, openDevice, openDeviceSync } from "./open-device.ts";
import { physicalCores } from "./physical-cores.ts";
import { wasmInstructionSets } from "./wasm.ts";

vi.mock("./native.ts", { spy: true });
afterEach(() => {
  vi.unstubAllEnvs();
  vi.mocked(native.nativeInstructionSets).mockReset();
  vi.mocked(native.nativeKernels).mockReset();
});

/** Acts as if this machine had an addon that can do `sets`, whether or not one was built. */
function addonWith(sets: readonly string[]): void {
  vi.mocked(native.nativeInstructionSets).mockReturnValue([...sets]);
  vi.mocked(native.nativeKernels).mockImplementation((threads, instructionSet = sets[0]) => ({
    ...jsKernels(),
    backend: "native",
    threads,
    instructionSet,
  }));
}

describe("openDevice", () => {
  test("takes native when there is an addon, on all physical cores", () => {
    addonWith(["avx2", "sse2"]);
    const { kernels, why } = openDeviceSync();
    const threads = physicalCores();
    expect(kernels).toMatchObject({ backend: "native", instructionSet: "avx2", threads });
    expect(why).toMatch(/^Native avx2 on .*thread.*\.$/);
  });

  test("passes the instruction set and the threads on to native, whatever the environment says", () => {
    addonWith(["avx2", "sse2"]);
    vi.stubEnv("TRISPARSE_BACKEND", "js");
    vi.stubEnv("TRISPARSE_THREADS", "3");
    const picked = { backend: "native", instructionSet: "sse2", threads: 2 };
    expect(openDeviceSync({ instructionSet: "sse2", threads: 2 }).kernels).toMatchObject(picked);
    expect(openDeviceSync({ backend: "native" }).kernels).toMatchObject({ instructionSet: "avx2", threads: 3 });
  });

  test("takes WASM without an addon, and says how to get native", () => {
    addonWith([]);
    const { kernels, why } = openDeviceSync();
    expect(kernels.backend).toBe("wasm");
    expect(why).toBe(
      `WASM ${kernels.instructionSet} on one thread: no native addon was found for this platform. Run "npm run build:native" for native speed; it needs g++ or clang++.`,
    );
  });

  test("takes WASM when the addon is for another system, and says so", () => {
    addonWith(["avx2"]);
    vi.mocked(native.nativeInstructionSets).mockImplementation(() => {
      throw new Error("version GLIBC_2.99 not found");
    });
    const { kernels, why } = openDeviceSync();
    expect(kernels.backend).toBe("wasm");
    expect(why).toContain("does not load (version GLIBC_2.99 not found)");
  });

  test("runs plain JavaScript when asked for by option or environment", () => {
    addonWith(["avx2"]);
    expect(openDeviceSync({ backend: "js" })).toMatchObject({
      kernels: { backend: "js", threads: 1 },
      why: "Plain JavaScript on one thread: the caller asked for it.",
    });
    vi.stubEnv("TRISPARSE_BACKEND", "js");
    expect(openDeviceSync().why).toBe("Plain JavaScript on one thread: TRISPARSE_BACKEND asks for it.");
    expect(openDeviceSync({ backend: "wasm" }).kernels.backend).toBe("wasm");
  });

  test("runs the WASM module that was asked for by option or environment, else the best of this engine", () => {
    addonWith(["avx2"]);
    const best = wasmInstructionSets()[0];
    for (const instructionSet of wasmInstructionSets()) {
      const { kernels, why } = openDeviceSync({ instructionSet });
      expect(kernels).toMatchObject({ backend: "wasm", instructionSet, threads: 1 });
      expect(why).toBe(`WASM ${instructionSet} on one thread: the caller asked for it.`);
    }
    expect(openDeviceSync({ backend: "wasm" }).kernels.instructionSet).toBe(best);
    vi.stubEnv("TRISPARSE_WASM", "simd128");
    expect(openDeviceSync({ backend: "wasm" }).kernels.instructionSet).toBe("simd128");
    expect(openDeviceSync({ instructionSet: best }).kernels.instructionSet).toBe(best);
    // it chooses a module, not a backend
    expect(openDeviceSync().kernels.backend).toBe("native");
    vi.stubEnv("TRISPARSE_WASM", "relaxed");
    expect(() => openDeviceSync({ backend: "wasm" })).toThrow(
      /^TRISPARSE_WASM: expected an instruction set \(relaxed-simd, simd128\), got "relaxed"\./,
    );
    expect(() => openDeviceSync({ backend: "wasm", instructionSet: "avx2" })).toThrow(
      /^wasm kernels: expected an instruction set of this engine \(.*simd128\), got avx2\./,
    );
  });

  test("is a promise too, whose device has the precision and the seed that were asked for", async () => {
    const device = await openDevice({ backend: "js", precision: "f32", seed: 3 });
    expect(device).toMatchObject({ precision: "f32", why: "Plain JavaScript on one thread: the caller asked for it." });
    expect(device.random.bits()).toBe(new Random(3).bits());
    await expect(openDevice({ precision: "bf16" as "f32" })).rejects.toThrow(
      'openDevice: expected the precision "f32", got "bf16". bf16 comes later',
    );
  });

  test("treats empty variables as unset", () => {
    addonWith(["avx2"]);
    vi.stubEnv("TRISPARSE_BACKEND", "");
    vi.stubEnv("TRISPARSE_THREADS", "");
    vi.stubEnv("TRISPARSE_WASM", "");
    expect(openDeviceSync().kernels).toMatchObject({ backend: "native", threads: physicalCores() });
  });

  test("names the nearest backend when it does not know one", () => {
    expect(() => openDeviceSync({ backend: "nativ" as Backend })).toThrow(
      'openDevice: expected a backend (native, wasm, js), got "nativ". Perhaps you mean "native".',
    );
    vi.stubEnv("TRISPARSE_BACKEND", "cuda-12");
    expect(() => openDeviceSync()).toThrow(
      'TRISPARSE_BACKEND: expected a backend (native, wasm, js), got "cuda-12". Choose one of these.',
    );
  });

  test("refuses numbers of threads that are none", () => {
    for (const threads of [0, -1, 1.5, Number.NaN, 1000]) {
      expect(() => openDeviceSync({ threads })).toThrow(
        /^openDevice: expected a number of threads from 1 to 256, got /,
      );
    }
    for (const threads of ["four", "0x4", "-2", "2 "]) {
      vi.stubEnv("TRISPARSE_THREADS", threads);
      expect(() => openDeviceSync()).toThrow(
        `TRISPARSE_THREADS: expected a number of threads from 1 to 256, got ${threads}.`,
      );
    }
  });

  test("refuses an instruction set beside a backend that has none", () => {
    expect(() => openDeviceSync({ backend: "js", instructionSet: "avx2" })).toThrow(
      'openDevice: expected a backend that has instruction sets (native, wasm), got "js" beside "avx2". Leave one of them out.',
    );
  });
});
