/**
 * Writes the tables of the ConvNet in docs/structured.md from docs/results/structured-cifar10.jsonl (bench/structured-cifar10.ts makes it);
 * with --check nothing is written, and the exit code is 1 where the page shows other numbers.
 */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { writeFileAtomically } from "../src/io/files.ts";
import type { LayerChange } from "../src/train/compress.ts";

/** Mean and standard error. */
type Measured = readonly [number, number];
interface Line {
  readonly setting: string;
  readonly seed: number;
  readonly scores: Readonly<
    Record<"dense" | "control" | "compact", { readonly loss: number; readonly accuracy: number }>
  >;
  readonly against: Readonly<Record<"dense" | "control", { readonly loss: Measured; readonly accuracy: Measured }>>;
  readonly model: { readonly widths: readonly number[] };
  readonly layers: readonly LayerChange[];
  readonly forwardMs: { readonly before: number; readonly after: number };
  readonly stepMs: { readonly before: number; readonly after: number };
}

const BEGIN = "<!-- results: npx tsx scripts/write-structured-cifar10.ts -->\n";
const END = "<!-- end of results of the ConvNet -->";
const root = new URL("../docs/", import.meta.url);
const lines = readFileSync(new URL("results/structured-cifar10.jsonl", root), "utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line) as Line);
lines.sort((a, b) => a.setting.localeCompare(b.setting) || a.seed - b.seed);

const row = (cells: readonly (string | number)[]): string => `| ${cells.join(" | ")} |`;
const tableOf = (head: readonly string[], rows: readonly string[]): string =>
  [row(head), row(head.map(() => "---")), ...rows].join("\n");
const mean = (values: readonly number[]): number => values.reduce((sum, x) => sum + x, 0) / values.length;
const signed = (x: number, digits: number): string => `${x < 0 ? "" : "+"}${x.toFixed(digits)}`;
const change = ({ before, after }: { before: number; after: number }): number => before / after;
const total = (layers: readonly LayerChange[], of: "ms" | "multiplyAdds") => ({
  before: layers.reduce((sum, layer) => sum + layer[of].before, 0),
  after: layers.reduce((sum, layer) => sum + layer[of].after, 0),
});
const convs = ({ layers }: Line) => layers.filter(({ name }) => name.startsWith("conv"));
const share = ({ layers }: Line): number => 100 / change(total(layers, "multiplyAdds"));

const sizes = tableOf(
  ["penalty", "seed", "filters", "multiply-adds", "forward", "convolutions", "training step, ms"],
  lines.map((line) =>
    row([
      ...[line.setting, line.seed, line.model.widths.join(", "), `${share(line).toFixed(0)} %`],
      `${change(line.forwardMs).toFixed(2)}x`,
      `${change(total(convs(line), "ms")).toFixed(2)}x`,
      `${line.stepMs.before.toFixed(0)} → ${line.stepMs.after.toFixed(0)} (${change(line.stepMs).toFixed(2)}x)`,
    ]),
  ),
);
const scores = tableOf(
  [
    "penalty",
    "seed",
    "dense",
    "control",
    "compact",
    "points from dense",
    "from control",
    "loss from dense",
    "from control",
  ],
  lines.map(({ setting, seed, scores, against }) => {
    const score = ({ accuracy, loss }: { accuracy: number; loss: number }) =>
      `${accuracy.toFixed(1)} % (${loss.toFixed(3)})`;
    const told = ([centre, error]: Measured, digits: number) => `${signed(centre, digits)} ± ${error.toFixed(digits)}`;
    return row([
      ...[setting, seed, score(scores.dense), score(scores.control), score(scores.compact)],
      ...[told(against.dense.accuracy, 1), told(against.control.accuracy, 1)],
      ...[told(against.dense.loss, 3), told(against.control.loss, 3)],
    ]);
  }),
);
const summary = [...new Set(lines.map(({ setting }) => setting))].map((setting) => {
  const of = lines.filter((line) => line.setting === setting);
  const from = (name: "dense" | "control"): string => {
    const [points, loss] = [
      mean(of.map(({ against }) => against[name].accuracy[0])),
      mean(of.map(({ against }) => against[name].loss[0])),
    ];
    return `${signed(points, 1)} points and ${signed(loss, 3)} in loss from ${name}`;
  };
  return (
    `- ${setting}, mean of ${of.length} seeds: ${mean(of.map(share)).toFixed(0)} % of the multiply-adds, forward ` +
    `${mean(of.map(({ forwardMs }) => change(forwardMs))).toFixed(2)} times as fast; ${from("dense")}, ${from("control")}.`
  );
});
const page = fileURLToPath(new URL("structured.md", root));
const text = readFileSync(page, "utf8");
const [head, tail] = [text.slice(0, text.indexOf(BEGIN) + BEGIN.length), text.slice(text.indexOf(END))];
const next = `${head}\n${sizes}\n\n${scores}\n\n${summary.join("\n")}\n\n${tail}`;
/** Without what a formatter changes in tables. */
const words = (one: string): string => one.replace(/\|[ :|-]*\n/g, "|\n").replace(/[ \t]+/g, " ");
if (!process.argv.includes("--check")) writeFileAtomically(page, next);
else if (words(next) !== words(text)) {
  console.error(
    "write-structured-cifar10: expected docs/structured.md to show docs/results, got others. Run it without --check.",
  );
  process.exitCode = 1;
}
