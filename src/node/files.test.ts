import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { TrisparseError } from "../core/errors.ts";
import { obstacle, readFile, writeFileAtomically } from "./files.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "trisparse-files-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});
const at = (...names: string[]): string => join(folder, ...names);

test("text and bytes are written whole, folders are made, nothing else is left", () => {
  writeFileAtomically(at("a", "b", "text"), "grüße\n");
  writeFileAtomically(at("a", "b", "bytes"), Uint8Array.of(9, 1, 2, 9).subarray(1, 3));
  expect(readFileSync(at("a", "b", "text"), "utf8")).toBe("grüße\n");
  expect([...readFile("test", at("a", "b", "bytes"))]).toEqual([1, 2]);
  expect(readdirSync(at("a", "b")).sort()).toEqual(["bytes", "text"]);
});

test("an old file is replaced, also by an empty one", () => {
  writeFileSync(at("x"), "old and longer");
  writeFileAtomically(at("x"), "new");
  expect(readFileSync(at("x"), "utf8")).toBe("new");
  writeFileAtomically(at("x"), "");
  expect(readFileSync(at("x"), "utf8")).toBe("");
});

test("a link keeps pointing to the file that it names", () => {
  writeFileSync(at("file"), "old");
  symlinkSync(at("file"), at("link"));
  writeFileAtomically(at("link"), "new");
  expect(lstatSync(at("link")).isSymbolicLink()).toBe(true);
  expect(readFileSync(at("file"), "utf8")).toBe("new");
});

test.skipIf(!existsSync("/dev/null"))("a device is written to, never replaced (needs /dev/null)", () => {
  writeFileAtomically("/dev/null", "gone");
  expect(statSync("/dev/null").isCharacterDevice()).toBe(true);
});

test("a folder in place of the file is an error; it stays, and nothing half-written is left", () => {
  mkdirSync(at("x"));
  writeFileSync(at("x", "inside"), "kept");
  expect(() => writeFileAtomically(at("x"), "new")).toThrow(TrisparseError);
  expect(() => writeFileAtomically(at("x"), "new")).toThrow(/^write: expected .*x to be writable, got .+\. Check the/);
  expect(readdirSync(folder)).toEqual(["x"]);
  expect(readFileSync(at("x", "inside"), "utf8")).toBe("kept");
});

test("a file in place of the folder is an error; it stays as it is", () => {
  writeFileSync(at("x"), "kept");
  expect(() => writeFileAtomically(at("x", "y"), "new")).toThrow(TrisparseError);
  expect(() => writeFileAtomically(at("x", "y", "z"), "new")).toThrow(TrisparseError);
  expect(readdirSync(folder)).toEqual(["x"]);
  expect(readFileSync(at("x"), "utf8")).toBe("kept");
});

test("where the temporary file cannot be made, the old one is intact", () => {
  writeFileSync(at("x"), "old");
  mkdirSync(at(`x.${process.pid}.tmp`));
  expect(() => writeFileAtomically(at("x"), "new")).toThrow(TrisparseError);
  expect(readFileSync(at("x"), "utf8")).toBe("old");
});

test("a file that cannot be read says what it was for and why", () => {
  expect(() => readFile("recipe", at("none"))).toThrow(
    new TrisparseError(`recipe: expected a readable file ${at("none")}, got no such file. Check the path.`),
  );
  expect(() => readFile("recipe", folder)).toThrow(
    new TrisparseError(`recipe: expected a readable file ${folder}, got a folder. Check the path.`),
  );
  writeFileSync(at("x"), "");
  expect(() => readFile("recipe", at("x", "y"))).toThrow(/^recipe: expected a readable file .*, got ENOTDIR/);
});

test("what stands in the way of a new path is found without making anything", () => {
  writeFileSync(at("x"), "");
  expect(obstacle(at("new"))).toBeUndefined();
  expect(obstacle(at("a", "b", "c"))).toBeUndefined();
  expect(obstacle(at("x", "y", "z"))).toBe(`a file in place of the folder ${at("x")}`);
  expect(readdirSync(folder)).toEqual(["x"]);
});
