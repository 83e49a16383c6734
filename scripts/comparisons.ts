/** What the comparisons of docs/results say, over their seeds. */
import { readdirSync, readFileSync } from "node:fs";
import { scoreOf } from "../src/core/task/evaluate.ts";
import { withCurrentNames } from "../src/lab/recipes/former-names.ts";
import { methodText } from "../src/lab/report/table.ts";
import type { Comparison } from "../src/lab/runs/compare.ts";

const results = new URL("../docs/results/", import.meta.url);

/** One method over the seeds of a comparison. */
export interface Row {
  readonly name: string;
  readonly isDense: boolean;
  readonly accuracy: { readonly mean: number; readonly spread: number };
  /** Dense step time by this one's. */
  readonly speed: number;
  /** Dense seconds to the least test loss that both reach, by this one's. */
  readonly toEqualLoss: number;
  readonly stepMs: number;
  readonly gemmMs: Comparison["runs"][number]["gemmMs"];
  readonly weightBytes: number;
}

export interface Rows {
  readonly recipe: Comparison["recipe"];
  readonly machine: Comparison["machine"];
  readonly seeds: number;
  readonly rows: readonly Row[];
}

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

export function readResult(name: string): unknown {
  return JSON.parse(readFileSync(new URL(name, results), "utf8"));
}

/** A file of compare, whose recipe may be in the words of 0.1. */
export function readComparison(name: string): Comparison {
  const comparison = readResult(name) as Comparison;
  return { ...comparison, recipe: withCurrentNames(comparison.recipe) as Comparison["recipe"] };
}

export function machineText({ cpu, cores, backend, instructionSet, threads, load }: Comparison["machine"]): string {
  return `${backend} ${instructionSet}, ${threads} thread${threads === 1 ? "" : "s"}, ${cpu} with ${cores} cores, shared, load ${load.join(" to ")}`;
}

/** Files <name>-<seed>.json, one a seed. */
export function comparison(name: string): Rows {
  const files = readdirSync(results).filter((file) => new RegExp(`^${name}-\\d+\\.json$`).test(file));
  const seeds = files.map(readComparison);
  const { recipe, machine, runs } = seeds[0];
  const rows = runs.map((run, i): Row => {
    const own = seeds.map((seed) => seed.runs[i]);
    const accuracies = own.map(scoreOf);
    const squares = accuracies.map((one) => (one - mean(accuracies)) ** 2);
    const spread = Math.sqrt(squares.reduce((a, b) => a + b, 0) / Math.max(1, squares.length - 1));
    const races = own.flatMap(({ equalLoss }) => (equalLoss === null ? [] : [equalLoss]));
    const gemm = (of: keyof Row["gemmMs"]): number => mean(own.map(({ gemmMs }) => gemmMs[of]));
    return {
      name: methodText(run),
      isDense: run.strategy === null && run.method === "dense",
      accuracy: { mean: mean(accuracies), spread },
      speed: mean(own.map(({ speedUp }) => speedUp?.median ?? 1)),
      toEqualLoss: races.length === 0 ? 1 : mean(races.map(({ denseSeconds, seconds }) => denseSeconds / seconds)),
      stepMs: mean(own.map(({ stepMs }) => stepMs.median)),
      gemmMs: {
        ...{ forward: gemm("forward"), inputGrad: gemm("inputGrad") },
        ...{ weightGrad: gemm("weightGrad"), pack: gemm("pack") },
      },
      weightBytes: own[0].weightBytes.packed,
    };
  });
  return { recipe, machine, seeds: seeds.length, rows };
}
