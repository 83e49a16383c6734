/** The result of run.ts and its table. */
import type { Quartiles } from "../../src/lab/statistics/quartiles.ts";

/** A variant of a case. */
export interface Row {
  readonly case: string;
  /** Rows of activations x inputs x outputs, or the batch. */
  readonly size: string;
  readonly peer: string;
  readonly variant: string;
  readonly version: string;
  readonly runtime: "native" | "wasm";
  readonly instructionSet: string;
  readonly threads: number;
  /** One-minute load average when the case was done. */
  readonly load: number;
  /** Why there are no numbers; null if there are. */
  readonly missing: string | null;
  readonly rounds: number;
  readonly ms: Quartiles;
  /** Billions of operations of the dense computation, whatever was skipped, per second at the median time. */
  readonly gigaflops: number;
  /** Time of this variant / time of trisparse on the same runtime, round by round; by pattern. */
  readonly ours: Readonly<Record<string, Quartiles>>;
}

export interface Report {
  readonly machine: {
    readonly cpu: string;
    readonly cores: number;
    readonly node: string;
    /** Load average before and after. */
    readonly load: readonly [number, number];
  };
  /** Peers that were not there, with the reasons. */
  readonly skipped: readonly string[];
  readonly rows: readonly Row[];
}

function spread({ median, q1, q3 }: Quartiles, digits: number): string {
  return `${median.toFixed(digits)} (${q1.toFixed(digits)}..${q3.toFixed(digits)})`;
}

function cells(row: Row, patterns: readonly string[]): string[] {
  const { median } = row.ms;
  const on = `${row.runtime === "wasm" ? "WASM" : "native"} ${row.instructionSet}`;
  const numbers =
    row.missing === null
      ? [
          spread(row.ms, median < 10 ? 3 : median < 100 ? 2 : 0),
          row.gigaflops < 10 ? row.gigaflops.toFixed(1) : row.gigaflops.toFixed(0),
          ...patterns.map((pattern) => (row.ours[pattern] === undefined ? "" : spread(row.ours[pattern], 2))),
        ]
      : [row.missing, "", ...patterns.map(() => "")];
  const { case: what, size, threads, variant, version } = row;
  return [what, size, String(threads), variant, version, on, ...numbers, String(row.rounds), row.load.toFixed(2)];
}

/** The table as Markdown. */
export function tableText({ machine, skipped, rows }: Report): string {
  const patterns = [...new Set(rows.flatMap(({ ours }) => Object.keys(ours)))];
  const head = [
    ...["case", "size", "threads", "variant", "version", "on", "ms (quartiles)", "GF/s"],
    ...patterns.map((pattern) => `ours ${pattern}`),
    ...["rounds", "load"],
  ];
  const texts = [head, ...rows.map((row) => cells(row, patterns))];
  const widths = head.map((_, column) => Math.max(...texts.map((text) => text[column].length)));
  const [first, ...others] = texts.map((text) => text.map((one, column) => one.padEnd(widths[column])));
  const lines = [first, widths.map((width) => "-".repeat(width)), ...others];
  return [
    "# trisparse beside other libraries",
    "",
    "Written by `npx tsx bench/peers/run.ts`; what is compared and how is in [bench/peers](../../bench/peers/README.md).",
    `${machine.cpu}, ${machine.cores} cores, Node ${machine.node}, load ${machine.load.map((x) => x.toFixed(2)).join(" to ")}.`,
    "",
    '"ours" columns: time of the row / time of trisparse dense, 2:4 or 2:4v2 on the same runtime (native or WASM), in the',
    "same round; above 1 trisparse is faster. GF/s: dense operations / median time. Sizes: rows x inputs x outputs.",
    "",
    ...lines.map((line) => `| ${line.join(" | ")} |`),
    ...(skipped.length === 0 ? [] : ["", `Skipped: ${skipped.join("; ")}.`]),
    "",
  ].join("\n");
}
