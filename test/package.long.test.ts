/** The packed package in a project of its own: strict TypeScript compiles docs/library.md against it, and the program runs. */
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, expect, test } from "vitest";

const root = join(import.meta.dirname, "..");
const folder = mkdtempSync(join(tmpdir(), "trisparse-package-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const run = async (command: string, args: readonly string[], cwd: string): Promise<string> =>
  (await promisify(execFile)(command, [...args], { cwd })).stdout;

test("the program of docs/library.md, from the packed package, under strict", async () => {
  await run("npm", ["run", "build"], root);
  const packed = JSON.parse(
    await run("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", folder], root),
  );
  const { filename } = Array.isArray(packed) ? packed[0] : Object.values(packed)[0];
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "user", type: "module" }));
  const installed = await promisify(execFile)("npm", ["install", "--no-audit", "--no-fund", `./${filename}`], {
    cwd: folder,
  });
  // a consumer sees no warning of ours
  expect(installed.stderr).not.toContain("trisparse");
  const options = {
    strict: true,
    noUncheckedIndexedAccess: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
  };
  const types = { types: ["node"], typeRoots: [join(root, "node_modules/@types")] };
  const compilerOptions = { ...options, ...types, target: "es2023", module: "nodenext", outDir: "out" };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["tower.ts"] }));
  const [, program] = /```ts\n([\s\S]*?)```/.exec(readFileSync(join(root, "docs/library.md"), "utf8")) ?? [];
  writeFileSync(join(folder, "tower.ts"), program);
  await run(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", "."], folder);
  const lines = (await run(process.execPath, ["out/tower.js"], folder)).trimEnd().split("\n");
  expect(lines.map((line) => line.endsWith(" true"))).toEqual([true, true, true, true]);
});
