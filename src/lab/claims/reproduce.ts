/**
 * Tries claims at a scale. Every run has a folder, named after its recipe, that claims with the same run share. A
 * finished run is not repeated, and an interrupted one goes on from its last checkpoint.
 */
import { mkdirSync } from "node:fs";
import { loadavg } from "node:os";
import { join } from "node:path";
import { TrisparseError } from "../../core/errors.ts";
import { scoreOf } from "../../core/task/evaluate.ts";
import type { Device } from "../../core/tensor/device.ts";
import { parseRecipe } from "../recipes/recipe.ts";
import { machineOf, type RunResult } from "../runs/together.ts";
import { benchOf, type Place } from "./bench-of.ts";
import type { Claim, Contrast } from "./claim.ts";
import { keep, keptClaims } from "./kept.ts";
import type { ClaimResult, Finding, VariantSummary } from "./result.ts";
import { finishedRun, folderOf, seedsUpTo, withData } from "./runs.ts";
import { type Bounds, judge, verdictOfAll } from "./verdict.ts";

export interface ReproduceOptions extends Place {
  readonly seeds: number;
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
  for (const seed of seedsUpTo(seeds)) {
    for (const [variant, changes] of lines) {
      onRun?.(name, variant, seed, done++, seeds * lines.length);
      const recipe = withData(parseRecipe({ ...changes, seed }, `${name}, ${variant}`), dataDir);
      const folder = folderOf(recipe);
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

async function measured(claim: Claim, device: Device, options: ReproduceOptions): Promise<Found[]> {
  const bench = benchOf(claim, device, options, seedsUpTo(options.seeds));
  const findings: Found[] = [];
  for (const { says, name: quantity, unit, atMost, atLeast, measure } of claim.measurements ?? []) {
    findings.push({ says, quantity, unit, values: await measure(bench), atMost, atLeast });
  }
  return findings;
}
