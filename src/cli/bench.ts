/** `trisparse bench`: products and whole training steps on this machine, dense and sparse. */
import { loadavg } from "node:os";
import { type Command, Option } from "commander";
import { PRODUCTS } from "../core/backend/families/products.ts";
import { type Pattern, parsePattern, patternName } from "../core/sparse/pattern.ts";
import { COMPUTES } from "../core/sparsity/plan.ts";
import { benchGemm, benchGemv, convSize, GEMMS, type GemmCase, type Size } from "../lab/bench/gemm.ts";
import { inProcesses, joined, REPEATS, type RepeatedStep } from "../lab/bench/repeats.ts";
import { DEFAULT_PLANS, STEP_MODELS, STEP_PLANS } from "../lab/bench/step.ts";
import { gemmText, sizeText } from "../lab/report/gemm-table.ts";
import { stepText } from "../lab/report/step-table.ts";
import { machineOf } from "../lab/runs/together.ts";
import {
  type ComputeOptions,
  jsonOption,
  type MachineOptions,
  machineOptions,
  oneOf,
  openDevice,
  textOption,
  wholeNumber,
  withOptions,
} from "./options.ts";
import { checkText, type TextOptions, writeOutput } from "./output.ts";
import { asUsage, notAmong, usageError } from "./usage.ts";

interface BenchOptions extends MachineOptions, ComputeOptions, TextOptions {
  readonly sizes: string;
  readonly patterns?: string;
  readonly gemm: string;
  readonly packing: boolean;
  readonly models: string;
  readonly batchSize?: number;
  readonly plans: string;
  readonly rounds: number;
  readonly repeats: number;
}

/** Seconds for the steps of one model, over all processes. */
const SECONDS_OF_STEPS = 25;

export function addBench(program: Command): void {
  const command = program
    .command("bench")
    .summary("Time the products of training and whole steps, dense and sparse, on this machine.")
    .description("Times dense and sparse in turn. Pruning and packing are in each sparse call and step.")
    .argument("<what>", "gemm: the three products of linear layers and convolutions; step: whole training steps");
  withOptions(
    command,
    new Option(
      "--sizes <list>",
      "Time gemm at these sizes. N: N x N x N; TxIxO: rows, inputs, outputs; conv:BATCHxHEIGHTxWIDTHxCHANNELS:KERNEL[:STRIDE[:OUT]].",
    ).default("1024,256x1024x1024"),
    new Option(
      "--patterns <list>",
      "Time these patterns, separated by commas (default: 2:4,2:4v2, for gemm 1:4,1:4v2 too).",
    ),
    new Option(
      "--gemm <list>",
      `Time some of ${GEMMS.join(", ")}. gemv is forward for inference, with packs that are ready.`,
    ).default(PRODUCTS.join(",")),
    new Option("--no-packing", "Time gemm without packing: multiply only, from packs that are ready."),
    new Option("--models <list>", `Time steps of some of ${Object.keys(STEP_MODELS).join(", ")}.`).default(
      Object.keys(STEP_MODELS).join(","),
    ),
    new Option(
      "--batch-size <count>",
      "Time steps with so many images or windows of a text (default: mlp 256, cnn 64, gpt 32, others 128).",
    ).argParser(wholeNumber("batch-size", 1)),
    new Option(
      "--plans <list>",
      `Time steps under methods for weights, sparse in forward only, or strategies: some of ${STEP_PLANS.join(", ")}.`,
    ).default(DEFAULT_PLANS.join(",")),
    new Option("--rounds <count>", "Call each variant so often.").argParser(wholeNumber("rounds", 1)).default(20),
    new Option("--repeats <count>", "Time steps in so many processes, one after the other, for an interval.")
      .argParser(wholeNumber("repeats", 1, 100))
      .default(REPEATS),
    new Option(
      "--compute <how>",
      "Compute products with zeros as sparse, emulated or auto (default: sparse).",
    ).argParser(oneOf("compute", COMPUTES)),
    ...machineOptions,
    textOption,
    jsonOption,
  ).action(bench);
}

