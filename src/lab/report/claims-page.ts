/** The results of claims as Markdown, which reads well in a terminal too. */
import type { ClaimResult, Finding, VariantSummary } from "../claims/result.ts";
import { intervalOf } from "../statistics/interval.ts";

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
    return `| ${says} | ${quantity} | ${valueText(finding)} | ${boundText(finding)} | ${pText(finding)} | ${finding.verdict} |`;
  });
  return [
    `## ${name}: ${verdict}`,
    `${sentence} (${source})`,
    `Run: ${run}; ${placeText(result)}.`,
    ...(error === null ? [] : [`It failed: ${error}`]),
    ...(rows.length === 0
      ? []
      : [
          ["| what | of | found | wanted | p | verdict |", "| --- | --- | --- | --- | --- | --- |", ...rows].join("\n"),
        ]),
    ...(variants.length === 0
      ? []
      : [
          [
            "| variant | seeds | score | its deviation | test loss | its deviation |",
            "| --- | --- | --- | --- | --- | --- |",
            ...variants.map((one) => `| ${[one.variant, one.seeds, ...variantTexts(one)].join(" | ")} |`),
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

function pText({ p }: Finding): string {
  if (Number.isNaN(p)) return "";
  return p < 0.001 ? "< 0.001" : p.toFixed(3);
}

/** Mean and standard deviation over seeds of score and test loss; files of version 0.1 have no deviations. */
export function variantTexts({ score, scores = [], loss, losses = [] }: VariantSummary): string[] {
  const deviation = (values: readonly number[], digits: number): string => {
    return values.length < 2 ? "" : intervalOf(values).deviation.toFixed(digits);
  };
  return [score.toPrecision(4), deviation(scores, 2), loss.toFixed(4), deviation(losses, 4)];
}

function boundText({ atMost, atLeast }: Finding): string {
  return [
    ...(atLeast === undefined ? [] : [`at least ${atLeast}`]),
    ...(atMost === undefined ? [] : [`at most ${atMost}`]),
  ].join(", ");
}
