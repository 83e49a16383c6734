/** `trisparse report`: what runs came to, as a page. */
import { join } from "node:path";
import type { Command } from "commander";
import { reportPage } from "../lab/report/page/page.ts";
import { type Report, summarize } from "../lab/report/page/summary.ts";
import { checkRuns, readRuns } from "../lab/runs/read-run.ts";
import { found, obstacle, writeFileAtomically } from "../node/files.ts";
import { checkJson, jsonOption } from "./options.ts";
import { writeOutput } from "./output.ts";
import { asUsage, usageError } from "./usage.ts";

const NAME = "report.html";

interface ReportOptions {
  readonly out?: string;
  readonly json?: string;
}

export function addReport(program: Command): void {
  program
    .command("report <run...>")
    .summary("a page of charts from run folders or comparisons")
    .description(
      "Writes one HTML file, which loads nothing, about these runs or comparisons; runs that differ in their seed " +
        "alone are shown as one, with a band. Prints its path.",
    )
    .option("--out <file>", `the page (default: ${NAME} in the folder; of several folders, here)`)
    .addOption(jsonOption)
    .action(report);
}

function report(paths: readonly string[], options: ReportOptions): void {
  asUsage(() => checkRuns(paths));
  const out = options.out ?? (paths.length === 1 ? join(paths[0], NAME) : NAME);
  const got = found(out)?.isDirectory() ? "a folder" : obstacle(out);
  if (got !== undefined) throw usageError("--out", `${out} to be writable`, got, "Name another file with --out");
  checkJson(options);
  writeOutput(options.json, writeReport(paths, out), out);
}

/** Writes the page of these folders; whole or not at all. */
function writeReport(paths: readonly string[], out: string): Report {
  const report = summarize(readRuns(paths));
  writeFileAtomically(out, reportPage(report));
  return report;
}

/** The page of a comparison, in its folder; says where on stderr. */
export function reportComparison(folder: string): void {
  const out = join(folder, NAME);
  writeReport([folder], out);
  process.stderr.write(`report: ${out}\n`);
}
