/** The checker of the documentation's numbers can fail. */
import { expect, test } from "vitest";
import { wrongNumbers } from "../scripts/numbers.ts";

const files: Readonly<Record<string, string>> = {
  "results/a.json": JSON.stringify({
    machine: { load: [3.14] },
    claims: [
      { name: "speed", ratio: 1.4251, share: 0.12345 },
      { name: "size", bytes: 3_975_168, difference: -0.266 },
    ],
  }),
  "results/lines.jsonl": '{"setting":"raw","seed":1,"ms":7.25}\n{"setting":"folded","seed":1,"ms":9.5}\n',
  "results/large.json": JSON.stringify(Array.from({ length: 500 }, (_, i) => i / 500)),
  "page.md":
    "<!-- speeds: written by scripts/write-results.ts -->\n\n| a | 1.43 |\n| b | 1.57 |\n\n<!-- /speeds -->\n1.99\n",
};
const wrong = (text: string): string[] => wrongNumbers("p.md", text, (file) => files[file]);
const from = (source: string, text: string): string[] => wrong(`<!-- numbers: ${source} -->\n${text}\n`);

test("numbers that their file has, rounded to the digits shown, are right", () => {
  expect(from("results/a.json", "It is 1.43x, or 1.4 times as fast, at 12.3 % (of 12 to 12.35 %).")).toEqual([]);
  expect(from("results/a.json", "It is 0.27 points below, -0.27 points in all, and takes 3.79 MiB.")).toEqual([]);
  expect(from("results/a.json > claims > speed; results/lines.jsonl > raw > ms", "1.43x in 7.3 ms")).toEqual([]);
  expect(from("page.md > speeds > b", "1.57x")).toEqual([]);
});

test("a wrong digit fails, and says page, line and number", () => {
  const source = "results/a.json";
  expect(from(source, "It is\n1.44x as fast.")).toEqual([`p.md:3: "1.44x" is not in ${source}`]);
  expect(from(source, "12.3 and 12.4 % of it")).toEqual([`p.md:2: "12.4%" is not in ${source}`]);
  expect(from(source, "+0.27 points")).toEqual([`p.md:2: "+0.27 points" is not in ${source}`]);
  expect(from(source, "0.27 ± 0.08 more")).toEqual([`p.md:2: "0.08" is not in ${source}`]);
  expect(from("results/lines.jsonl > folded", "7.25 ms")).toHaveLength(1);
  expect(from("page.md > speeds > a", "1.57x")).toHaveLength(1);
  expect(from("page.md > speeds", "1.99x")).toHaveLength(1);
});

test("a missing file, a key that is not there and a source with too many values fail", () => {
  expect(from("results/none.json", "7 ms")).toEqual(["p.md:2: no file docs/results/none.json"]);
  expect(from("results/a.json > claims > spede", "7 ms")).toEqual([
    "p.md:2: nothing in results/a.json > claims > spede",
  ]);
  expect(from("results/large.json", "0.5 ms")).toEqual(["p.md:2: results/large.json has 500 values: narrow it"]);
});

test("a measured number without a comment fails; one of a source or by arithmetic does not", () => {
  const none = "and no comment that says where from";
  expect(wrong("Text.\n\nIt takes 7.25 ms.\n")).toEqual([`p.md:3: "7.25 ms" ${none}`]);
  for (const text of ["7 %", "1.2 times as fast", "a loss of 0.3 ± 0.1", "2.1x", "3 MB", "0.2 points", "1.84 bits"]) {
    expect(wrong(text), text).toHaveLength(1);
    expect(from("of the source", text), text).toEqual([]);
    expect(from("by arithmetic", text), text).toEqual([]);
  }
  expect(wrong("| method | ms |\n| --- | --- |\n| a | 7 |\n")).toEqual([`p.md:3: "7 ms" ${none}`]);
  expect(wrong("<!-- numbers: by arithmetic -->\n7 %\n\nand 8 %\n")).toHaveLength(1);
});

test("a decimal without a unit is a measured number in prose, the number of a paper is not", () => {
  expect(wrong("It is 1.43 of dense.\n")).toEqual(['p.md:1: "1.43" and no comment that says where from']);
  expect(from("results/a.json", "It is 1.43 of dense,\nor 1.44.")).toEqual(['p.md:3: "1.44" is not in results/a.json']);
  expect(wrong("The source (arXiv 2209.07617) has 2 of 4.\n")).toEqual([]);
});

test("a record is what a page of docs/design says it is, but for what has a comment", () => {
  const page = "<!-- numbers: a record of 2026-11-21 -->\n# Title\n\nIt takes 7 ms.\n\n";
  const marked = "<!-- numbers: results/a.json -->\nIt is 1.44x.\n";
  const read = (file: string): string | undefined => files[file];
  expect(wrongNumbers("docs/design/0001.md", page, read)).toEqual([]);
  expect(wrongNumbers("docs/design/0001.md", page + marked, read)).toHaveLength(1);
  expect(wrongNumbers("docs/0001.md", page, read)).toEqual(["docs/0001.md:1: only pages of docs/design are records"]);
});

test("counts, sizes, patterns, code and what stands in backticks are no measurements", () => {
  const text =
    "A 3x3 convolution of 1024 x 1024, 2:4v2, 100 times, 64 bits, 16 bytes, `--lambda 0.1 %`, [a](b/7%20ms).";
  expect(wrong(`${text}\n\n    y = 7 %\n\n\`\`\`sh\nrun # 7 ms\n\`\`\`\n`)).toEqual([]);
});

test("of a table every decimal counts where one number is measured, but not the names of rows", () => {
  const table = "| lambda | ms | ratio |\n| --- | --- | --- |\n| 0.1 | 7.25 | 1.5 |\n";
  expect(from("results/lines.jsonl", table)).toEqual([`p.md:4: "1.5" is not in results/lines.jsonl`]);
});

test("items of a list may have sources of their own", () => {
  const list = "- <!-- numbers: results/a.json --> 1.43x\n- 9.5 ms\n- no number\n";
  expect(from("results/lines.jsonl", list)).toEqual([]);
  expect(wrong(list)).toHaveLength(1);
});

test("what a script writes is left to it, if the tests run that script and the block ends", () => {
  const block = (script: string) => `<!-- a: written by scripts/${script}.ts -->\n\n7 ms\n\n`;
  expect(wrong(`${block("write-results")}<!-- /a -->\n`)).toEqual([]);
  expect(wrong(`${block("my-own")}<!-- /a -->\n`)).toEqual(["p.md:1: no test runs my-own.ts"]);
  expect(wrong(block("write-results"))).toEqual(["p.md:1: a block that does not end"]);
});
