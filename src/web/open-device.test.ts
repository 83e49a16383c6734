import { readFileSync } from "node:fs";
import { afterEach, describe, expect, test, vi } from "vitest";
import { WASM_FILES, type WasmInstructionSet, wasmUrl } from "../core/backend/wasm.ts";
import { openDevice } from "./open-device.ts";

afterEach(() => vi.unstubAllGlobals());

/** A server that answers everything with this; returns the addresses that were asked for. */
function serving(body: Uint8Array<ArrayBuffer>, type = "application/wasm", status = 200): string[] {
  const asked: string[] = [];
  vi.stubGlobal("fetch", async (url: string | URL) => {
    asked.push(`${url}`);
    return new Response(body, { status, headers: { "content-type": type } });
  });
  return asked;
}
const bytesOf = (instructionSet: WasmInstructionSet) => Uint8Array.from(readFileSync(wasmUrl(instructionSet)));

describe("openDevice in a page", () => {
  test.each(["application/wasm", "application/octet-stream"])("fetches a module that is served as %s", async (type) => {
    const asked = serving(bytesOf("simd128"), type);
    const device = await openDevice({ instructionSet: "simd128", wasmUrl: (set) => `/assets/${WASM_FILES[set]}` });
    expect(asked).toEqual(["/assets/trisparse.wasm"]);
    expect(device.kernels).toMatchObject({ backend: "wasm", instructionSet: "simd128", threads: 1 });
    expect(device.why).toBe("WASM simd128 on one thread: a page has no native kernels, and no threads yet.");
  });

  test("takes the module beside the script, the one that this engine runs best", async () => {
    const relaxed = vi.spyOn(WebAssembly, "validate").mockReturnValue(false);
    const asked = serving(bytesOf("simd128"));
    expect((await openDevice()).kernels.instructionSet).toBe("simd128");
    expect(asked).toEqual([`${wasmUrl("simd128")}`]);
    relaxed.mockRestore();
  });

  test("runs plain JavaScript only when asked for, and fetches nothing then", async () => {
    const asked = serving(new Uint8Array());
    const device = await openDevice({ backend: "js", seed: 5 });
    expect([device.kernels.backend, device.why, asked]).toEqual([
      "js",
      "Plain JavaScript on one thread: the caller asked for it.",
      [],
    ]);
  });

  test("says where it looked for a module that is not there, or is none", async () => {
    serving(new Uint8Array(), "text/html", 404);
    await expect(openDevice({ wasmUrl: () => "/no.wasm" })).rejects.toThrow(
      "openDevice: expected a module at /no.wasm, got status 404.",
    );
    serving(Uint8Array.of(60, 33, 100, 111, 99), "text/html");
    await expect(openDevice({ wasmUrl: () => "/index.html" })).rejects.toThrow(
      /^openDevice: expected a WASM module at \/index.html, got CompileError/,
    );
    vi.stubGlobal("fetch", async () => {
      throw new TypeError("Failed to fetch");
    });
    await expect(openDevice({ wasmUrl: () => "/no.wasm" })).rejects.toThrow("got TypeError: Failed to fetch.");
  });

  test("refuses what a page does not have", async () => {
    await expect(openDevice({ backend: "native" as "js" })).rejects.toThrow(
      'openDevice: expected a backend that pages have (wasm, js), got "native".',
    );
    await expect(openDevice({ instructionSet: "avx2" as "simd128" })).rejects.toThrow(
      'openDevice: expected an instruction set of WASM (relaxed-simd, simd128), got "avx2".',
    );
    await expect(openDevice({ precision: "bf16" as "f32" })).rejects.toThrow("bf16 comes later");
  });
});
