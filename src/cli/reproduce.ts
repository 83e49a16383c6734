/** `trisparse reproduce`: the sources' claims, tried on this machine. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Command, Option } from "commander";
import { TrisparseError } from "../core/errors.ts";
import type { Device } from "../core/tensor/device.ts";
import { type Claim, SCALES, type Scale } from "../lab/claims/claim.ts";
import { claims, currentClaim } from "../lab/claims/claims.ts";
import { estimate } from "../lab/claims/estimate.ts";
import { keptClaims } from "../lab/claims/kept.ts";
import { reproduce } from "../lab/claims/reproduce.ts";
import type { ClaimResult } from "../lab/claims/result.ts";
import { jobsLeft, spread } from "../lab/claims/spread.ts";
import { claimsPage } from "../lab/report/claims-page.ts";
import { claimsHtml } from "../lab/report/page/claims.ts";
import { durationText } from "../lab/report/table.ts";
import { found, obstacle, writeFileAtomically } from "../node/files.ts";
import { defaultFolder } from "./compare.ts";
import {
  jsonOption,
  type MachineOptions,
  machineOptions,
  oneOf,
  openDevice,
  outOption,
  wholeNumber,
  withOptions,
} from "./options.ts";
import { checkJson, type JsonOptions, writeOutput } from "./output.ts";
import { asUsage, notAmong, usageError } from "./usage.ts";

interface ReproduceOptions extends MachineOptions, JsonOptions {
  readonly scale: Scale;
  readonly seeds: number;
  readonly processes: number;
  readonly dataDir?: string;
  readonly out?: string;
}

export function addReproduce(program: Command): void {
  const command = program
    .command("reproduce [claims...]")
    .summary("Try the claims of the papers on this machine.")
    .description(
      "Tries claims of the papers that trisparse rests on and says of each whether it holds, does not hold, or is not decided " +
        `at this scale. Claims, by name or number (default: all):\n\n${claims
          .map(({ name, sentence }, i) => `${i + 1} ${name}: ${sentence}`)
          .join("\n")}`,
    );
  withOptions(
    command,
    new Option(
      "--scale <scale>",
      "Take minutes on data that are made (smoke), hours on data sets (small), or days (full).",
    )
      .argParser(oneOf("scale", SCALES))
      .default("smoke"),
    new Option("--seeds <count>", "Train each variant so often, with seeds from 1 on.")
      .argParser(wholeNumber("seeds", 1))
      .default(3),
    new Option("--processes <count>", "Train in so many processes at once, each with the threads that --threads gives.")
      .argParser(wholeNumber("processes", 1, 256))
      .default(1),
    new Option(
      "--data-dir <folder>",
      "Read data sets from this folder, which holds a folder for each (default: they are fetched once).",
    ),
    outOption(
      "folder",
      "Make this folder, or go on in or add claims to one of an earlier call (default: runs/<date and time>).",
    ),
    ...machineOptions,
    jsonOption,
  ).action(run);
}

async function run(words: readonly string[], options: ReproduceOptions): Promise<void> {
  const chosen = words.length === 0 ? claims : words.map(claimOf);
  const { scale, seeds, dataDir, out = defaultFolder() } = options;
  checkFolder(out);
  asUsage(() => keptClaims(out, scale));
  checkJson(options);
  const device = openDevice(options);
  process.stderr.write(`runs in ${out}; go on after an interruption with the same command and --out ${out}\n`);
  await trainAhead(chosen, device, options, out);
  const tried = await reproduce(chosen, device, {
    ...{ scale, seeds, out, dataDir },
    onRun: (claim, variant, seed, done, all) => {
      process.stderr.write(`${claim} ${done + 1} of ${all}: ${variant}, seed ${seed}\n`);
    },
  });
  const results = keptClaims(out, scale);
  const page = claimsPage(results);
  writeFileAtomically(join(out, "claims.html"), claimsHtml(results));
  writeFileAtomically(join(out, "claims.md"), `# Claims\n\n${page}\n`);
  process.stderr.write(`report: ${join(out, "claims.html")}\n`);
  // like claims.json, the output covers what the folder holds, not this call alone
  writeOutput(options, { claims: results }, page);
  failFailed(tried);
}

/** Says what is left to train and how long it takes; trains it here where several processes shall. */
async function trainAhead(
  chosen: readonly Claim[],
  device: Device,
  { scale, seeds, processes, dataDir }: ReproduceOptions,
  out: string,
): Promise<void> {
  const place = { scale, out, dataDir };
  const left = jobsLeft(chosen, seeds, place);
  if (left.length === 0) return;
  const { backend, instructionSet, threads } = device.kernels;
  try {
    const seconds = (await estimate(left, chosen, device, place)) / Math.min(processes, left.length);
    const many = processes === 1 ? "one process" : `${processes} processes`;
    process.stderr.write(`${left.length} trainings are left: about ${durationText(seconds)} in ${many}\n`);
  } catch (error) {
    // a claim whose data are missing fails by itself, and the others do not
    if (!(error instanceof TrisparseError)) throw error;
    process.stderr.write(`${left.length} trainings are left; how long they take is not known: ${error.message}\n`);
  }
  if (processes === 1) return;
  const open = backend === "js" ? { backend } : { backend, instructionSet, threads };
  let begun = 0;
  await spread(left, processes, { place, open }, ({ claim, variant, seed }) => {
    process.stderr.write(`${++begun} of ${left.length}: ${claim}, ${variant}, seed ${seed}\n`);
  });
}

function claimOf(word: string): Claim {
  const number = /^\d+$/.test(word) ? claims[Number(word) - 1] : undefined;
  const current = currentClaim(word);
  if (current !== word)
    process.stderr.write(`reproduce: the claim ${word} is called ${current} now. Its former name still works.\n`);
  const claim = number ?? claims.find(({ name }) => name === current);
  const names = claims.map(({ name }) => name);
  if (claim === undefined) throw notAmong("reproduce", "claims by number, or by name of", names, word);
  return claim;
}

/** Accepts a folder that an earlier call made, an empty one, or none. */
function checkFolder(out: string): void {
  if (existsSync(join(out, "runs"))) return;
  const present = found(out);
  const wrong = present?.isDirectory() === false ? "a file" : obstacle(join(out, "claims.json"));
  if (wrong !== undefined) throw usageError("--out", `${out} to be a place for a folder`, wrong, "Choose another");
}

function failFailed(results: readonly ClaimResult[]): void {
  for (const { name, error } of results) {
    if (error === null) continue;
    process.stderr.write(`${name}: ${error}\n`);
    process.exitCode = 1;
  }
}
