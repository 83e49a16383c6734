/** The numbers behind a report. Runs of one kind, which differ in their seeds alone, are joined. */

import { PRODUCTS, type Product } from "../../../core/backend/families/products.ts";
import { expected } from "../../../core/errors.ts";
import { scoreOf } from "../../../core/task/evaluate.ts";
import type { Recipe } from "../../recipes/recipe.ts";
import { nameOf } from "../../recipes/recipe-name.ts";
import type { MaskCorner, RecordedRun } from "../../runs/read-run.ts";
import { watchedOf } from "../../runs/run-folder.ts";
import type { Machine } from "../../runs/together.ts";
import { intervalOf } from "../../statistics/interval.ts";
import { quartiles } from "../../statistics/quartiles.ts";
import { timeToEqualLoss } from "../../statistics/time-to-loss.ts";
import { recipeText } from "../table.ts";

/**
 * The mean over the seeds, and the smallest and largest value; `seconds` are those of training, without evaluations.
 */
export interface Point {
  readonly step: number;
  readonly seconds: number;
  readonly mean: number;
  readonly low: number;
  readonly high: number;
}

/** A mean, and half the width of its 95 % interval over seeds, which is null for a single seed. */
export interface Estimate {
  readonly mean: number;
  readonly half: number | null;
}

export interface LayerCurve {
  readonly layer: string;
  readonly points: readonly Point[];
}

type Verified = NonNullable<RecordedRun["result"]>["verified"][number];

/**
 * Median milliseconds over the steps in which the method is sparse; `rest` is all of a step outside of the products and
 * packing.
 */
export type StepParts = Readonly<Record<Product | "pack" | "rest", number>>;

export interface Kind {
  /** Name with the pattern, and with what sets it apart from other kinds of that name. */
  readonly name: string;
  /** Name without the pattern if all sparse kinds share it. */
  readonly short: string;
  readonly isDense: boolean;
  readonly seeds: readonly number[];
  readonly folders: readonly string[];
  /** Number of runs that have no result yet. */
  readonly unfinished: number;
  readonly trainLoss: readonly Point[];
  /** Number of steps in one point of the training loss. */
  readonly trainLossOver: number;
  readonly watchedLoss: readonly Point[];
  /** Percentage of right answers, or bits per character. */
  readonly watchedScore: readonly Point[];
  readonly finalLoss: Estimate | null;
  readonly finalScore: Estimate | null;
  readonly stepMs: number | null;
  readonly stepParts: StepParts | null;
  /** Number of steps in a run over which the medians are taken; null for all. */
  readonly countedSteps: number | null;
  /** Speed-up as the runs measured it, round by round beside a dense one. */
  readonly speedUp: Estimate | null;
  readonly equalLoss: { readonly loss: number; readonly seconds: number; readonly denseSeconds: number } | null;
  readonly weightBytes: { readonly dense: number; readonly packed: number } | null;
  readonly masks: {
    /** Whether the masks are virtual, that is, those that a dense run would have. */
    readonly virtual: boolean;
    readonly sadShare: readonly Point[];
    readonly flipRate: readonly Point[];
    readonly keptShare: readonly Point[];
    readonly early: readonly Point[];
    readonly layers: readonly {
      readonly layer: string;
      readonly sadShare: readonly Point[];
      readonly flipRate: readonly Point[];
    }[];
    readonly corner: MaskCorner | null;
  } | null;
  readonly gradients: {
    readonly cosine: readonly LayerCurve[];
    readonly error: readonly LayerCurve[];
    /** Curves of the sampled layers alone. */
    readonly variance: readonly LayerCurve[];
  } | null;
  /**
   * The compact models without what penalties zeroed: shares of the trained model's numbers, and how many times as fast
   * they are.
   */
  readonly smaller: {
    readonly parameters: Estimate;
    readonly multiplyAdds: Estimate;
    readonly forward: Estimate;
    readonly step: Estimate;
    /** The largest difference of outputs, relative to the largest output. */
    readonly difference: number;
  } | null;
  readonly plan: RecordedRun["plan"];
  readonly verified: readonly { readonly seed: number; readonly layers: readonly Verified[] }[];
}

