/** Core in a page: one bundle, run where there is nothing but JavaScript, WebAssembly and what pages add to them. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { createContext, runInContext } from "node:vm";
import { build } from "esbuild";
import { beforeAll, describe, expect, test } from "vitest";
import { WASM_FILES, type WasmInstructionSet } from "../src/core/backend/wasm.ts";
import { openDeviceSync } from "../src/node/open-device.ts";
import type * as Web from "../src/web/index.ts";
import { trainingSteps } from "./training-steps.ts";

const root = fileURLToPath(new URL("../", import.meta.url));
let bundle = "";
let inputs: string[] = [];

beforeAll(async () => {
  const { outputFiles, metafile } = await build({
    absWorkingDir: root,
    stdin: {
      contents: 'export * from "./src/web/index.ts"; export { trainingSteps } from "./test/training-steps.ts";',
      resolveDir: root,
      loader: "ts",
    },
    ...{ bundle: true, format: "iife", globalName: "trisparse", platform: "browser", target: "es2023" },
    // a classic script has no import.meta; the test says where the modules lie
    ...{ define: { "import.meta.url": '"https://example.org/trisparse.js"' }, metafile: true, write: false },
  });
  bundle = outputFiles[0].text;
  inputs = Object.keys(metafile.inputs);
});

/** A context with what a page has that this needs; its server is the folder of the modules. */
function page(): { trisparse: typeof Web & { trainingSteps: typeof trainingSteps }; context: object } {
  const fetch = async (url: string) => {
    const bytes = readFileSync(new URL(`../src/core/backend/${url}`, import.meta.url));
    return { ok: true, headers: { get: () => "application/octet-stream" }, arrayBuffer: async () => bytes };
  };
  const context = createContext({ console, performance, TextDecoder, TextEncoder, URL, fetch });
  runInContext(bundle, context);
  return { trisparse: runInContext("trisparse", context), context };
}

describe("the bundle of core for a page", () => {
  test("imports nothing of Node, and nothing of the rooms that need it", () => {
    expect(bundle).not.toMatch(/["']node:|\brequire\(|\bimport\(/);
    expect(bundle).not.toMatch(/\bprocess\.|\bBuffer\.(from|alloc)|\b__dirname\b|\bsetImmediate\b/);
    expect(inputs.filter((path) => /src\/(node|lab|cli)\/|node_modules/.test(path))).toEqual([]);
    expect(inputs).toContain("src/core/index.ts");
  });

  test("trains on plain JavaScript to the losses and weights that Node has", async () => {
    const { trisparse } = page();
    const device = await trisparse.openDevice({ backend: "js" });
    const there = await trisparse.trainingSteps(device);
    const here = await trainingSteps(openDeviceSync({ backend: "js" }));
    expect([...there.losses]).toEqual(here.losses);
    expect([...there.weights]).toEqual(here.weights);
    expect(here.losses[3]).toBeLessThan(here.losses[0]);
  });

  test("trains on WASM, the module that this engine can run, to the bits that Node has", async () => {
    const { trisparse } = page();
    const device = await trisparse.openDevice({ wasmUrl: (set: WasmInstructionSet) => WASM_FILES[set] });
    const { backend, instructionSet } = device.kernels;
    expect(backend).toBe("wasm");
    const there = await trisparse.trainingSteps(device);
    const here = await trainingSteps(openDeviceSync({ backend: "wasm", instructionSet }));
    expect([...there.losses]).toEqual(here.losses);
    expect([...there.weights]).toEqual(here.weights);
  });
});
