/** `trisparse bench gemm`: the products on this machine, dense and sparse. */
import { loadavg } from "node:os";
import type { Command } from "commander";
import { benchGemm, GEMMS, type Gemm, type GemmCase, type Size } from "../bench/gemm.ts";
import { gemmText } from "../report/gemm-table.ts";
import { parsePattern } from "../sparse/pattern.ts";
import { machineOf } from "../train/together.ts";
import {
  backendOption,
  checkJson,
  jsonOption,
  type MachineOptions,
  openDevice,
  threadsOption,
  wholeNumber,
} from "./options.ts";
import { writeOutput } from "./output.ts";
import { asUsage, notAmong, usageError } from "./usage.ts";

interface BenchOptions extends MachineOptions {
  readonly sizes: string;
  readonly patterns: string;
  readonly gemm: string;
  readonly packing: boolean;
  readonly rounds: number;
}

export function addBench(program: Command): void {
  program
    .command("bench")
    .summary("time the products of training, dense and sparse, on this machine")
    .description(
      "Times one product after the other, dense and sparse in turn. Pruning and packing are in each sparse call.",
    )
    .argument("<what>", "gemm: the three products of linear layers")
    .option("--sizes <list>", "N for N x N x N, or TxIxO: rows, inputs, outputs", "1024,256x1024x1024")
    .option("--patterns <list>", "patterns, separated by commas", "2:4,2:4v2,1:4,1:4v2")
    .option("--gemm <list>", `some of ${GEMMS.join(", ")}`, GEMMS.join(","))
    .option("--no-packing", "multiply only, from packs that are ready")
    .option("--rounds <count>", "calls of each variant", wholeNumber("rounds", 1), 20)
    .addOption(threadsOption)
    .addOption(backendOption)
    .addOption(jsonOption)
    .action(bench);
}

function bench(what: string, options: BenchOptions): void {
  if (what !== "gemm") throw notAmong("trisparse bench", "one of", ["gemm"], what);
  const sizes = options.sizes.split(",").map(parseSize);
  const patterns = asUsage(() => options.patterns.split(",").map((text) => parsePattern(text.trim())));
  const gemms = options.gemm.split(",").map(parseGemm);
  checkJson(options);
  const load = loadavg()[0];
  const device = openDevice(options);
  const cases: GemmCase[] = sizes.flatMap((size) =>
    gemms.flatMap((gemm) => {
      process.stderr.write(`${gemm} ${size.t} x ${size.i} x ${size.o}\n`);
      return benchGemm(device.kernels, gemm, size, { patterns, packing: options.packing, rounds: options.rounds });
    }),
  );
  const machine = machineOf(device, load);
  writeOutput(options.json, { machine, cases }, gemmText(cases, machine));
}

function parseSize(text: string): Size {
  const numbers = /^(\d+)(?:x(\d+)x(\d+))?$/.exec(text.trim());
  const [t, i, o] =
    numbers === null ? [0, 0, 0] : [numbers[1], numbers[2] ?? numbers[1], numbers[3] ?? numbers[1]].map(Number);
  if (Math.min(t, i, o) >= 1 && Math.max(t, i, o) <= 65_536) return { t, i, o };
  throw usageError(
    "--sizes",
    "N or TxIxO with numbers in 1..65536",
    JSON.stringify(text),
    "For example: --sizes 1024,64x784x512",
  );
}

function parseGemm(text: string): Gemm {
  const found = GEMMS.find((gemm) => gemm === text.trim());
  if (found === undefined) throw notAmong("--gemm", "some of", GEMMS, text.trim());
  return found;
}