export interface Report {
  readonly data: string;
  readonly model: string;
  readonly score: "accuracy" | "bits per character" | "AP50";
  /** The split that curves are of. */
  readonly watched: "validation" | "test";
  readonly epochs: number | null;
  readonly steps: number;
  readonly batch: number;
  readonly optimizer: string;
  readonly kinds: readonly Kind[];
  readonly machines: readonly Machine[];
  /** Number of runs for which no machine was recorded. */
  readonly withoutMachine: number;
}

/** Number of points to which a curve of steps is reduced. */
const POINTS = 100;

export function summarize(runs: readonly RecordedRun[]): Report {
  const [first] = runs;
  checkComparable(runs);
  const groups = grouped(runs);
  const names = namesOf(groups.map(([{ recipe }]) => recipe));
  const dense = groups.find(([{ recipe }]) => isDense(recipe)) ?? [];
  const kinds = groups.map((group, i) => kindOf(group, names[i], dense));
  kinds.sort((a, b) => Number(b.isDense) - Number(a.isDense));
  const { recipe } = first;
  const machines = new Map(
    runs.flatMap(({ machine }) => (machine === null ? [] : [[JSON.stringify(machine), machine]])),
  );
  return {
    data: recipe.data.name,
    model: recipe.model.name,
    score: scoreNameOf(runs),
    watched: first.recipe.data.validation === undefined ? "test" : "validation",
    epochs: recipe.epochs ?? null,
    steps: Math.max(...runs.map(({ steps }) => steps.length)),
    batch: recipe.batchSize,
    optimizer: recipe.optimizer.name,
    kinds,
    machines: [...machines.values()],
    withoutMachine: runs.filter(({ machine }) => machine === null).length,
  };
}

function scoreNameOf(runs: readonly RecordedRun[]): Report["score"] {
  const [end] = runs.flatMap(({ evaluations }) => evaluations.map(watchedOf));
  if (end === undefined || "accuracy" in end) return "accuracy";
  return "ap50" in end ? "AP50" : "bits per character";
}

function checkComparable(runs: readonly RecordedRun[]): void {
  const what = new Set(runs.map(({ recipe: { data, model } }) => `${model.name} on ${data.name}`));
  if (what.size > 1) {
    const todo = "Write a report for each, with --out";
    throw expected("report", "runs of one model on one data set", [...what].join(", "), todo);
  }
  if (runs.some(({ steps }) => steps.length > 0)) return;
  const got = runs.map(({ path }) => path).join(", ");
  throw expected("report", "a run that has taken a step", `none in ${got}`, "Go on with: trisparse resume");
}

function isDense({ strategy, method, inputGrad, weightGrad, activations, regularize = [] }: Recipe): boolean {
  return (
    strategy === undefined &&
    regularize.length === 0 &&
    [method, inputGrad, weightGrad, activations].every(({ name }) => name === "dense")
  );
}

/** The key that runs of one kind share: the recipe without the seed, the place of the files, and what is watched. */
function keyOf({
  seed: _,
  data: { dir: __, file: ___, ...data },
  monitor: ____,
  ...rest
}: Recipe): Record<string, unknown> {
  return { ...rest, data };
}

function grouped(runs: readonly RecordedRun[]): RecordedRun[][] {
  const groups = new Map<string, RecordedRun[]>();
  for (const run of runs) {
    const key = JSON.stringify(keyOf(run.recipe));
    groups.set(key, [...(groups.get(key) ?? []), run]);
  }
  return [...groups.values()];
}

