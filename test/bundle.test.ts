/** Programs that bundle trisparse for Node with esbuild run: in a project where it is installed, and with its files beside them. */
import { execFile } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { build } from "esbuild";
import { afterAll, expect, inject, test } from "vitest";

const built = inject("built");
const folder = mkdtempSync(join(tmpdir(), "trisparse-bundle-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
mkdirSync(join(folder, "node_modules"));
symlinkSync(built, join(folder, "node_modules/trisparse"));

async function bundled(name: string, program: string): Promise<string> {
  const file = join(folder, `${name}.mjs`);
  writeFileSync(file, program);
  const outfile = join(folder, "out", `${name}.mjs`);
  await build({ entryPoints: [file], outfile, bundle: true, platform: "node", format: "esm", logLevel: "error" });
  return outfile;
}

const run = (file: string, environment: Readonly<Record<string, string>> = {}) =>
  promisify(execFile)(process.execPath, [file], { env: { ...process.env, ...environment } });

const LIBRARY = `
import { mlp, openDevice } from "trisparse";
const { kernels } = await openDevice();
console.log(kernels.backend, mlp([4, 2]).parameters().length);
`;

test("the library, on native kernels where they are and on WASM", async () => {
  const file = await bundled("library", LIBRARY);
  expect((await run(file, { TRISPARSE_BACKEND: "wasm" })).stdout).toBe("wasm 2\n");
  expect((await run(file)).stdout).toMatch(/^(native|wasm) 2\n$/);
});

test("the lab, which has dependencies", async () => {
  const file = await bundled(
    "lab",
    'import { loadData } from "trisparse/lab"; console.log((await loadData("digits")).name);',
  );
  expect((await run(file)).stdout).toBe("digits\n");
});

test("a bundle without the package around it says which file it needs, and runs with it, and once says that it is slower", async () => {
  const file = await bundled("alone", LIBRARY);
  const away = mkdtempSync(join(tmpdir(), "trisparse-away-"));
  try {
    const copy = join(away, "alone.mjs");
    copyFileSync(file, copy);
    await expect(run(copy)).rejects.toThrow(
      /wasm kernels: expected the file trisparse-relaxed.wasm, got none at .* copy trisparse-relaxed.wasm from its dist\/core\/backend beside the bundle/,
    );
    copyFileSync(join(built, "dist/core/backend/trisparse-relaxed.wasm"), join(away, "trisparse-relaxed.wasm"));
    const { stdout, stderr } = await run(copy);
    expect(stdout).toBe("wasm 2\n");
    expect(stderr.match(/TrisparseWarning: WASM relaxed-simd on one thread/g)).toHaveLength(1);
  } finally {
    rmSync(away, { recursive: true, force: true });
  }
});
