/** `trisparse report`: the results of runs, as a page. */
import { join } from "node:path";
import type { Command } from "commander";
import { reportPage } from "../lab/report/page/page.ts";
import { type Report, summarize } from "../lab/report/page/summary.ts";
import { checkRuns, readRuns } from "../lab/runs/read-run.ts";
import { writeFileAtomically } from "../node/files.ts";
import { jsonOption, outOption, withOptions } from "./options.ts";
import { checkFile, checkJson, type JsonOptions, writeOutput } from "./output.ts";
import { asUsage } from "./usage.ts";

const NAME = "report.html";

interface ReportOptions extends JsonOptions {
  readonly out?: string;
}

export function addReport(program: Command): void {
  const command = program
    .command("report <run...>")
    .summary("Write a page of charts about run folders or comparisons.")
    .description(
      "Writes one HTML file, which loads nothing, about these runs or comparisons; runs that differ in their seed " +
        "alone are shown as one, with a band. Prints its path.",
    );
  const out = outOption(
    "file",
    `Write the page to this file (default: ${NAME} in the folder; of several folders, here).`,
  );
  withOptions(command, out, jsonOption).action(report);
}

function report(paths: readonly string[], options: ReportOptions): void {
  asUsage(() => checkRuns(paths));
  const out = options.out ?? (paths.length === 1 ? join(paths[0], NAME) : NAME);
  checkFile("--out", out, "Name another file with --out");
  checkJson(options);
  writeOutput(options, writeReport(paths, out), out);
}

/** Writes the page of these folders, whole or not at all. */
function writeReport(paths: readonly string[], out: string): Report {
  const report = summarize(readRuns(paths));
  writeFileAtomically(out, reportPage(report));
  return report;
}

/** Writes the page of a comparison into its folder, and says on stderr where it is. */
export function reportComparison(folder: string): void {
  const out = join(folder, NAME);
  writeReport([folder], out);
  process.stderr.write(`report: ${out}\n`);
}