/** Names by method, followed by what differs between recipes of one name. */
function namesOf(recipes: readonly Recipe[]): { readonly name: string; readonly short: string }[] {
  const patterns = new Set(recipes.flatMap(({ strategy, method }) => (strategy ?? method).pattern ?? []));
  const plain = recipes.map((recipe) => recipeText(recipe));
  const flat = recipes.map((recipe) => flattened(keyOf(recipe)));
  return recipes.map((recipe, i) => {
    const alike = flat.filter((_, j) => plain[j] === plain[i]);
    const keys = Object.keys(flat[i]).filter((key) => new Set(alike.map((one) => one[key])).size > 1);
    const apart = keys.map((key) => `${key.split(".").at(-1)} ${flat[i][key]}`);
    const behind = apart.length === 0 ? "" : `, ${apart.join(", ")}`;
    return { name: plain[i] + behind, short: (patterns.size > 1 ? plain[i] : nameOf(recipe)) + behind };
  });
}

function flattened(value: object, path = ""): Record<string, string> {
  return Object.assign(
    {},
    ...Object.entries(value).map(([key, inner]) =>
      typeof inner === "object" && inner !== null
        ? flattened(inner, `${path}${key}.`)
        : { [`${path}${key}`]: String(inner) },
    ),
  );
}

interface Sample {
  readonly step: number;
  readonly value: number;
}

function kindOf(
  runs: readonly RecordedRun[],
  names: { readonly name: string; readonly short: string },
  dense: readonly RecordedRun[],
): Kind {
  const over = Math.max(1, Math.ceil(Math.max(...runs.map(({ steps }) => steps.length)) / POINTS));
  const curve = (of: (run: RecordedRun) => readonly Sample[]): Point[] => meanCurve(runs, of);
  const results = runs.flatMap(({ result }) => result ?? []);
  const ends = runs.flatMap(({ evaluations }) => evaluations.at(-1)?.test ?? []);
  const parts = runs.filter(({ steps }) => steps.length > 0).map(partsOf);
  const meanPart = (of: keyof StepParts): number => mean(parts.map((one) => one[of]));
  const speedUps = results.flatMap(({ speedUp }) => speedUp?.median ?? []);
  return {
    ...names,
    isDense: isDense(runs[0].recipe),
    seeds: runs.map(({ recipe }) => recipe.seed),
    folders: runs.map(({ path }) => path),
    unfinished: runs.length - results.length,
    trainLoss: curve(({ steps }) => binned(steps, over)),
    trainLossOver: over,
    watchedLoss: curve(({ evaluations }) => evaluations.map((one) => ({ step: one.step, value: watchedOf(one).loss }))),
    watchedScore: curve(({ evaluations }) =>
      evaluations.map((one) => ({ step: one.step, value: scoreOf(watchedOf(one)) })),
    ),
    finalLoss: estimate(ends.map(({ loss }) => loss)),
    finalScore: estimate(ends.map(scoreOf)),
    stepMs: parts.length === 0 ? null : mean(runs.filter(({ steps }) => steps.length > 0).map((run) => medianMs(run))),
    stepParts:
      parts.length === 0
        ? null
        : {
            forward: meanPart("forward"),
            inputGrad: meanPart("inputGrad"),
            weightGrad: meanPart("weightGrad"),
            pack: meanPart("pack"),
            rest: meanPart("rest"),
          },
    countedSteps: runs.every((run) => countedSteps(run).length === run.steps.length)
      ? null
      : Math.max(...runs.map((run) => countedSteps(run).length)),
    speedUp: estimate(speedUps),
    equalLoss: isDense(runs[0].recipe) ? null : equalLossOf(runs, dense),
    weightBytes: results[0]?.weightBytes ?? null,
    masks: masksOf(runs),
    gradients: gradientsOf(runs),
    smaller: smallerOf(results),
    plan: runs[0].plan,
    verified: runs.flatMap(({ recipe, result }) =>
      result === null || result.verified.length === 0 ? [] : [{ seed: recipe.seed, layers: result.verified }],
    ),
  };
}

