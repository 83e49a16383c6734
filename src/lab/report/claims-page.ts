/** The results of claims as Markdown, which reads well in a terminal too. */
import type { ClaimResult, Finding } from "../claims/result.ts";

/** The page: first the verdicts, then each claim with its findings. */
export function claimsPage(results: readonly ClaimResult[]): string {
  const overview = [
    "| claim | verdict |",
    "| --- | --- |",
    ...results.map(({ name, verdict }) => `| ${name} | ${verdict} |`),
  ];
  return [overview.join("\n"), ...results.map(section)].join("\n\n");
}

function section(result: ClaimResult): string {
  const { name, source, sentence, run, verdict, error, findings, variants } = result;
  const rows = findings.map((finding) => {
    const { says, quantity } = finding;
    return `| ${says} | ${quantity} | ${valueText(finding)} | ${boundText(finding)} | ${finding.verdict} |`;
  });
  return [
    `## ${name}: ${verdict}`,
    `${sentence} (${source})`,
    `Run: ${run}; ${placeText(result)}.`,
    ...(error === null ? [] : [`It failed: ${error}`]),
    ...(rows.length === 0
      ? []
      : [["| what | of | found | wanted | verdict |", "| --- | --- | --- | --- | --- |", ...rows].join("\n")]),
    ...(variants.length === 0
      ? []
      : [
          [
            "| variant | seeds | score | test loss |",
            "| --- | --- | --- | --- |",
            ...variants.map(
              ({ variant, seeds, score, loss }) =>
                `| ${variant} | ${seeds} | ${score.toPrecision(4)} | ${loss.toFixed(4)} |`,
            ),
          ].join("\n"),
        ]),
  ].join("\n\n");
}

/** The place of a result: "3 seeds; native avx512, 1 thread, ..."; calls that share a folder may differ in it. */
export function placeText({ seeds, machine }: Pick<ClaimResult, "seeds" | "machine">): string {
  const { cpu, cores, backend, instructionSet, threads, load } = machine;
  const on = `${backend} ${instructionSet}, ${threads} thread${threads === 1 ? "" : "s"}, ${cpu} with ${cores} cores`;
  return `${seeds} seed${seeds === 1 ? "" : "s"}; ${on}, load ${load.join(" to ")}`;
}

/** A value with its interval: "-0.12 (-0.30 to 0.05) points". */
function valueText({ value: { mean, low, high }, unit }: Finding): string {
  const digits = Math.abs(mean) >= 1 ? 2 : 4;
  const range = Number.isFinite(low) ? ` (${low.toFixed(digits)} to ${high.toFixed(digits)})` : "";
  return `${mean.toFixed(digits)}${range} ${unit}`;
}

function boundText({ atMost, atLeast }: Finding): string {
  return [
    ...(atLeast === undefined ? [] : [`at least ${atLeast}`]),
    ...(atMost === undefined ? [] : [`at most ${atMost}`]),
  ].join(", ");
}
