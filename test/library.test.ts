/** What docs/library.md shows is what happens. */
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, expect, test } from "vitest";
import * as core from "../src/core/index.ts";
import { decodeSafetensors } from "../src/core/io/safetensors.ts";

const root = join(import.meta.dirname, "..");
const folder = mkdtempSync(join(tmpdir(), "trisparse-library-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("the program of docs/library.md has 25 lines, learns, and leaves 2:4 weights in a file", async () => {
  const [, program] = /```ts\n([\s\S]*?)```/.exec(readFileSync(join(root, "docs/library.md"), "utf8")) ?? [];
  expect(program.trimEnd().split("\n").length).toBeLessThanOrEqual(25);
  const file = join(folder, "tower.mts");
  // outside of the tree nothing says what trisparse is
  writeFileSync(file, program.replace('from "trisparse"', `from ${JSON.stringify(join(root, "src/node/index.ts"))}`));
  const tsx = import.meta.resolve("tsx");
  const { stdout } = await promisify(execFile)(process.execPath, ["--import", tsx, file], { cwd: folder });
  const lines = stdout.trimEnd().split("\n");
  expect(lines).toHaveLength(4);
  expect(lines.every((line) => line.endsWith(" true"))).toBe(true);
  expect(Number(lines[3].split(" ")[1])).toBeLessThan(0.05);
  const { tensors } = decodeSafetensors(readFileSync(join(folder, "tower.safetensors")), "tower");
  const zeros = Array.from(tensors.get("layers.1.weight")!.data, Number).filter((value) => value === 0);
  expect(zeros.length).toBe((64 * 64) / 2);
});

test("every operation that the page names is there", () => {
  const text = readFileSync(join(root, "docs/library.md"), "utf8");
  const table = text.slice(text.indexOf("## Operations"), text.indexOf("## More"));
  // options stand between braces
  const names = [...table.replace(/\{[^}]*\}/g, "").matchAll(/`([a-zA-Z0-9]+)`/g)].map(([, name]) => name);
  expect(names.length).toBeGreaterThan(30);
  expect(names.filter((name) => !(name in core))).toEqual([]);
});
