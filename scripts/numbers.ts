/**
 * Where the numbers of the documentation come from. A block is what stands between empty lines: a paragraph, a table, a list. One
 * that shows a measured number, which is one with a unit or with decimals, has a comment in the line before it, or an item of a
 * list in its first line:
 *
 *   <!-- numbers: results/steps.json -->                        values of a file, below docs/
 *   <!-- numbers: results/lines.jsonl > raw > ms -->            those below a key, or of the entry of a list that holds the text
 *   <!-- numbers: methods/README.md > quality > maxq 2:4 -->    what a script wrote into a page; of it the lines with the text
 *   <!-- numbers: of the source -->                             a paper's, or a study's that the text names
 *   <!-- numbers: by arithmetic -->                             definitions, defaults, and what follows from them
 *
 * A page of docs/design that begins with <!-- numbers: a record of 2026-11-21 --> says what was measured then, some of it of code that was
 * not kept: there a block without a comment passes, one with a comment does not less than elsewhere.
 *
 * Several files stand with "; " between them. Each number must be a value of them rounded to the digits shown: with % and
 * points a hundredfold share too, with MB and the like so many bytes, without a sign also the size of a difference. A source
 * with more than 400 values must be narrowed, for among so many a wrong number would be found by chance. Blocks that scripts
 * write between marks are checked by these scripts, and code is no prose. A table counts by column: a unit in its head is that
 * of all its cells, and where anything in it is measured every decimal is.
 */

/** The scripts that write results into pages; test/readme.test.ts runs each with --check. */
export const WRITERS: readonly string[] = [
  "write-results",
  "write-tables",
  "write-figures",
  "write-structured",
  "write-design",
];

const MOST = 400;
const NUMBER = String.raw`(?<![\w:/]|\w[.-])[+-]?\d+(?:,\d{3})*(?:\.\d+)?(?!(?!x(?![\w-]))\w|[.:]\d|-\d)`;
const BETWEEN = String.raw`\s*(?:±|/|,? and|,? or|,|to|against|\()\s*`;
const UNIT = String.raw`(?:(?<=\d\)?)x(?![\w-])|\s?%|\s?(?:ms|us|ns|s|nats?|points?|[kMG]i?B|GFLOPS?|times as)(?![\w-]))`;
/** A text says these of counts more often than of what was measured, unless they have decimals. */
const LOOSE = String.raw`\s?(?:times|bits)\b`;
const MEASURED = new RegExp(
  String.raw`(${NUMBER}(?:${BETWEEN}${NUMBER})*)\)?(${UNIT}|${LOOSE})(?:\s*\(((?:${NUMBER})(?:${BETWEEN}${NUMBER})*)\))?`,
  "g",
);
/** A standard error says that a number was measured, whatever its unit. */
const ERROR = new RegExp(String.raw`${NUMBER}\s*±\s*${NUMBER}`, "g");
const RECORD = /^<!-- numbers: a record of \d{4}-\d{2}-\d{2} -->\n/;
const PAPER = /arXiv \d{4}\.\d{4,5}/g;
const HEAD_UNIT = /%|(?<![\w-])(?:ms|us|ns|s|nats?|points?|[kMG]i?B)(?![\w-])/;
const BYTES: Readonly<Record<string, number>> = {
  ...{ kB: 1e3, MB: 1e6, GB: 1e9, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 },
};

interface Shown {
  readonly text: string;
  readonly unit: string;
  readonly line: number;
}

interface Block {
  /** Without what stands in backticks or behind links, which is no measurement. */
  readonly lines: readonly string[];
  /** Of its first line, counted from 1. */
  readonly at: number;
  readonly sources: string | undefined;
}

