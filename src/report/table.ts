/** The table of a comparison, as text. */
import Table from "cli-table3";
import type { Quartiles } from "../metrics/quartiles.ts";
import type { Machine, RunResult } from "../train/together.ts";

const digits = (value: number, count: number): string => (Number.isNaN(value) ? "-" : value.toFixed(count));
const spread = ({ median, q1, q3 }: Quartiles, count: number): string =>
  `${digits(median, count)} (${digits(q1, count)}..${digits(q3, count)})`;

/** 12345 as "12.1 KiB", 4 significant digits. */
export function bytesText(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  const [value, unit] = bytes < 2 ** 20 ? [bytes / 1024, "KiB"] : [bytes / 2 ** 20, "MiB"];
  return `${value.toPrecision(3)} ${unit}`;
}

/** The method's name with its pattern. */
export function methodText({ method, pattern }: Pick<RunResult, "method" | "pattern">): string {
  return pattern === null ? method : `${method} ${pattern}`;
}

function verifiedText({ verified }: RunResult): string {
  if (verified.length === 0) return "-";
  const good = verified.filter(({ ok }) => ok).length;
  const axes = [...new Set(verified.map(({ axis }) => axis))].join(", ");
  return good === verified.length ? `all ${good} along ${axes}` : `${good} of ${verified.length} along ${axes}`;
}

function speedUpText({ speedUp, method, pattern }: RunResult): string {
  if (pattern === null && method === "dense") return "1";
  if (speedUp === null) return "-";
  return `${spread(speedUp, 2)}${speedUp.median < 1 ? " slower" : ""}`;
}

/** The main table, the dense row as it stands in results, and the lines that explain it. */
export function comparisonText(results: readonly RunResult[], machine: Machine): string {
  const style = { head: [], border: [] };
  const main = new Table({
    head: [
      "method",
      "accuracy %",
      "loss",
      "step ms",
      "forward",
      "inputGrad",
      "weightGrad",
      "prune+pack",
      "speed-up of the step",
      "seconds",
    ],
    colAligns: ["left", ...Array.from({ length: 9 }, () => "right" as const)],
    style,
  });
  const masks = new Table({
    head: [
      "method",
      "sparsity %",
      "SAD first..last",
      "% of weights",
      "flip rate %",
      "N:M verified",
      "weights dense",
      "packed",
    ],
    colAligns: ["left", "right", "right", "right", "right", "left", "right", "right"],
    style,
  });
  for (const result of results) {
    const { gemmMs, stepMs } = result;
    main.push([
      ...[methodText(result), digits(100 * result.accuracy, 2), digits(result.loss, 4), spread(stepMs, 2)],
      ...[gemmMs.forward, gemmMs.inputGrad, gemmMs.weightGrad, gemmMs.pack].map((ms) => digits(ms, 2)),
      ...[speedUpText(result), digits(result.seconds, 1)],
    ]);
    const moved = result.verified.length > 0;
    masks.push([
      ...[methodText(result), digits(100 * result.sparsity, 1), moved ? String(result.sad) : "-"],
      ...[moved ? digits(100 * result.sadShare, 2) : "-", moved ? digits(100 * result.flipRate, 3) : "-"],
      ...[verifiedText(result), bytesText(result.weightBytes.dense), bytesText(result.weightBytes.packed)],
    ]);
  }
  const { backend, instructionSet, threads, load, cpu, cores, node } = machine;
  const places = `${backend} ${instructionSet}, ${threads} thread${threads === 1 ? "" : "s"}, load ${load.join(" to ")}, ${cpu}, ${cores} cores, Node ${node}`;
  return [
    main.toString(),
    "Milliseconds, median (quartiles) over the steps in which a method is sparse; products and prune+pack: medians. The",
    "speed-up is dense time / time of the same round, both measured in this process; prune+pack is in it.",
    masks.toString(),
    `Routes of sparse layers: ${routesText(results)}.`,
    `Ran on ${places}.`,
  ].join("\n");
}

function routesText(results: readonly RunResult[]): string {
  const sparse = results.find(({ verified }) => verified.length > 0);
  if (sparse === undefined) return "none";
  const { forward, inputGrad, weightGrad } = sparse.plan;
  return `forward ${forward}, inputGrad ${inputGrad} (dense arithmetic on the pruned weights), weightGrad ${weightGrad}`;
}
