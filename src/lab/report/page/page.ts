/**
 * A report as one HTML file: it has no script and loads nothing, charts are SVG, and its style sheet adapts it to
 * light, dark, wide and narrow.
 */
import type { Styled } from "./figures.ts";
import { html } from "./markup.ts";
import { glance } from "./sections/glance.ts";
import { gradients } from "./sections/gradients.ts";
import { learning } from "./sections/learning.ts";
import { masks } from "./sections/masks.ts";
import { provenance } from "./sections/provenance.ts";
import { smaller } from "./sections/smaller.ts";
import { time } from "./sections/time.ts";
import { verification } from "./sections/verification.ts";
import { type Live, pageOf } from "./shell.ts";
import { SERIES } from "./styles.ts";
import type { Report } from "./summary.ts";
import { joined } from "./words.ts";

/** The page of a report. With `live` it has the script that asks for the page again; without it there is no script. */
export function reportPage(report: Report, live?: Live): string {
  const first = report.kinds[0]?.isDense === true ? 0 : 1;
  // the first style is reserved for dense
  const style = (i: number): number => (i + first === 0 ? 0 : 1 + ((i + first - 1) % (SERIES.length - 1)));
  const kinds = report.kinds.map((kind, i): Styled => ({ ...kind, style: style(i) }));
  const title = `${report.model} on ${report.data}: ${namesText(kinds)}`;
  const main = html`${glance(report, kinds)}
${learning(report, kinds)}
${time(report, kinds)}
${smaller(kinds)}
${masks(kinds)}
${gradients(kinds)}
${verification(kinds)}
${provenance(report, kinds)}`;
  return pageOf(title, factsText(report), main, live);
}

/** The page that is shown before there are any results. */
export function waitingPage(why: string, live: Live): string {
  return pageOf("Waiting for the first steps", why, html``, live);
}

function namesText(kinds: readonly Styled[]): string {
  if (kinds.length <= 4) return joined(kinds.map(({ short }) => short));
  return kinds[0].isDense ? `dense and ${kinds.length - 1} sparse methods` : `${kinds.length} sparse methods`;
}

function factsText({ epochs, steps, batch, optimizer, kinds }: Report): string {
  const seeds = [...new Set(kinds.flatMap((kind) => kind.seeds))];
  const patterns = [...new Set(kinds.flatMap((kind) => kind.plan.flatMap(({ pattern }) => pattern ?? [])))];
  return [
    ...(patterns.length === 0 ? [] : [patterns.join(", ")]),
    ...(epochs === null ? [] : [`${epochs} epoch${epochs === 1 ? "" : "s"}`]),
    `${steps} steps`,
    `batch ${batch}`,
    optimizer === "adamw" ? "AdamW" : optimizer.toUpperCase(),
    `seed${seeds.length === 1 ? "" : "s"} ${seeds.join(", ")}`,
  ].join(" · ");
}