/** What is wrong with the numbers of a page. read: the text of a file below docs/, or undefined. */
export function wrongNumbers(page: string, text: string, read: (file: string) => string | undefined): string[] {
  const { blocks, wrong } = blocksOf(text);
  const record = RECORD.test(text);
  if (record && !page.startsWith("docs/design/")) wrong.push("1: only pages of docs/design are records");
  return [
    ...wrong,
    ...blocks.flatMap(({ lines, at, sources }) => {
      if (record && sources === undefined) return [];
      const shown = shownIn(lines, at);
      if (shown.length === 0 || sources === "of the source" || sources === "by arithmetic") return [];
      if (sources === undefined) return [`${shown[0].line}: "${said(shown[0])}" and no comment that says where from`];
      const values: number[] = [];
      for (const source of sources.split("; ")) {
        const found = valuesOf(source, read);
        if (typeof found === "string") return [`${at}: ${found}`];
        values.push(...found);
      }
      const missing = shown.filter((one) => !values.some((value) => agrees(one, value)));
      return missing.map((one) => `${one.line}: "${said(one)}" is not in ${sources}`);
    }),
  ].map((what) => `${page}:${what}`);
}

const said = ({ text, unit }: Shown): string => `${text}${/^\w/.test(unit) && unit !== "x" ? " " : ""}${unit}`;

