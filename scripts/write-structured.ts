/**
 * Writes the tables of docs/structured.md from docs/results/structured.jsonl and depth.jsonl (bench/structured.ts
 * and bench/structured-depth.ts make them). With --check nothing is written; the exit code is 1 where the page shows other numbers.
 */
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

/** Of a ResNet that lost blocks; the ends of each stage on the test images. */
interface DepthLine {
  readonly setting: string;
  readonly seed: number;
  readonly results: Readonly<Partial<Record<Network, Result>>> & { readonly after: Result };
  readonly blocks: readonly string[];
  readonly layers: readonly LayerChange[];
  readonly forwardMs: Times;
  readonly stepMs: Times;
}

interface Result {
  readonly loss: number;
  readonly accuracy: number;
}

type Network = "dense" | "control" | "learned" | "after" | "shallow";

interface Times {
  readonly before: number;
  readonly after: number;
}

const root = new URL("../docs/", import.meta.url);
const linesOf = (file: string): unknown[] =>
  readFileSync(new URL(`results/${file}`, root), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
const lines = linesOf("structured.jsonl") as Line[];
const order = (line: Pick<Line, "setting" | "seed">): string => `${line.setting} ${line.seed}`;
const depth = linesOf("depth.jsonl") as DepthLine[];
lines.sort((a, b) => order(a).localeCompare(order(b)));
depth.sort((a, b) => order(a).localeCompare(order(b)));

const ratio = ({ before, after }: Times): string => `${(before / after).toFixed(1)}x`;
const total = (layers: readonly LayerChange[], of: "ms" | "multiplyAdds") =>
  layers.reduce(({ before, after }, layer) => ({ before: before + layer[of].before, after: after + layer[of].after }), {
    before: 0,
    after: 0,
  });
const rows = lines.map(({ setting, seed, scores, model, layers, forwardMs }) => {
  const convs = layers.filter(({ name }) => name.startsWith("conv"));
  const products = total(layers, "multiplyAdds");
  return [
    ...[setting, seed, scores.dense.toFixed(2), scores.control.toFixed(2), scores.after.toFixed(2)],
    (model.widths ?? model.hidden ?? []).join(", "),
    `${((100 * products.after) / products.before).toFixed(1)} %`,
    ...[ratio(forwardMs), convs.length === 0 ? "-" : ratio(total(convs, "ms"))],
  ];
});
/** Markdown with its columns aligned. */
const aligned = (head: string, rows: readonly (readonly (string | number)[])[]): string => {
  const cells = [head.split(" | "), ...rows.map((row) => row.map(String))];
  const widths = cells[0].map((_, column) => Math.max(...cells.map((row) => row[column].length)));
  const line = (row: readonly string[]): string => `| ${row.map((cell, i) => cell.padEnd(widths[i])).join(" | ")} |`;
  const [first, ...others] = cells.map(line);
  return [first, line(widths.map((width) => "-".repeat(width))), ...others].join("\n");
};
const table = aligned(
  "setting | seed | dense, % | control, % | compact, % | sizes | multiply-adds | forward | convolutions",
  rows,
);
/** How the compact network differs from another of the same seed: mean and standard error. */
const differences = (ofSetting: readonly DepthLine[], other: Network): string => {
  const pairs = ofSetting.flatMap(({ results }) => {
    const against = results[other];
    return against === undefined ? [] : [{ own: results.after, against }];
  });
  if (pairs.length === 0) return "-";
  const of = (value: (network: Result) => number): { mean: number; error: number } => {
    const all = pairs.map(({ own, against }) => value(own) - value(against));
    const mean = all.reduce((a, b) => a + b, 0) / all.length;
    const squares = all.reduce((sum, x) => sum + (x - mean) ** 2, 0);
    return { mean, error: Math.sqrt(squares / (all.length - 1) / all.length) };
  };
  const text = ({ mean, error }: ReturnType<typeof of>, digits: number): string =>
    `${mean < 0 ? "" : "+"}${mean.toFixed(digits)}${pairs.length > 1 ? ` ± ${error.toFixed(digits)}` : ""}`;
  return `${text(
    of(({ accuracy }) => 100 * accuracy),
    1,
  )} / ${text(
    of(({ loss }) => loss),
    3,
  )}`;
};
const ofDepth = depth.map(({ setting, seed, results, blocks, layers, forwardMs, stepMs }) => {
  const products = total(layers, "multiplyAdds");
  const networks = (["dense", "control", "after", "shallow"] as const).map((network) => {
    const found = results[network];
    if (found === undefined) return "-";
    const { loss, accuracy } = found;
    return `${(100 * accuracy).toFixed(1)} / ${loss.toFixed(3)}`;
  });
  return [
    ...[setting, seed, blocks.map((block) => block.replace("block", "")).join(", ") || "none", ...networks],
    `${((100 * products.after) / products.before).toFixed(0)} %`,
    ...[ratio(forwardMs), ratio(stepMs)],
  ];
});
const paired = [...new Set(depth.map(({ setting }) => setting))].map((setting) => {
  const ofSetting = depth.filter((line) => line.setting === setting);
  const others = (["dense", "control", "shallow"] as const).map((other) => differences(ofSetting, other));
  return [setting, ofSetting.length, ...others];
});
const depthTables = [
  aligned(
    "setting | seed | blocks gone | dense | control | compact | from scratch | multiply-adds | forward | step",
    ofDepth,
  ),
  aligned("setting | seeds | compact - dense | compact - control | compact - from scratch", paired),
].join("\n\n");

const page = fileURLToPath(new URL("structured.md", root));
/** The text with a table between its marks. */
const placed = (text: string, name: string, table: string): string => {
  const begin = `<!-- ${name}: npx tsx scripts/write-structured.ts -->\n`;
  const [from, to] = [text.indexOf(begin) + begin.length, text.indexOf(`<!-- end of ${name} -->`)];
  return `${text.slice(0, from)}\n${table}\n\n${text.slice(to)}`;
};
const text = readFileSync(page, "utf8");
const next = placed(placed(text, "results", table), "depth", depthTables);
if (!process.argv.includes("--check")) writeFileAtomically(page, next);
else if (next !== text) {
  console.error(
    "write-structured: expected docs/structured.md to show docs/results, got others. Run it without --check.",
  );
  process.exitCode = 1;
}
