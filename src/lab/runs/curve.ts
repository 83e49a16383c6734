/** Accuracy over sparsity: one recipe under several methods, each at several sparsities, over seeds. */
import { appendFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Dataset } from "../../core/data/dataset.ts";
import { expected } from "../../core/errors.ts";
import { patternName } from "../../core/sparse/pattern.ts";
import { account, totalMacs } from "../../core/sparsity/accounting.ts";
import { strategies } from "../../core/sparsity/methods/strategies.ts";
import { unstructuredMethods } from "../../core/sparsity/methods/unstructured/methods.ts";
import { SCORES } from "../../core/sparsity/methods/unstructured/scores.ts";
import { weightMethods } from "../../core/sparsity/methods/weights/methods.ts";
import { answersOf } from "../../core/task/answers.ts";
import { scored } from "../../core/task/objective.ts";
import type { Device } from "../../core/tensor/device.ts";
import { writeFileAtomically } from "../../node/files.ts";
import type { Recipe } from "../recipes/recipe.ts";
import { withMethod } from "./compare.ts";
import { Run } from "./run.ts";

/** The largest M of a pattern. */
const LARGEST_M = 16;

/** The pruning scores as words of their own: "prune-obd" is prune with this score. */
const PRUNE = /^prune-(.+)$/;

/** The words that a curve takes for methods. Dense is always in it. */
export const CURVE_METHODS: readonly string[] = [
  ...unstructuredMethods.map(({ name }) => name),
  ...SCORES.map((score) => `prune-${score}`),
  ...weightMethods.flatMap(({ name, sparse }) => (sparse ? [name] : [])),
  ...strategies.map(({ name }) => name),
];

/**
 * The pattern N:M that has this share of zeros, with the least M from 4 to 16; null if there is none. From 4 on, because
 * 2:4 is what is meant by a half.
 */
export function patternOf(sparsity: number): string | null {
  for (let m = 4; m <= LARGEST_M; m++) {
    const n = Math.round(m * (1 - sparsity));
    if (n > 0 && n < m && Math.abs(n / m - (1 - sparsity)) < 1e-9) return patternName({ n, m, v: 1 });
  }
  return null;
}

/** The recipe under a method at a sparsity. Throws if the method has no masks of this sparsity. */
export function atSparsity(recipe: Recipe, method: string, sparsity: number): Recipe {
  const score = PRUNE.exec(method)?.[1];
  const name = score === undefined ? method : "prune";
  if (unstructuredMethods.some((one) => one.name === name)) {
    // the method of the recipe keeps its options
    const own = recipe.method.name === name ? recipe.method : {};
    return withMethod(recipe, { ...own, name, sparsity, ...(score === undefined ? {} : { score }) });
  }
  const pattern = patternOf(sparsity);
  if (pattern === null)
    throw expected(
      `${method} at sparsity ${sparsity}`,
      `a share of zeros of a pattern N:M with M up to ${LARGEST_M}`,
      String(sparsity),
      "Name 0.5, 0.75, 0.875 or 0.9375",
    );
  if (strategies.some((one) => one.name === name)) return withMethod(recipe, { strategy: { name, pattern } });
  return withMethod(recipe, { ...(recipe.method.name === name ? recipe.method : {}), name, pattern });
}

/** A place of the curve: a method at a sparsity. */
export interface CurvePlace {
  readonly method: string;
  /** The share of zeros that was asked for in the layers that are pruned; 0 for dense. */
  readonly sparsity: number;
  readonly recipe: Recipe;
}

/** One run of a place. */
export interface CurveRun {
  readonly method: string;
  readonly sparsity: number;
  readonly seed: number;
  /** What was trained, this seed included. */
  readonly recipe: Recipe;
  /** The last evaluation on the test split, in percentage points or bits per character. */
  readonly score: number;
  readonly loss: number;
  /** Number of all parameters, and of those that are not zero. */
  readonly parameters: number;
  readonly nonZeros: number;
  /** Bytes of all parameters, each weight in its smallest storage format. */
  readonly bytes: number;
  /** Multiply-adds of one input, forward, if nothing multiplied by a zero. */
  readonly macs: number;
  /** "1" for each test image that is answered right, else "0"; only for images. */
  readonly answers?: string;
}

const FILE = "curve.jsonl";

/** The runs of a folder that are done. */
export function readCurve(folder: string): CurveRun[] {
  const path = join(folder, FILE);
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, "utf8").split("\n");
  // the last line of a process that died may be half of one
  return lines.slice(0, -1).map((line) => JSON.parse(line) as CurveRun);
}

const lineOf = (run: CurveRun): string => `${JSON.stringify(run)}\n`;

/**
 * Trains what is left of each place over so many seeds, from that of its recipe on, and keeps each result in the folder.
 * Returns the runs of these places.
 * The data are the same for all seeds: these draw the weights and the order alone.
 */
export function trainCurve(
  folder: string,
  places: readonly CurvePlace[],
  seeds: number,
  data: Dataset,
  device: Device,
  onRun: (text: string, done: number, all: number) => void = () => {},
): CurveRun[] {
  mkdirSync(folder, { recursive: true });
  const jobs = Array.from({ length: seeds }, (_, i) => places.map((place) => ({ ...place, i }))).flat();
  const found = readCurve(folder);
  const asked: CurveRun[] = [];
  // without the half line of a process that died
  writeFileAtomically(join(folder, FILE), found.map(lineOf).join(""));
  for (const [done, { method, sparsity, recipe, i }] of jobs.entries()) {
    const seed = recipe.seed + i;
    const own = { ...recipe, seed };
    const known = found.find((run) => isSame(run, { method, sparsity, recipe: own }));
    if (known !== undefined) {
      asked.push(known);
      continue;
    }
    onRun(`${method}${sparsity === 0 ? "" : ` ${sparsity}`}, seed ${seed}`, done, jobs.length);
    const result = { method, sparsity, seed, recipe: own, ...trained(own, data, device) };
    appendFileSync(join(folder, FILE), lineOf(result));
    asked.push(result);
  }
  return asked;
}

/** Whether a run is of this place; a folder may hold those of other calls. */
function isSame(run: CurveRun, { method, sparsity, recipe }: CurvePlace): boolean {
  return run.method === method && run.sparsity === sparsity && JSON.stringify(run.recipe) === JSON.stringify(recipe);
}

function trained(
  recipe: Recipe,
  data: Dataset,
  device: Device,
): Omit<CurveRun, "method" | "sparsity" | "seed" | "recipe"> {
  const run = new Run(recipe, data, device);
  while (!run.done) run.advance();
  const evaluation = run.evaluate();
  const patterns = new Map(Object.entries(run.session.patterns()).map(([name, { pattern }]) => [name, pattern]));
  const answers = data.kind === "images" ? { answers: answersOf(run.model, device, run.batches).join("") } : {};
  // from here on the weights are those by which products multiplied
  run.session.detach();
  const costs = account(run.model, run.inputShape, 1, new Map(), patterns);
  const multiplying = costs.layers.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
  const weightBytes = costs.layers.reduce((sum, { bytes, smallest }) => sum + bytes[smallest], 0);
  return {
    ...{ score: scored(evaluation).value, loss: evaluation.loss },
    ...{ parameters: costs.parameters, nonZeros: costs.nonZeros },
    bytes: weightBytes + 4 * (costs.parameters - multiplying),
    macs: totalMacs(costs, "effective", ["forward"]),
    ...answers,
  };
}