function smallerOf(results: readonly NonNullable<RecordedRun["result"]>[]): Kind["smaller"] {
  const found = results.flatMap(({ compact }) => compact ?? []);
  if (found.length === 0) return null;
  const of = (key: "numbers" | "multiplyAdds" | "forwardMs" | "stepMs", upon: "before" | "after"): Estimate =>
    estimate(
      found.map((one) => (upon === "before" ? one[key].after / one[key].before : one[key].before / one[key].after)),
    )!;
  return {
    ...{ parameters: of("numbers", "before"), multiplyAdds: of("multiplyAdds", "before") },
    ...{ forward: of("forwardMs", "after"), step: of("stepMs", "after") },
    difference: Math.max(...found.map(({ difference }) => difference)),
  };
}

function mean(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / values.length;
}

function estimate(values: readonly number[]): Estimate | null {
  if (values.length === 0) return null;
  const { mean: center, high } = intervalOf(values);
  return { mean: center, half: values.length === 1 ? null : high - center };
}

/** The mean curve as far as all runs have come; the shortest run ends it. */
function meanCurve(runs: readonly RecordedRun[], of: (run: RecordedRun) => readonly Sample[]): Point[] {
  const curves = runs
    .map((run) => ({ samples: of(run), seconds: secondsOf(run) }))
    .filter(({ samples }) => samples.length > 0);
  const count = Math.min(...curves.map(({ samples }) => samples.length));
  if (curves.length === 0) return [];
  return Array.from({ length: count }, (_, i) => {
    const values = curves.map(({ samples }) => samples[i].value);
    const { step } = curves[0].samples[i];
    return {
      step,
      seconds: mean(curves.map(({ seconds }) => seconds(step))),
      mean: mean(values),
      low: Math.min(...values),
      high: Math.max(...values),
    };
  });
}

/** Gives the seconds of training before a step, which may be a fraction. */
function secondsOf({ steps }: RecordedRun): (step: number) => number {
  const sums = [0];
  for (const { ms } of steps) sums.push(sums[sums.length - 1] + ms / 1000);
  return (step) => {
    const at = Math.min(Math.max(0, step), steps.length);
    const low = Math.floor(at);
    return sums[low] + (at - low) * ((sums[low + 1] ?? sums[low]) - sums[low]);
  };
}

/** Means over `over` steps each, at their middles; the last one may be over fewer. */
function binned(steps: RecordedRun["steps"], over: number): Sample[] {
  return Array.from({ length: Math.ceil(steps.length / over) }, (_, i) => {
    const part = steps.slice(i * over, (i + 1) * over);
    return { step: i * over + part.length / 2, value: mean(part.map(({ loss }) => loss)) };
  });
}

/** The steps that count, as in the table of compare: those that are sparse, or all if a method is never sparse. */
function countedSteps({ steps }: RecordedRun): RecordedRun["steps"] {
  const sparse = steps.filter(({ pruned }) => pruned);
  return sparse.length === 0 ? steps : sparse;
}

function medianMs(run: RecordedRun): number {
  return quartiles(countedSteps(run).map(({ ms }) => ms)).median;
}

function partsOf(run: RecordedRun): StepParts {
  const steps = countedSteps(run);
  const median = (of: (step: (typeof steps)[number]) => number): number => quartiles(steps.map(of)).median;
  const { forward, inputGrad, weightGrad, pack } = {
    forward: median(({ gemmMs }) => gemmMs.forward),
    inputGrad: median(({ gemmMs }) => gemmMs.inputGrad),
    weightGrad: median(({ gemmMs }) => gemmMs.weightGrad),
    pack: median(({ gemmMs }) => gemmMs.pack),
  };
  // so that the parts add up to the step; the sum of the parts' medians is close to the median of their sum
  const rest = Math.max(0, medianMs(run) - forward - inputGrad - weightGrad - pack);
  return { forward, inputGrad, weightGrad, pack, rest };
}

