/**
 * Writes the tables of docs/structured.md from docs/results/structured.jsonl and depth.jsonl (scripts/measure-structured.ts
 * and measure-depth.ts make them).
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
  readonly results: Readonly<Record<Exclude<Network, "shallow">, Result>> & { readonly shallow?: Result };
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
  return `| ${[
    ...[setting, seed, scores.dense.toFixed(2), scores.control.toFixed(2), scores.after.toFixed(2)],
    (model.widths ?? model.hidden ?? []).join(", "),
    `${((100 * products.after) / products.before).toFixed(1)} %`,
    ...[ratio(forwardMs), convs.length === 0 ? "-" : ratio(total(convs, "ms"))],
  ].join(" | ")} |`;
});
const table = [
  "| setting | seed | dense, % | control, % | compact, % | sizes | multiply-adds | forward | convolutions |",
  "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
  ...rows,
].join("\n");
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
  return `| ${[
    ...[setting, seed, blocks.map((block) => block.replace("block", "")).join(", ") || "none", ...networks],
    `${((100 * products.after) / products.before).toFixed(0)} %`,
    ...[ratio(forwardMs), ratio(stepMs)],
  ].join(" | ")} |`;
});
const paired = [...new Set(depth.map(({ setting }) => setting))].map((setting) => {
  const ofSetting = depth.filter((line) => line.setting === setting);
  const others = (["dense", "control", "shallow"] as const).map((other) => differences(ofSetting, other));
  return `| ${[setting, ofSetting.length, ...others].join(" | ")} |`;
});
const depthTables = [
  "| setting | seed | blocks gone | dense | control | compact | from scratch | multiply-adds | forward | step |",
  "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
  ...ofDepth,
  "",
  "| setting | seeds | compact - dense | compact - control | compact - from scratch |",
  "| --- | --- | --- | --- | --- |",
  ...paired,
].join("\n");

const page = fileURLToPath(new URL("structured.md", root));
/** The text with a table between its marks. */
const placed = (text: string, name: string, table: string): string => {
  const begin = `<!-- ${name}: npx tsx scripts/write-structured.ts -->\n`;
  const [from, to] = [text.indexOf(begin) + begin.length, text.indexOf(`<!-- end of ${name} -->`)];
  return `${text.slice(0, from)}\n${table}\n\n${text.slice(to)}`;
};
writeFileAtomically(page, placed(placed(readFileSync(page, "utf8"), "results", table), "depth", depthTables));
