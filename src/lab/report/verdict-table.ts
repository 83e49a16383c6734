/** The end of a comparison as text of at most 100 columns: a verdict in one sentence, and one table. */
import { scored } from "../../core/task/objective.ts";
import type { MethodSummary } from "../runs/against-dense.ts";
import type { Comparison } from "../runs/compare.ts";
import { type Interval, intervalText } from "../statistics/interval.ts";
import { box, compactText, denseText, durationText, machineText, methodText, roseText, wrapped } from "./table.ts";

const WIDTH = 100;

/** The sentence, the table, what explains it, and what a user has to know of single runs. */
export function verdictText(comparison: Comparison): string {
  const { methods, runs, machine, seeds } = comparison;
  const { name: scoreName, decimals } = scored(runs[0]);
  const besides = methods.map(({ beside }) => beside);
  const compared = besides.some((beside) => beside !== null);
  const differences = (of: (beside: NonNullable<MethodSummary["beside"]>) => Interval, least: number): string[] => {
    const known = besides.map((beside) => (beside === null ? null : of(beside)));
    const digits = Math.max(...known.map((one) => (one === null ? 0 : digitsFor(one, least))));
    return known.map((one) => (one === null ? "" : intervalText(one, digits)));
  };
  const first = runs.slice(0, methods.length);
  return [
    ...sentence(comparison),
    box([
      ["method", methods.map(methodText), "left"],
      ["test loss", methods.map(({ loss }) => loss.mean.toFixed(4))],
      ...(compared ? ([["minus dense", differences(({ loss }) => loss, 3)]] as const) : []),
      [scoreName, methods.map(({ score }) => score.mean.toFixed(decimals))],
      ...(compared
        ? ([
            ["minus dense", differences(({ score }) => score, decimals)],
            ["speed of a step", speeds(methods)],
          ] as const)
        : []),
    ]),
    ...(compared ? [wrapped(explanation(seeds.length), WIDTH)] : []),
    ...timeText(comparison),
    ...searchText(comparison),
    ...methods.flatMap((one) => raceText(one, runs[0].validation === undefined ? "test" : "validation")),
    ...compactText(first),
    ...denseText(first),
    ...runs.flatMap(roseText),
    machineText(machine),
  ].join("\n");
}

/** Decimals that show two digits of half the interval, but at least `least` and at most 4. */
function digitsFor({ mean, high }: Interval, least: number): number {
  const half = high - mean;
  const digits = half > 0 && Number.isFinite(half) ? 1 - Math.floor(Math.log10(half)) : 4;
  return Math.min(4, Math.max(least, digits));
}

function explanation(seeds: number): string {
  const speed = "Speed of a step: dense time / time, in turn with dense, pruning and packing included.";
  if (seeds === 1) return `One seed: differences may be chance, and have no interval. ${speed}`;
  return `Means of ${seeds} seeds. Differences are paired by seed; ± is half of a 95 % interval. ${speed}`;
}

/** The verdict; empty where there is nothing to compare. */
function sentence({ methods, verdict, equal, seeds }: Comparison): string[] {
  if (verdict === null) return [];
  const best = methods[verdict.best];
  const { loss } = best.beside!;
  const name = methodText(best);
  const others = methods.filter(({ beside }) => beside !== null).length > 1;
  const after = equal === "time" ? "after equal time" : "after as many steps";
  const by = `${intervalText({ mean: Math.abs(loss.mean), high: Math.abs(loss.mean) + loss.high - loss.mean }, digitsFor(loss, 3), false)}`;
  const sure = `(95 %, ${seeds.length} seeds)`;
  const text = {
    better: `On this machine, ${after}, ${name} is better than dense: its test loss is lower by ${by} ${sure}. Use it.`,
    worse: `On this machine, ${after}, dense is better than ${others ? "every sparse method" : name}: the test loss of ${name}${others ? ", the best of them," : ""} is higher by ${by} ${sure}. Stay with dense.`,
    undecided:
      seeds.length === 1
        ? `Undecided: one seed cannot tell a difference of test loss from chance. Compare over more, such as --seeds 5.`
        : `Undecided: on this machine, ${after}, the test losses of ${name} and dense do not differ beyond chance: ${intervalText(loss, digitsFor(loss, 3))} ${sure}.`,
  }[verdict.verdict];
  return [wrapped(text, WIDTH)];
}

/** Steps and seconds of the methods; a warning where time is not as equal as it should be. */
function timeText({ methods, runs, equal }: Comparison): string[] {
  const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
  const times = methods.map((one, i) => {
    return `${methodText(one)} ${runs[i].steps} steps, ${durationOf(mean(one.seconds))}`;
  });
  const apart = methods.filter(({ beside }) => beside !== null && Math.abs(beside.time.mean - 1) > 0.1);
  const unequal =
    equal === "time" && apart.length > 0
      ? ` The times are not equal: the machine had other work. Repeat it when it is idle, or read the races to equal loss.`
      : "";
  return [wrapped(`Trained: ${times.join("; ")}.${unequal}`, WIDTH)];
}

/** What was chosen for each method, of how many trials. */
function searchText({ search }: Comparison): string[] {
  const texts = search.flatMap(({ method, chosen, trials }) => {
    const values = Object.entries(chosen).map(([key, value]) => `${key} ${JSON.stringify(value)}`);
    return trials.length === 0 ? [] : [`${method} ${values.join(", ")} (of ${trials.length})`];
  });
  return texts.length === 0 ? [] : [wrapped(`Chosen on the validation split: ${texts.join("; ")}.`, WIDTH)];
}

const durationOf = (seconds: number): string => (seconds < 60 ? `${seconds.toFixed(1)} s` : durationText(seconds));

/** How much sooner a method reaches a loss that dense reaches too. */
function raceText(one: MethodSummary, split: string): string[] {
  const race = one.beside?.equalLoss ?? null;
  if (race === null) return [];
  const target = `To the least loss that both reach on the ${split} split`;
  return [wrapped(`${target}: ${methodText(one)} is ${intervalText(race, 2, false)} times as fast as dense.`, WIDTH)];
}

function speeds(methods: readonly MethodSummary[]): string[] {
  return methods.map(({ beside, isDense }) => {
    if (beside === null) return isDense ? "1" : "";
    const { speedUp } = beside;
    const text = intervalText(speedUp, 2, false);
    return speedUp.high < 1 || (!Number.isFinite(speedUp.high) && Number(speedUp.mean.toFixed(2)) < 1)
      ? `slower: ${text}`
      : text;
  });
}
