/** What became of claims, as Markdown: it reads well in a terminal too. */
import type { ClaimResult, Finding } from "../claims/reproduce.ts";

/** Verdict first; then each claim with what was found. */
export function claimsPage(results: readonly ClaimResult[]): string {
  const overview = [
    "| claim | verdict |",
    "| --- | --- |",
    ...results.map(({ name, verdict }) => `| ${name} | ${verdict} |`),
  ];
  return [overview.join("\n"), ...results.map(section)].join("\n\n");
}

function section({ name, source, sentence, run, verdict, error, findings, variants }: ClaimResult): string {
  const rows = findings.map((finding) => {
    const { says, quantity } = finding;
    return `| ${says} | ${quantity} | ${valueText(finding)} | ${boundText(finding)} | ${finding.verdict} |`;
  });
  return [
    `## ${name}: ${verdict}`,
    `${sentence} (${source})`,
    `Run: ${run}.`,
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

/** "-0.12 (-0.30 to 0.05) points". */
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
