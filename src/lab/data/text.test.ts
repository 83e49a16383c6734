import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { textDataset } from "../../core/data/text-dataset.ts";
import { TrisparseError } from "../../core/errors.ts";
import { makeSentences } from "./sentences.ts";
import { text } from "./text.ts";

const folder = mkdtempSync(join(tmpdir(), "trisparse-text-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string): string => join(folder, name);
writeFileSync(at("b.txt"), "hello");
writeFileSync(at("empty.txt"), "");
writeFileSync(at("latin"), Uint8Array.of(0x61, 0xe9, 0x62));
mkdirSync(at("one"));
writeFileSync(at("one/only.txt"), "other");
writeFileSync(at("one/notes.md"), "#");
mkdirSync(at("none"));

describe("a text", () => {
  test("becomes tokens by the order of its characters, its last tenth held back", () => {
    const { vocabulary, train, test: held, classes } = textDataset("banana cab");
    expect([vocabulary.join(""), classes]).toEqual([" abcn", 5]);
    expect([...train]).toEqual([2, 1, 4, 1, 4, 1, 0, 3, 1]);
    expect([...held]).toEqual([2]);
  });

  test("counts characters beyond 16 bits as one, behind all others", () => {
    const { vocabulary, train } = textDataset("\u{1d11e}\uffeea".repeat(4));
    expect(vocabulary).toEqual(["a", "\uffee", "\u{1d11e}"]);
    expect([...train.subarray(0, 3)]).toEqual([2, 1, 0]);
  });

  test("is cut to its first characters by a limit; the vocabulary stays", () => {
    const { vocabulary, train, test: held } = textDataset("abcdefghij".repeat(10), { train: 7, test: 3 });
    expect([vocabulary.length, train.length, held.length]).toEqual([10, 7, 3]);
    expect(() => textDataset("abc", { train: 0 })).toThrow("limit: expected a whole number of characters");
  });

  test.each([
    ["a file", { file: at("b.txt") }, "ehlo"],
    ["a file in place of a folder", { dir: at("b.txt") }, "ehlo"],
    ["a file of a folder", { dir: folder, file: "b.txt" }, "ehlo"],
    ["the only .txt file of a folder", { dir: at("one") }, "ehort"],
  ])("is read from %s", async (_, options, vocabulary) => {
    expect((await text.load(options)).vocabulary.join("")).toBe(vocabulary);
  });

  test.each([
    [
      "a file that is not there",
      { file: at("c.txt") },
      `text: expected a readable file ${at("c.txt")}, got no such file. Check data.file and --data-dir.`,
    ],
    [
      "a folder that is not there",
      { dir: at("x") },
      `text: expected one .txt file in ${at("x")}, got no such folder. Name the file, as in { "name": "text", "file": "a.txt" }.`,
    ],
    [
      "a folder without a text",
      { dir: at("none") },
      `text: expected one .txt file in ${at("none")}, got none. Name the file, as in { "name": "text", "file": "a.txt" }.`,
    ],
    [
      "a folder of several texts",
      { dir: folder },
      `text: expected one .txt file in ${folder}, got b.txt, empty.txt. Name the file, as in { "name": "text", "file": "a.txt" }.`,
    ],
    ["a folder for a file", { file: at("one") }, `text: expected a readable file ${at("one")}, got a folder.`],
    ["an empty file", { file: at("empty.txt") }, `text: expected characters in ${at("empty.txt")}, got an empty file.`],
    ["no UTF-8", { file: at("latin") }, `text: expected UTF-8 in ${at("latin")}, got other bytes. Save the file as`],
  ])("%s is refused", async (_, options, message) => {
    const error = await text.load(options).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(TrisparseError);
    expect((error as Error).message).toContain(message);
  });
});

describe("sentences", () => {
  test("are the same for a seed, and others for another", async () => {
    const [a, b, c] = await Promise.all([1, 1, 2].map((seed) => text.load({ seed })));
    expect(a).toEqual(b);
    expect(a.train.subarray(0, 100)).not.toEqual(c.train.subarray(0, 100));
  });

  test.each([1, 2, 3, 4])("have the characters that the source says: seed %i", async (seed) => {
    const data = await text.load({ seed });
    expect(data.classes).toBe(text.task.classes);
    expect(data.train.length + data.test.length).toBeGreaterThan(200_000);
  });

  test("begin with a capital, end with a mark and agree in number", () => {
    for (const sentence of makeSentences(20_000, 1)
      .trim()
      .split(/(?<=[.!?]"?) (?=["A-Z])|\n\n/)) {
      expect(sentence).toMatch(/^"?[A-Z].*[.!?]"?$/);
      expect(sentence).not.toMatch(/ {2}|\ba [aeiou]|\ban [^aeiou]|\b(is|a|an) (two|three|four)\b/);
    }
  });
});
