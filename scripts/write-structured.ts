/**
 * Writes the tables of docs/structured.md from what programs found; who made a file stands beside its name:
 *
 *   structured.jsonl          npx tsx bench/structured.ts SETTING SEED --data-dir DIR
 *   structured-cifar10.jsonl  npx tsx bench/structured-cifar10.ts SETTING SEED --data-dir DIR
 *   squeezenet-S.json         trisparse compress recipes/digits-squeezenet-ssl.json --seed S --threads 1 --json FILE
 *
 * and then: npx tsx scripts/write-structured.ts && npx biome check --write docs
 * With --check nothing is written; the exit code is 1 where the page shows other numbers than docs/results.
 */
import { readFileSync } from "node:fs";
import { type Answer, type Answers, unpacked } from "../bench/stages.ts";
import type { ImageEvaluation } from "../src/core/task/objective.ts";
import type { Change, Compressed, LayerChange } from "../src/lab/compression/compress.ts";
import { crossedMean } from "../src/lab/statistics/crossed-error.ts";
import { quartiles } from "../src/lab/statistics/quartiles.ts";
import { readResult } from "./comparisons.ts";
import { fill } from "./fill.ts";
import { table } from "./table.ts";

/** A compressed model beside others, of one seed. */
interface Line {
  readonly setting: string;
  readonly seed: number;
  readonly model: {
    readonly widths?: readonly number[];
    readonly hidden?: readonly number[];
    readonly blocks?: readonly (number | string)[];
  };
  readonly layers: readonly LayerChange[];
  readonly forwardMs: Change;
}

const linesOf = <L extends Line>(file: string): L[] =>
  readFileSync(new URL(`../docs/results/${file}`, import.meta.url), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as L)
    .sort((a, b) => a.setting.localeCompare(b.setting) || a.seed - b.seed);

const ratio = ({ before, after }: Change, digits = 1): string => `${(before / after).toFixed(digits)}x`;
const share = ({ before, after }: Change, digits = 0): string => `${((100 * after) / before).toFixed(digits)} %`;
const signed = (x: number, digits: number): string => `${x < 0 ? "" : "+"}${x.toFixed(digits)}`;
const total = (layers: readonly LayerChange[], of: "ms" | "multiplyAdds"): Change => ({
  before: layers.reduce((sum, layer) => sum + layer[of].before, 0),
  after: layers.reduce((sum, layer) => sum + layer[of].after, 0),
});
const convs = ({ layers }: Line): LayerChange[] => layers.filter(({ name }) => name.startsWith("conv"));
const settingsOf = (lines: readonly Line[]): string[] => [...new Set(lines.map(({ setting }) => setting))];

/** Mean and, of several, its standard error. */
function told(values: readonly number[], digits: number): string {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  if (values.length === 1) return signed(mean, digits);
  const squares = values.reduce((sum, x) => sum + (x - mean) ** 2, 0);
  return `${signed(mean, digits)} ± ${Math.sqrt(squares / (values.length - 1) / values.length).toFixed(digits)}`;
}

interface MnistLine extends Line {
  readonly scores: Readonly<Record<"dense" | "control" | "after", number>>;
}

function mnist(): string {
  const rows = linesOf<MnistLine>("structured.jsonl").map((line) => {
    const { setting, seed, scores, model, layers, forwardMs } = line;
    return [
      ...[setting, seed, ...[scores.dense, scores.control, scores.after].map((score) => score.toFixed(2))],
      ...[(model.widths ?? model.hidden ?? []).join(", "), share(total(layers, "multiplyAdds"), 1)],
      ...[ratio(forwardMs), convs(line).length === 0 ? "-" : ratio(total(convs(line), "ms"))],
    ];
  });
  const head = "setting | seed | dense, % | control, % | compact, % | sizes | multiply-adds | forward | convolutions";
  return table(head.split(" | "), rows);
}

/** Points, means over the seeds; times are medians of the seeds. */
function means(): string {
  const lines = linesOf<MnistLine>("structured.jsonl");
  const rows = settingsOf(lines).map((setting) => {
    const own = lines.filter((line) => line.setting === setting);
    const from = (other: "dense" | "control"): string =>
      told(
        own.map(({ scores }) => scores.after - scores[other]),
        2,
      );
    const faster = quartiles(own.map(({ forwardMs: { before, after } }) => before / after)).median;
    return [setting, own.length, from("dense"), from("control"), `${faster.toFixed(1)}x`];
  });
  return table(["setting", "seeds", "from dense ± SE", "from control ± SE", "forward"], rows);
}

type Network = "dense" | "control" | "equalTime" | "after" | "shallow";

/** Networks on CIFAR-10: the ends of each stage on the test images. */
interface CifarLine extends Line {
  readonly results: Readonly<Partial<Record<Network, Answers>>>;
  readonly stepMs: Change;
  readonly blocks?: readonly string[];
}

/** How a network differs from others of the same seed, setting by setting: points / nats, errors over seeds and images. */
function differences(lines: readonly CifarLine[], own: Network, others: readonly Network[]): string[][] {
  return settingsOf(lines).map((setting) => {
    const ofSetting = lines.filter((line) => line.setting === setting);
    const cells = others.map((other) => {
      const pairs = ofSetting.flatMap(({ results: { [own]: after, [other]: against } }) =>
        after === undefined || against === undefined ? [] : [{ after, against }],
      );
      if (pairs.length === 0) return "-";
      const both = pairs.map(({ after, against }) => [unpacked(after.images), unpacked(against.images)]);
      const between = (of: (answer: Answer) => number, digits: number): string => {
        const { mean, error } = crossedMean(
          both.map(([after, against]) => after.map((one, image) => of(one) - of(against[image]))),
        );
        return `${signed(mean, digits)} ± ${error.toFixed(digits)}`;
      };
      return `${between(({ right }) => 100 * Number(right), 1)} / ${between(({ loss }) => loss, 3)}`;
    });
    return [setting, String(ofSetting.length), ...cells];
  });
}

