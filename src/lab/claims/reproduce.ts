/**
 * Tries claims at a scale. Every run has a folder, named after its recipe, that claims with the same run share. A
 * finished run is not repeated, and an interrupted one goes on from its last checkpoint.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { loadavg } from "node:os";
import { join } from "node:path";
import type { Dataset } from "../../core/data/dataset.ts";
import { TrisparseError } from "../../core/errors.ts";
import { parsePattern } from "../../core/sparse/pattern.ts";
import { scoreOf } from "../../core/task/evaluate.ts";
import type { Device } from "../../core/tensor/device.ts";
import { benchStep, type StepPlan } from "../bench/step.ts";
import { loadData, sources } from "../data/sources.ts";
import { parseRecipe, type Recipe } from "../recipes/recipe.ts";
import { readJson, writeJson } from "../runs/json-file.ts";
import { RunFolder, readResult } from "../runs/run-folder.ts";
import { machineOf, type RunResult, trainTogether } from "../runs/together.ts";
import { quartiles } from "../statistics/quartiles.ts";
import type { Bench, Claim, Contrast, Measurement, Scale } from "./claim.ts";
import { keep, keptClaims } from "./kept.ts";
import type { ClaimResult, Finding, VariantSummary } from "./result.ts";
import { type Interval, intervals, verdictOf, verdictOfAll } from "./verdict.ts";

export interface ReproduceOptions {
  readonly scale: Scale;
  readonly seeds: number;
  /** A new folder, or one of earlier calls at this scale. */
  readonly out: string;
  /** Folder that holds a folder for each data set, or images/ and text/ with them. */
  readonly dataDir?: string | undefined;
  readonly onRun?: (claim: string, variant: string, seed: number, done: number, all: number) => void;
}

/**
 * Tries one claim after the other; one that fails does not stop the others. The result of each is written at once to
 * the claims.json of the folder, in place of what an earlier call found for it.
 */
export async function reproduce(
  claims: readonly Claim[],
  device: Device,
  options: ReproduceOptions,
): Promise<ClaimResult[]> {
  const { out, scale } = options;
  keptClaims(out, scale);
  mkdirSync(join(out, "runs"), { recursive: true });
  const results: ClaimResult[] = [];
  for (const claim of claims) {
    const [load] = loadavg();
    const found = await tryClaim(claim, device, options);
    const result = { ...found, seeds: options.seeds, machine: machineOf(device, load) };
    keep(out, result);
    results.push(result);
  }
  return results;
}

async function tryClaim(
  claim: Claim,
  device: Device,
  options: ReproduceOptions,
): Promise<Omit<ClaimResult, "seeds" | "machine">> {
  const { name, source, sentence, run } = claim;
  const { scale } = options;
  const about = { name, source, sentence, run, scale };
  try {
    const { runs, variants } = await trainVariants(claim, device, options);
    const findings = [
      ...contrastsOf(claim.contrasts, runs, options.seeds),
      ...(await measured(claim, device, options)),
    ];
    const verdict = verdictOfAll(findings.map((finding) => finding.verdict));
    return { ...about, verdict, error: null, findings, variants };
  } catch (error) {
    // an error in the program itself must be seen
    if (!(error instanceof TrisparseError)) throw error;
    return { ...about, verdict: "failed", error: error.message, findings: [], variants: [] };
  }
}

/** The results by variant, one for each seed. */
type Runs = ReadonlyMap<string, readonly RunResult[]>;

async function trainVariants(
  { name, variants }: Claim,
  device: Device,
  { scale, seeds, out, dataDir, onRun }: ReproduceOptions,
): Promise<{ runs: Runs; variants: VariantSummary[] }> {
  const runs = new Map<string, RunResult[]>();
  const folders = new Map<string, string[]>();
  const lines = Object.entries(variants(scale));
  let done = 0;
  for (let seed = 1; seed <= seeds; seed++) {
    for (const [variant, changes] of lines) {
      onRun?.(name, variant, seed, done++, seeds * lines.length);
      const recipe = withData(parseRecipe({ ...changes, seed }, `${name}, ${variant}`), dataDir);
      const folder = join("runs", nameOf(recipe));
      runs.set(variant, [...(runs.get(variant) ?? []), await finishedRun(join(out, folder), recipe, device)]);
      folders.set(variant, [...(folders.get(variant) ?? []), folder]);
    }
  }
  const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
  const summaries = [...runs].map(([variant, results]): VariantSummary => {
    const scores = results.map(scoreOf);
    const loss = mean(results.map((result) => result.loss));
    return { variant, seeds: results.length, loss, score: mean(scores), runs: folders.get(variant)! };
  });
  return { runs, variants: summaries };
}

