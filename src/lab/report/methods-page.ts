/** Writes the tables of docs/methods/README.md. */
import { activationMethods } from "../../core/sparsity/methods/activations/methods.ts";
import type { MethodFactory } from "../../core/sparsity/methods/define-method.ts";
import { inputGradMethods } from "../../core/sparsity/methods/input-grad/methods.ts";
import { unstructuredMethods } from "../../core/sparsity/methods/unstructured/methods.ts";
import { weightGradMethods } from "../../core/sparsity/methods/weight-grad/methods.ts";
import { weightMethods } from "../../core/sparsity/methods/weights/methods.ts";

const BEGIN = "<!-- tables: npx tsx scripts/write-methods.ts -->";
const END = "<!-- end of tables -->";

/** Methods of one key of a recipe. */
export interface MethodTable {
  readonly heading: string;
  /** The key of a recipe. */
  readonly key: "method" | "activations" | "inputGrad" | "weightGrad";
  readonly methods: readonly MethodFactory<unknown>[];
  /** What the names of their pages have behind the method's. */
  readonly suffix?: string;
}

export const methodTables: readonly MethodTable[] = [
  { heading: "For weights", key: "method", methods: weightMethods },
  { heading: "For weights, without a pattern", key: "method", methods: unstructuredMethods },
  { heading: "For activations", key: "activations", methods: activationMethods, suffix: "-activations" },
  { heading: "For the input gradient", key: "inputGrad", methods: inputGradMethods },
  { heading: "For the weight gradient", key: "weightGrad", methods: weightGradMethods },
];

/** The name of a method's page. */
export function pageOf({ name }: MethodFactory<unknown>, { suffix = "" }: MethodTable): string {
  return `${name}${suffix}.md`;
}

/** The tables of methods, written anew into the page. `pageText` gives the text of a page by its name. */
export function withMethodTables(page: string, pageText: (name: string) => string): string {
  const [before, after] = [page.split(BEGIN)[0], page.split(END)[1] ?? ""];
  const tables = methodTables.flatMap((table) => [`## ${table.heading} (\`${table.key}\`)`, whatTheyDo(table)]);
  const origins = ["## Where they come from", ORIGINS, whereFrom(pageText)];
  return `${before}${BEGIN}\n\n${[...tables, ...origins].join("\n\n")}\n\n${END}${after}`;
}

function whatTheyDo(table: MethodTable): string {
  const rows = table.methods.map((method) => {
    const keys = Object.keys(method.options).map((key) => `\`${key}\``);
    return [linkTo(method, table), method.about, keys.join(", ")];
  });
  return aligned(["name", "what it does", "keys"], rows);
}

const ORIGINS = `Differences from the source have numbers on the method's page. Where a short run can show what one changes, a table below them
does. The oracle is the test that compares the method with an independent implementation, written from the source, or with golden
numbers. The run is the smallest that shows the method's point; \`npx trisparse\` stands before it.`;

function whereFrom(pageText: (name: string) => string): string {
  const rows = methodTables.flatMap((table) =>
    table.methods.map((method) => {
      const page = pageOf(method, table);
      const count = differencesOf(pageText(page)).length;
      const test = method.oracle
        .split("/")
        .at(-1)!
        .replace(/\.test\.ts$/, "");
      return [
        ...[linkTo(method, table), table.key, method.source, method.section, `[${count}](${page})`],
        ...[`[${test}](../../${method.oracle})`, `\`${method.shows}\``],
      ];
    }),
  );
  return aligned(["name", "key", "source", "where in it", "differences", "oracle", "run"], rows);
}

/**
 * The numbers of the differences on a page: those of the lists behind lines that begin with "Differences" and end with
 * a colon. A page without differences says "Differences from the source: none."
 */
export function differencesOf(pageText: string): number[] {
  const numbers: number[] = [];
  let listed = false;
  for (const line of pageText.split("\n")) {
    if (/^Differences .*:$/.test(line)) listed = true;
    else if (listed && /^\d+\. /.test(line)) numbers.push(Number.parseInt(line, 10));
    // a list ends with the first line that is neither empty nor indented
    else if (/^\S/.test(line)) listed = false;
  }
  return numbers;
}

function linkTo(method: MethodFactory<unknown>, table: MethodTable): string {
  return `[\`${method.name}\`](${pageOf(method, table)})`;
}

function aligned(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...lines.map((cells) => cells[column].length)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column])).join(" | ")} |`;
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)].join("\n");
}