async function bench(what: string, options: BenchOptions): Promise<void> {
  const job = { gemm: benchGemms, step: benchSteps }[what];
  if (job === undefined) throw notAmong("trisparse bench", "one of", ["gemm", "step"], what);
  checkText(options);
  await job(options);
}

function benchGemms(options: BenchOptions): void {
  const sizes = options.sizes.split(",").map(parseSize);
  const patterns = patternsOf(options.patterns ?? "2:4,2:4v2,1:4,1:4v2");
  const gemms = options.gemm.split(",").map((text) => among("--gemm", GEMMS, text));
  const load = loadavg()[0];
  const device = openDevice(options);
  const cases: GemmCase[] = sizes.flatMap((size) =>
    gemms.flatMap((gemm) => {
      process.stderr.write(`${gemm} ${sizeText(size)}\n`);
      if (gemm === "gemv") return benchGemv(device.kernels, size, { patterns, rounds: options.rounds });
      return benchGemm(device.kernels, gemm, size, { patterns, packing: options.packing, rounds: options.rounds });
    }),
  );
  const machine = machineOf(device, load);
  writeOutput(options, { machine, cases }, gemmText(cases, machine), options.out);
}

async function benchSteps(options: BenchOptions): Promise<void> {
  const { batchSize, rounds, repeats } = options;
  const models = options.models.split(",").map((text) => among("--models", Object.keys(STEP_MODELS), text));
  const plans = options.plans.split(",").map((text) => among("--plans", STEP_PLANS, text));
  const patterns = patternsOf(options.patterns ?? "2:4,2:4v2");
  const load = loadavg()[0];
  const device = openDevice(options);
  const { backend, threads, instructionSet } = device.kernels;
  const cases: RepeatedStep[] = [];
  for (const model of models) {
    process.stderr.write(`${model}, ${repeats} processes\n`);
    const job = {
      ...{ model, plans, batchSize, rounds, compute: options.compute ?? "sparse" },
      ...{ patterns: patterns.map(patternName), seconds: SECONDS_OF_STEPS / repeats },
      open: backend === "js" ? { backend } : { backend, threads, instructionSet },
    };
    cases.push(...joined(await inProcesses(job, repeats)));
  }
  const machine = machineOf(device, load);
  writeOutput(options, { machine, cases }, stepText(cases, machine), options.out);
}

function patternsOf(list: string): Pattern[] {
  return asUsage(() => list.split(",").map((text) => parsePattern(text.trim())));
}

function parseSize(text: string): Size {
  const numbers = /^(\d+)(?:x(\d+)x(\d+))?$/.exec(text.trim());
  const [t, i, o] =
    numbers === null ? [0, 0, 0] : [numbers[1], numbers[2] ?? numbers[1], numbers[3] ?? numbers[1]].map(Number);
  if (Math.min(t, i, o) >= 1 && Math.max(t, i, o) <= 65_536) return { t, i, o };
  return parseConv(text);
}

function parseConv(text: string): Size {
  const found = /^conv:(\d+)x(\d+)x(\d+)x(\d+):(\d+)(?::(\d+)(?::(\d+))?)?$/.exec(text.trim());
  const [batch, height, width, channels, kernel, stride, out] = (found ?? [])
    .slice(1)
    .map((number, at) => Number(number ?? [1, found![4]][at - 5]));
  const numbers = [batch, height, width, channels, kernel, stride, out];
  const fits = Math.min(...numbers) >= 1 && Math.max(...numbers) <= 65_536 && kernel <= Math.min(height, width) + 2;
  // activations of more than 2 GiB are a typing error
  if (fits && batch * height * width * Math.max(channels, out) <= 2 ** 29)
    return convSize({ batch, height, width, channels, kernel, stride, out });
  throw usageError(
    "--sizes",
    "N, TxIxO or conv:BATCHxHEIGHTxWIDTHxCHANNELS:KERNEL[:STRIDE[:OUT]] with numbers in 1..65536",
    JSON.stringify(text),
    "For example: --sizes 1024,64x784x512,conv:64x16x16x128:3",
  );
}

function among<T extends string>(option: string, known: readonly T[], text: string): T {
  const found = known.find((one) => one === text.trim());
  if (found === undefined) throw notAmong(option, "some of", known, text.trim());
  return found;
}