/** The recipe with the folder of its data set: DIR/NAME, DIR/images/NAME or DIR/text. */
function withData(recipe: Recipe, dir: string | undefined): Recipe {
  if (dir === undefined || recipe.data.dir !== undefined || sources[recipe.data.name].isMade) return recipe;
  // without a file, the text is generated
  if (recipe.data.name === "text" && recipe.data.file === undefined) return recipe;
  const { name } = recipe.data;
  const found = [join(dir, name), join(dir, "images", name)].find((path) => existsSync(path));
  return { ...recipe, data: { ...recipe.data, dir: found ?? join(dir, name) } };
}

/** The name of a run's folder: it depends on everything that the run depends on, but not on where its data are. */
function nameOf({ about: _, data: { dir: __, ...data }, ...rest }: Recipe): string {
  const hash = createHash("sha256")
    .update(JSON.stringify({ ...rest, data }))
    .digest("hex")
    .slice(0, 10);
  const { name } = rest.strategy ?? rest.method;
  return `${data.name}-${rest.model.name}-${name}-${rest.seed}-${hash}`;
}

function dataOf({ data: { name, dir, file, shuffled, limit }, seed }: Recipe): Promise<Dataset> {
  return loadData(name, { dir, file, seed, shuffled, limit });
}

async function finishedRun(path: string, recipe: Recipe, device: Device): Promise<RunResult> {
  const file = join(path, "result.json");
  if (!existsSync(file)) {
    const data = await dataOf(recipe);
    const folder = existsSync(join(path, "recipe.json")) ? RunFolder.open(path) : RunFolder.create(path, recipe);
    await trainTogether([folder], data, device, { compute: "sparse" });
    // hundreds of runs: what is left is what reports read
    for (const large of ["checkpoint.safetensors", "weights.safetensors"]) rmSync(join(path, large), { force: true });
  }
  return readResult("run", file) as RunResult;
}

function contrastsOf(contrasts: readonly Contrast[], runs: Runs, seeds: number): Finding[] {
  const differences = contrasts.map(({ quantity, sum }) =>
    Array.from({ length: seeds }, (_, seed) =>
      Object.entries(sum).reduce((total, [variant, factor]) => {
        return total + factor * quantity.of(runs.get(variant)![seed]);
      }, 0),
    ),
  );
  // contrasts of one quantity share one spread
  const spread = new Map<string, Interval[]>();
  for (const { quantity } of contrasts) {
    const own = differences.filter((_, i) => contrasts[i].quantity === quantity);
    spread.set(quantity.name, intervals(own));
  }
  return contrasts.map((contrast, i): Finding => {
    const { quantity, says, atMost, atLeast } = contrast;
    const place = contrasts.slice(0, i).filter((one) => one.quantity === quantity).length;
    const value = spread.get(quantity.name)![place];
    const verdict = verdictOf(value, contrast);
    return { says, quantity: quantity.name, unit: quantity.unit, value, atMost, atLeast, verdict };
  });
}

async function measured(
  { name, measurements = [] }: Claim,
  device: Device,
  { scale, seeds, out, dataDir }: ReproduceOptions,
): Promise<Finding[]> {
  const { kernels } = device;
  const folder = join(out, "measured");
  const bench: Bench = {
    scale,
    threads: kernels.threads,
    ...{ seeds, device },
    load: async (given) => {
      const recipe = withData(parseRecipe(given, name), dataDir);
      return { recipe, data: await dataOf(recipe) };
    },
    kept: async (given, make) => {
      const file = join(folder, `${name}-${nameOf(parseRecipe(given, name))}.json`);
      if (!existsSync(file)) {
        const found = await make();
        mkdirSync(folder, { recursive: true });
        writeJson(file, found);
      }
      return readJson(name, file) as Awaited<ReturnType<typeof make>>;
    },
    stepSpeedUp: (model, plan, pattern) => {
      const options = {
        plans: [plan as StepPlan],
        patterns: [parsePattern(pattern)],
        seconds: scale === "smoke" ? 3 : 15,
      };
      return benchStep(kernels, model, options)[0].ratio;
    },
  };
  const findings: Finding[] = [];
  for (const measurement of measurements) findings.push(await findingOf(measurement, bench));
  return findings;
}

async function findingOf(measurement: Measurement, bench: Bench): Promise<Finding> {
  const { says, name, unit, atMost, atLeast, overSeeds = false } = measurement;
  const found = await measurement.measure(bench);
  const { median, q1, q3 } = quartiles([...found]);
  const value = overSeeds ? intervals([found])[0] : { mean: median, error: Number.NaN, low: q1, high: q3 };
  return { says, quantity: name, unit, value, atMost, atLeast, verdict: verdictOf(value, measurement) };
}
