/** Writes the tables of docs/methods/README.md. */
import { activationMethods } from "../../core/sparsity/methods/activations/methods.ts";
import type { MethodFactory } from "../../core/sparsity/methods/define-method.ts";
import { inputGradMethods } from "../../core/sparsity/methods/input-grad/methods.ts";
import { unstructuredMethods } from "../../core/sparsity/methods/unstructured/methods.ts";
import { weightGradMethods } from "../../core/sparsity/methods/weight-grad/methods.ts";
import { weightMethods } from "../../core/sparsity/methods/weights/methods.ts";

const BEGIN = "<!-- tables: npx tsx scripts/write-methods.ts -->";
const END = "<!-- end of tables -->";

/** The page with its tables written anew. */
export function withMethodTables(page: string): string {
  const [before, after] = [page.split(BEGIN)[0], page.split(END)[1] ?? ""];
  const tables = [
    table("For weights (`method`)", weightMethods),
    table("For weights, without a pattern (`method`)", unstructuredMethods),
    table("For activations (`activations`)", activationMethods, "-activations"),
    table("For the input gradient (`inputGrad`)", inputGradMethods),
    table("For the weight gradient (`weightGrad`)", weightGradMethods),
  ];
  return `${before}${BEGIN}\n\n${tables.join("\n\n")}\n\n${END}${after}`;
}

/** One table; `suffix` is that of the names of its methods' pages. */
function table(heading: string, methods: readonly MethodFactory<unknown>[], suffix = ""): string {
  const rows = methods.map(({ name, about, source, options }) => {
    const keys = Object.keys(options)
      .map((key) => `\`${key}\``)
      .join(", ");
    return [`[\`${name}\`](${name}${suffix}.md)`, about, keys, source];
  });
  const lines = [["name", "what it does", "keys", "source"], ...rows];
  const widths = lines[0].map((_, column) => Math.max(...lines.map((cells) => cells[column].length)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column])).join(" | ")} |`;
  const rule = line(widths.map((width) => "-".repeat(width)));
  return [`## ${heading}`, "", line(lines[0]), rule, ...lines.slice(1).map(line)].join("\n");
}