/** The time of each seed to the loss that it and the dense run of its seed both reach, averaged over the seeds. */
function equalLossOf(runs: readonly RecordedRun[], dense: readonly RecordedRun[]): Kind["equalLoss"] {
  const pairs = runs.flatMap((run) => {
    const beside = dense.find(({ recipe }) => recipe.seed === run.recipe.seed);
    // with a single evaluation nothing but its own time is known
    if (beside === undefined || run.evaluations.length < 2 || beside.evaluations.length < 2) return [];
    return timeToEqualLoss(lossCurve(beside), lossCurve(run)) ?? [];
  });
  if (pairs.length === 0) return null;
  return {
    loss: mean(pairs.map(({ loss }) => loss)),
    seconds: mean(pairs.map(({ seconds }) => seconds)),
    denseSeconds: mean(pairs.map(({ denseSeconds }) => denseSeconds)),
  };
}

function lossCurve(run: RecordedRun): { seconds: number; loss: number }[] {
  const seconds = secondsOf(run);
  return run.evaluations.map((one) => ({ seconds: seconds(one.step), loss: watchedOf(one).loss }));
}

function masksOf(runs: readonly RecordedRun[]): Kind["masks"] {
  const watched = runs.filter(({ masks }) => masks.length > 0);
  if (watched.length === 0) return null;
  const [{ masks }] = watched;
  const layers = [...new Set(masks.flatMap((record) => record.masks.map(({ layer }) => layer)))];
  const all = (of: (record: (typeof masks)[number]) => number): Point[] =>
    meanCurve(watched, (run) => run.masks.map((record) => ({ step: record.step, value: of(record) })));
  const ofLayer = (layer: string, of: "sadShare" | "flipRate"): Point[] =>
    meanCurve(watched, (run) =>
      run.masks.flatMap(({ step, masks: records }) => {
        const own = records.find((one) => one.layer === layer);
        return own === undefined ? [] : [{ step, value: own[of] }];
      }),
    );
  return {
    virtual: masks[0].virtual,
    sadShare: all(({ sadShare }) => sadShare),
    flipRate: all(({ flipRate }) => flipRate),
    keptShare: all(({ keptShare }) => keptShare),
    early: meanCurve(watched, ({ result }) =>
      (result?.structure?.early ?? []).map(({ step, overlap }) => ({ step, value: overlap })),
    ),
    layers: layers.map((layer) => ({
      layer,
      sadShare: ofLayer(layer, "sadShare"),
      flipRate: ofLayer(layer, "flipRate"),
    })),
    corner: watched.find(({ corner }) => corner !== null)?.corner ?? null,
  };
}

function gradientsOf(runs: readonly RecordedRun[]): Kind["gradients"] {
  const watched = runs.filter(({ gradients }) => gradients.length > 0);
  if (watched.length === 0) return null;
  const layers = [...new Set(watched[0].gradients.flatMap(({ gradients }) => gradients.map(({ layer }) => layer)))];
  // a backward pass meets the last layer first, so layers are sorted by the plan
  const place = new Map(watched[0].plan.map(({ name }, i) => [name, i]));
  layers.sort((a, b) => (place.get(a) ?? 0) - (place.get(b) ?? 0));
  const curves = (of: "cosine" | "error" | "variance"): LayerCurve[] =>
    layers.flatMap((layer) => {
      const points = meanCurve(watched, (run) =>
        run.gradients.flatMap(({ step, gradients }) => {
          const value = gradients.find((one) => one.layer === layer)?.[of] ?? null;
          return value === null ? [] : [{ step, value }];
        }),
      );
      return points.length === 0 ? [] : [{ layer, points }];
    });
  return { cosine: curves("cosine"), error: curves("error"), variance: curves("variance") };
}

/** Whether all three products are dense in every layer of a plan. */
export function isDenseLayer({ computed }: RecordedRun["plan"][number]): boolean {
  return PRODUCTS.every((product) => computed[product] === "dense");
}