function blocksOf(text: string): { blocks: Block[]; wrong: string[] } {
  const [blocks, wrong]: [Block[], string[]] = [[], []];
  let current: { lines: string[]; at: number; sources: string | undefined } | undefined;
  let [marked, item]: (string | undefined)[] = [];
  let [fence, written]: (number | undefined)[] = [];
  const end = (): void => {
    if (current !== undefined && !current.lines.every((line) => /^ {4}/.test(line))) blocks.push(current);
    current = undefined;
  };
  for (const [i, line] of text.split("\n").entries()) {
    const at = i + 1;
    if (written !== undefined) {
      if (/^<!-- (?:\/|end of )/.test(line)) written = undefined;
      continue;
    }
    if (line.trimStart().startsWith("```")) {
      end();
      fence = fence === undefined ? at : undefined;
      continue;
    }
    if (fence !== undefined) continue;
    const script = /^<!-- [^:]+: (?:written by|npx tsx) scripts\/([\w-]+)\.ts -->$/.exec(line)?.[1];
    if (script !== undefined) {
      end();
      written = at;
      // the methods' tables have no numbers that were measured
      if (![...WRITERS, "write-methods"].includes(script)) wrong.push(`${at}: no test runs ${script}.ts`);
      continue;
    }
    const comment = /^<!-- numbers: (.*?) -->$/.exec(line)?.[1];
    if (comment !== undefined || line.trim() === "") {
      end();
      marked = comment;
      continue;
    }
    const begins = /^\s*(?:[-*]|\d+\.) /.test(line);
    const own = /^\s*(?:[-*]|\d+\.) <!-- numbers: (.*?) -->/.exec(line)?.[1];
    if (current === undefined) item = marked;
    if (begins) end();
    current ??= { lines: [], at, sources: own ?? item };
    current.lines.push(line.replace(/<!--.*?-->|`[^`]*`|(?<=\])\([^)]*\)/g, (found) => found.replace(/./g, "_")));
    marked = undefined;
  }
  end();
  if (written !== undefined) wrong.push(`${written}: a block that does not end`);
  return { blocks, wrong };
}

function shownIn(lines: readonly string[], at: number): Shown[] {
  if (lines[0].trimStart().startsWith("|")) return shownInTable(lines, at);
  const text = lines.join("\n");
  return [...measuredIn(text), ...decimalsIn(text)].map(({ index, ...one }) => ({
    ...one,
    line: at + text.slice(0, index).split("\n").length - 1,
  }));
}

function shownInTable([head, , ...rows]: readonly string[], at: number): Shown[] {
  const cellsOf = (line: string): string[] => line.split("|").slice(1, -1);
  const units = cellsOf(head).map((cell) => HEAD_UNIT.exec(cell)?.[0]);
  const found = rows.flatMap((row, i) =>
    cellsOf(row).flatMap((cell, column) => {
      const line = at + 2 + i;
      const unit = units[column];
      if (unit === undefined) return measuredIn(cell).map(({ index: _, ...one }) => ({ ...one, line }));
      return numbersIn(cell).map((text) => ({ text, unit, line }));
    }),
  );
  if (found.length === 0) return [];
  const decimals = rows.flatMap((row, i) =>
    cellsOf(row).flatMap((cell, column) =>
      column === 0 || units[column] !== undefined
        ? []
        : numbersIn(cell)
            .filter((text) => text.includes("."))
            .map((text) => ({ text, unit: "", line: at + 2 + i })),
    ),
  );
  const measured = new Set(found.map(({ text, line }) => `${line} ${text}`));
  return [...found, ...decimals.filter(({ text, line }) => !measured.has(`${line} ${text}`))];
}

const numbersIn = (text: string): string[] =>
  [...text.replaceAll("..", " to ").matchAll(new RegExp(NUMBER, "g"))].map(([one]) => one);

function measuredIn(text: string): { text: string; unit: string; index: number }[] {
  const plain = text.replace(/(?<=\d)\.\.(?=[\d-])/g, "/ ");
  const withUnit = [...plain.matchAll(MEASURED)].flatMap(({ 1: list, 2: unit, 3: more, index }) => {
    const all = [...numbersIn(list), ...numbersIn(more ?? "")];
    if (new RegExp(`^${LOOSE}`).test(unit) && !all.some((one) => one.includes("."))) return [];
    return all.map((one) => ({ text: one, unit: unit.trim(), index }));
  });
  const rest = plain.replace(MEASURED, blank);
  const withError = [...rest.matchAll(ERROR)].flatMap(({ 0: pair, index }) =>
    numbersIn(pair).map((one) => ({ text: one, unit: "", index })),
  );
  return [...withUnit, ...withError];
}

const blank = (found: string): string => found.replace(/./g, "_");

/** Those without a unit, ratios most of them. */
function decimalsIn(text: string): { text: string; unit: string; index: number }[] {
  const rest = text.replace(MEASURED, blank).replace(ERROR, blank).replace(PAPER, blank);
  return [...rest.matchAll(new RegExp(NUMBER, "g"))].flatMap(({ 0: one, index }) =>
    one.includes(".") ? [{ text: one, unit: "", index }] : [],
  );
}

/** The values that a source holds, or what is wrong with it. */
function valuesOf(source: string, read: (file: string) => string | undefined): number[] | string {
  const [file, ...path] = source.split(" > ");
  const text = read(file);
  if (text === undefined) return `no file docs/${file}`;
  const found = file.endsWith(".md") ? writtenIn(text, path) : parsed(file, text, path);
  if (found.length === 0) return `nothing in ${source}`;
  if (found.length > MOST) return `${source} has ${found.length} values: narrow it`;
  return found;
}

function writtenIn(text: string, [mark, ...rows]: readonly string[]): number[] {
  const blocks = text.matchAll(/^<!-- ([^:\n]+): (?:written by|npx tsx) [^\n]*\n([\s\S]*?)^<!-- (?:\/|end of )/gm);
  const lines = [...blocks].flatMap(([, name, block]) => (name === mark ? block.split("\n") : []));
  return lines
    .filter((line) => rows.every((row) => line.includes(row)))
    .flatMap((line) => numbersIn(line).map(numberOf));
}

function parsed(file: string, text: string, path: readonly string[]): number[] {
  const lines = (): unknown =>
    text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
  return path.reduce<unknown[]>(below, [file.endsWith(".jsonl") ? lines() : JSON.parse(text)]).flatMap(numbersBelow);
}

/** A key, or the entries of lists that hold this text. */
function below(values: readonly unknown[], name: string): unknown[] {
  return values.flatMap((value): unknown[] => {
    if (Array.isArray(value)) {
      return value.flatMap((one) => (isObject(one) && Object.values(one).includes(name) ? [one] : []));
    }
    return isObject(value) && Object.hasOwn(value, name) ? [value[name]] : [];
  });
}

function numbersBelow(value: unknown): number[] {
  if (typeof value === "number") return [value];
  return isObject(value) ? Object.values(value).flatMap(numbersBelow) : [];
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

const numberOf = (text: string): number => Number(text.replaceAll(",", ""));

function agrees({ text, unit }: Shown, value: number): boolean {
  const shown = numberOf(text);
  const digits = /\.(\d+)$/.exec(text)?.[1].length ?? 0;
  const scales = unit === "%" || unit.startsWith("point") ? [1, 100] : [1, 1 / (BYTES[unit] ?? 1)];
  const signed = /^[+-]/.test(text);
  return scales.some((scale) => {
    const own = signed ? value : Math.abs(value);
    return Math.abs(own * scale - shown) <= 0.5 * 10 ** -digits * (1 + 1e-6);
  });
}
