/** A curve of accuracy over sparsity as numbers and as text. */
import { hardnessOf, hardParameterEfficiency, parameterEfficiency } from "../../core/metrics/parameter-efficiency.ts";
import type { CurveRun } from "../runs/curve.ts";
import { intervalOf } from "../statistics/interval.ts";
import { box, bytesText } from "./table.ts";

/** One place of the curve, over its seeds. */
export interface CurvePoint {
  readonly method: string;
  /** The share of zeros that was asked for. */
  readonly sparsity: number;
  readonly seeds: number;
  /** Mean of the scores and its 95 % interval by Student's t; with one seed both ends are the mean. */
  readonly score: number;
  readonly low: number;
  readonly high: number;
  /** Means over the seeds, as those below: share of zeros of all parameters, number of those that are not zero. */
  readonly zeros: number;
  readonly nonZeros: number;
  readonly bytes: number;
  readonly macs: number;
  /** Accuracy in percent for each million of non-zeros; null where the score is none. */
  readonly efficiency: number | null;
  /** The same weighed by hardness; the pool of reference is all runs of the curve. Null without answers. */
  readonly hardEfficiency: number | null;
}

export interface Curve {
  /** What the score is: "accuracy %". */
  readonly unit: string;
  readonly points: readonly CurvePoint[];
}

/** The places of these runs, dense first and each method by rising sparsity. */
export function curveOf(runs: readonly CurveRun[], unit: string): Curve {
  const answersOf = ({ answers = "" }: CurveRun): number[] => Array.from(answers, Number);
  const hasAnswers = runs.length > 0 && runs.every(({ answers }) => answers !== undefined);
  const hardness = hasAnswers ? hardnessOf(runs.map(answersOf)) : null;
  const methods = [...new Set(runs.map(({ method }) => method))];
  methods.sort((a, b) => Number(b === "dense") - Number(a === "dense"));
  const points = methods.flatMap((method) => {
    const own = runs.filter((run) => run.method === method);
    const sparsities = [...new Set(own.map(({ sparsity }) => sparsity))].sort((a, b) => a - b);
    return sparsities.map((sparsity): CurvePoint => {
      const all = own.filter((run) => run.sparsity === sparsity);
      const mean = (of: (run: CurveRun) => number): number => all.reduce((sum, run) => sum + of(run), 0) / all.length;
      const interval = intervalOf(all.map(({ score }) => score));
      const isAlone = all.length < 2;
      return {
        ...{ method, sparsity, seeds: all.length, score: interval.mean },
        low: isAlone ? interval.mean : interval.low,
        high: isAlone ? interval.mean : interval.high,
        zeros: mean(({ nonZeros, parameters }) => 1 - nonZeros / parameters),
        nonZeros: mean(({ nonZeros }) => nonZeros),
        bytes: mean(({ bytes }) => bytes),
        macs: mean(({ macs }) => macs),
        efficiency: unit.startsWith("accuracy")
          ? mean(({ score, nonZeros }) => parameterEfficiency(score, nonZeros))
          : null,
        hardEfficiency:
          hardness === null ? null : mean((run) => hardParameterEfficiency(answersOf(run), hardness, run.nonZeros)),
      };
    });
  });
  return { unit, points };
}

const short = (value: number): string => (value < 1000 ? value.toPrecision(3) : value.toFixed(0));

/** The curve as a table of at most 100 columns. */
export function curveText({ unit, points }: Curve): string {
  const column = (of: (point: CurvePoint) => string): string[] => points.map(of);
  const half = ({ seeds, high, score }: CurvePoint): string =>
    seeds < 2 ? score.toFixed(2) : `${score.toFixed(2)} ± ${(high - score).toFixed(2)}`;
  const optional = (of: (point: CurvePoint) => number | null): string[] =>
    column((point) => {
      const value = of(point);
      return value === null || Number.isNaN(value) ? "-" : short(value);
    });
  const most = Math.max(...points.map(({ seeds }) => seeds));
  return [
    `Over ${most === 1 ? "1 seed" : `${most} seeds: means with 95 % intervals`}. Zeros are of all parameters.`,
    box([
      ["method", column(({ method }) => method), "left"],
      ["sparsity", column(({ sparsity }) => (sparsity === 0 ? "-" : String(sparsity)))],
      [unit, column(half)],
      ["zeros %", column(({ zeros }) => (100 * zeros).toFixed(1))],
      ["stored", column(({ bytes }) => bytesText(bytes))],
      ["M mult-adds", column(({ macs }) => short(macs / 1e6))],
      ["PE", optional(({ efficiency }) => efficiency)],
      ["hPE", optional(({ hardEfficiency }) => hardEfficiency)],
    ]),
    "Stored: weights in their smallest format. Multiply-adds: of one input, if none were by a zero.",
    "PE and hPE: accuracy by millions of non-zeros, plain and weighed by hardness (docs/accounting.md).",
  ].join("\n");
}