const networks = ({ results }: CifarLine, names: readonly Network[]): string[] =>
  names.map((name) => {
    const found = results[name];
    return found === undefined ? "-" : `${(100 * found.accuracy).toFixed(1)} / ${found.loss.toFixed(3)}`;
  });

/** Settings whose names begin so: each network, and the means over seeds. */
function cifar(begin: string, what: string, left: (line: CifarLine) => string): string {
  const lines = linesOf<CifarLine>("structured-cifar10.jsonl")
    .filter(({ setting }) => setting.startsWith(begin))
    .map((line) => ({ ...line, setting: line.setting.slice(begin.length + 2) }));
  const there = (Object.keys(NAMES) as Network[]).filter((name) => lines.some(({ results }) => name in results));
  const rows = lines.map((line) => [
    ...[line.setting, line.seed, left(line), ...networks(line, there), share(total(line.layers, "multiplyAdds"))],
    ...[ratio(line.forwardMs, 2), ratio(line.stepMs, 2)],
  ]);
  const head = ["setting", "seed", what, ...there.map((name) => NAMES[name]), "multiply-adds", "forward", "step"];
  const [others, again] = [
    there.filter((name) => name !== "after" && name !== "equalTime"),
    there.includes("equalTime"),
  ];
  const compared = ["setting", "seeds", ...others.map((name) => `compact - ${NAMES[name]}`)];
  const columns = differences(lines, "after", others);
  const timed = again
    ? differences(lines, "equalTime", ["control"]).map(([, , cell]) => [cell])
    : columns.map(() => []);
  return [
    table(head, rows),
    table(
      [...compared, ...(again ? ["equal time - control"] : [])],
      columns.map((row, i) => [...row, ...timed[i]]),
    ),
  ].join("\n\n");
}

const NAMES: Readonly<Record<Network, string>> = {
  ...{ dense: "dense", control: "control", after: "compact", equalTime: "equal time", shallow: "from scratch" },
};
const gone = ({ blocks }: CifarLine): string => blocks?.map((block) => block.replace("block", "")).join(", ") || "none";
const widths = ({ model }: CifarLine): string => (model.widths ?? []).join(", ");

interface Squeezed extends Omit<Compressed, "recipe"> {
  readonly recipe: { readonly model: { readonly width: number; readonly fires: readonly (readonly number[])[] } };
}

function squeezenet(): string {
  const rows = [1, 2, 3].map((seed) => {
    const { before, after, numbers, layers, forwardMs, stepMs, recipe } = readResult(
      `squeezenet-${seed}.json`,
    ) as Squeezed;
    const scores = [before, after].map((one) => (100 * (one as ImageEvaluation).accuracy).toFixed(2)).join(", ");
    const fires = recipe.model.fires.map((fire) => `[${fire.join(", ")}]`).join(", ");
    return [
      ...[seed, scores, share(numbers), share(total(layers, "multiplyAdds")), ratio(forwardMs, 2), ratio(stepMs, 2)],
      `${recipe.model.width}, ${fires}`,
    ];
  });
  const head = "seed | accuracy before, after % | numbers | multiply-adds | forward | step | `width`, `fires`";
  return table(head.split(" | "), rows);
}

/** Rows, columns and times of each layer, as the tables of the source have them: means over the seeds. */
function byLayer(file: string, settings: readonly string[]): string {
  const lines = linesOf(file);
  const rows = settings.flatMap((setting) => {
    const own = lines.filter((line) => line.setting === setting);
    return own[0].layers.map(({ name }, i) => {
      const layers = own.map((line) => line.layers[i]);
      const mean = (of: (layer: LayerChange) => number): number =>
        layers.reduce((sum, layer) => sum + of(layer), 0) / layers.length;
      const size = (axis: 0 | 1): string => {
        const [before, after] = [layers[0].shape.before[axis], mean(({ shape }) => shape.after?.[axis] ?? 0)];
        return `${before} to ${Number.isInteger(after) ? after : after.toFixed(1)}`;
      };
      const speeds = layers.map(({ ms }) => ms.before / ms.after);
      const center = mean(({ ms }) => ms.before / ms.after);
      const deviation = Math.sqrt(speeds.reduce((sum, x) => sum + (x - center) ** 2, 0) / (speeds.length - 1));
      const left = mean(({ multiplyAdds }) => multiplyAdds.after / multiplyAdds.before);
      return [
        ...[setting.replace(/^ConvNet, /, ""), name.replace(/\.weight$/, ""), size(0), size(1)],
        ...[`${(100 * left).toFixed(1)} %`, `${center.toFixed(2)}x ± ${deviation.toFixed(2)}`],
      ];
    });
  });
  return table(["setting", "layer", "rows", "columns", "multiply-adds", "speed-up ± SD"], rows);
}

const page = "docs/structured.md";
fill(page, "mnist", mnist());
fill(page, "means", means());
fill(page, "mnist-layers", byLayer("structured.jsonl", ["mlp-neurons", "lenet-filters", "lenet-shapes"]));
fill(
  page,
  "convnet-layers",
  byLayer("structured-cifar10.jsonl", ["ConvNet, smallest quarter", "ConvNet, smallest quarter of conv2"]),
);
fill(page, "resnet-depth", cifar("ResNet-20, blocks", "blocks gone", gone));
fill(page, "convnet", cifar("ConvNet", "filters", widths));
fill(page, "squeezenet", squeezenet());
