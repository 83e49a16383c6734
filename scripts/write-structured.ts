/** Writes the table of docs/structured.md from docs/results/structured.jsonl (scripts/measure-structured.ts makes it). */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { writeFileAtomically } from "../src/io/files.ts";
import type { LayerChange } from "../src/train/compress.ts";

interface Line {
  readonly setting: string;
  readonly seed: number;
  readonly scores: Readonly<Record<"dense" | "control" | "after", number>>;
  readonly model: { readonly widths?: readonly number[]; readonly hidden?: readonly number[] };
  readonly layers: readonly LayerChange[];
  readonly forwardMs: { readonly before: number; readonly after: number };
}

const BEGIN = "<!-- results: npx tsx scripts/write-structured.ts -->\n";
const END = "<!-- end of results -->";
const root = new URL("../docs/", import.meta.url);
const lines = readFileSync(new URL("results/structured.jsonl", root), "utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line) as Line);
const order = (line: Line): string => `${line.setting} ${line.seed}`;
lines.sort((a, b) => order(a).localeCompare(order(b)));

const ratio = ({ before, after }: { before: number; after: number }): string => `${(before / after).toFixed(1)}x`;
const total = (layers: readonly LayerChange[], of: "ms" | "multiplyAdds") =>
  layers.reduce(({ before, after }, layer) => ({ before: before + layer[of].before, after: after + layer[of].after }), {
    before: 0,
    after: 0,
  });
const rows = lines.map(({ setting, seed, scores, model, layers, forwardMs }) => {
  const convs = layers.filter(({ name }) => name.startsWith("conv"));
  const products = total(layers, "multiplyAdds");
  return [
    ...[setting, String(seed), scores.dense.toFixed(2), scores.control.toFixed(2), scores.after.toFixed(2)],
    (model.widths ?? model.hidden ?? []).join(", "),
    `${((100 * products.after) / products.before).toFixed(1)} %`,
    ...[ratio(forwardMs), convs.length === 0 ? "-" : ratio(total(convs, "ms"))],
  ];
});
const head = [
  "setting",
  "seed",
  "dense, %",
  "control, %",
  "compact, %",
  "sizes",
  "multiply-adds",
  "forward",
  "convolutions",
];
const widths = head.map((_, i) => Math.max(...[head, ...rows].map((cells) => cells[i].length)));
const line = (cells: readonly string[]): string => `| ${cells.map((cell, i) => cell.padEnd(widths[i])).join(" | ")} |`;
const table = [line(head), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)].join("\n");
const page = fileURLToPath(new URL("structured.md", root));
const text = readFileSync(page, "utf8");
const [before, tail] = [text.slice(0, text.indexOf(BEGIN) + BEGIN.length), text.slice(text.indexOf(END))];
writeFileAtomically(page, `${before}\n${table}\n\n${tail}`);
