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
import { scoreOf } from "../../core/task/evaluate.ts";
import type { Device } from "../../core/tensor/device.ts";
import { inProcesses, REPEATS } from "../bench/repeats.ts";
import { loadData, sources } from "../data/sources.ts";
import { parseRecipe, type Recipe } from "../recipes/recipe.ts";
import { readJson, writeJson } from "../runs/json-file.ts";
import { RunFolder, readResult } from "../runs/run-folder.ts";
import { machineOf, type RunResult, trainTogether } from "../runs/together.ts";
import type { Bench, Claim, Contrast, Scale } from "./claim.ts";
import { keep, keptClaims } from "./kept.ts";
import type { ClaimResult, Finding, VariantSummary } from "./result.ts";
import { type Bounds, judge, verdictOfAll } from "./verdict.ts";

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
    const found = [
      ...claim.contrasts.map((contrast) => contrasted(contrast, runs, options.seeds)),
      ...(await measured(claim, device, options)),
    ];
    const judged = judge(found);
    const findings = found.map((one, i): Finding => ({ ...one, ...judged[i] }));
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
    const losses = results.map((result) => result.loss);
    const means = { loss: mean(losses), score: mean(scores) };
    return { variant, seeds: results.length, ...means, losses, scores, runs: folders.get(variant)! };
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

function dataOf({ data: { name, dir, file, shuffled, limit, validation }, seed }: Recipe): Promise<Dataset> {
  return loadData(name, { dir, file, seed, shuffled, limit, validation });
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

/** A finding before its verdict, which depends on the others of its claim. */
interface Found extends Bounds, Pick<Finding, "says" | "quantity" | "unit" | "values"> {}

function contrasted({ says, quantity, sum, atMost, atLeast }: Contrast, runs: Runs, seeds: number): Found {
  const values = Array.from({ length: seeds }, (_, seed) =>
    Object.entries(sum).reduce((total, [variant, factor]) => {
      return total + factor * quantity.of(runs.get(variant)![seed]);
    }, 0),
  );
  return { says, quantity: quantity.name, unit: quantity.unit, values, atMost, atLeast };
}

async function measured(
  { name, measurements = [] }: Claim,
  device: Device,
  { scale, seeds, out, dataDir }: ReproduceOptions,
): Promise<Found[]> {
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
    stepSpeedUps: async (model, plan, patterns) => {
      const { backend, instructionSet, threads } = kernels;
      const open = backend === "js" ? { backend } : { backend, instructionSet, threads };
      const seconds = scale === "smoke" ? 3 : 10;
      const processes = await inProcesses({ model, plans: [plan], patterns, seconds, open }, REPEATS);
      return processes.map((cases) => cases.map(({ ratio }) => ratio));
    },
  };
  const findings: Found[] = [];
  for (const { says, name: quantity, unit, atMost, atLeast, measure } of measurements) {
    findings.push({ says, quantity, unit, values: await measure(bench), atMost, atLeast });
  }
  return findings;
}
