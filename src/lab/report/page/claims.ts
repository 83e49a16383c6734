/** The results of claims as a page: a verdict for each, and the intervals that it rests on. */
import type { ClaimResult, Finding } from "../../claims/result.ts";
import { placeText, variantTexts } from "../claims-page.ts";
import { drawIntervals, type IntervalRow } from "./interval-chart.ts";
import { html, type Markup } from "./markup.ts";
import { pageOf } from "./shell.ts";

const WIDE = 760;
const NARROW = 350;

/** Styles of the series for each verdict; each also has its words beside it. */
const STYLES: Readonly<Record<string, number>> = {
  holds: 3,
  "does not hold": 7,
  "not decided at this scale": 0,
  failed: 7,
};

export function claimsHtml(results: readonly ClaimResult[]): string {
  const count = (verdict: string): number => results.filter((result) => result.verdict === verdict).length;
  const counts = [
    `${count("holds")} of ${results.length} hold`,
    `${count("does not hold")} do not`,
    `${count("not decided at this scale")} not decided`,
    ...(count("failed") === 0 ? [] : [`${count("failed")} failed`]),
  ].join(", ");
  const scales = [...new Set(results.map(({ scale }) => scale))].join(", ");
  const ran = new Set(results.map(placeText));
  const facts = `Scale ${scales} · ${ran.size === 1 ? [...ran].join("") : "seeds and machine with each claim"}`;
  const main = html`<section>
<ul class="findings">${results.map(({ name, verdict, sentence }) => html`<li style="border-color:var(--s${STYLES[verdict]})"><a href="#${name}"><strong>${name}</strong></a>: ${verdict}. ${sentence}</li>`)}</ul>
<p class="soft">Points are means over seeds, of measured times over processes; lines are their plain 95 % intervals. Dashes are the bounds that are wanted. A verdict needs a p value below 0.05, adjusted by Holm for the number of findings of its claim, so an interval that just clears its bound may not be enough.</p>
</section>
${results.map(section)}`;
  return pageOf(`Claims: ${counts}`, facts, main);
}

function section(result: ClaimResult): Markup {
  const { name, source, sentence, run, verdict, error, findings, variants } = result;
  // findings with the same unit share one axis
  const quantities = [...new Set(findings.map(({ quantity }) => quantity))];
  return html`<section id="${name}"><h2>${name}: ${verdict}</h2>
<p>${sentence} <span class="soft">(${source})</span></p>
<p class="soft">Run: ${run}; ${placeText(result)}.</p>
${error === null ? null : html`<p class="bad">It failed: ${error}</p>`}
${quantities.map((quantity) => figure(findings.filter((finding) => finding.quantity === quantity)))}
${variants.length === 0 ? null : html`<details><summary>The runs</summary><div class="scroll"><table><thead><tr><th>variant</th><th>seeds</th><th>score</th><th>its standard deviation</th><th>test loss</th><th>its standard deviation</th></tr></thead><tbody>${variants.map((one) => html`<tr><th scope="row">${one.variant}</th><td>${one.seeds}</td>${variantTexts(one).map((text) => html`<td>${text}</td>`)}</tr>`)}</tbody></table></div></details>`}
</section>`;
}

function figure(findings: readonly Finding[]): Markup {
  const [{ quantity, unit }] = findings;
  const rows = findings.map(
    ({ says, value, atMost, atLeast, verdict }): IntervalRow => ({
      ...{ name: says, mean: value.mean, low: value.low, high: value.high, atMost, atLeast },
      ...{ style: STYLES[verdict], end: verdict.startsWith("not") ? "not decided" : verdict },
    }),
  );
  const chart = { rows, x: `${quantity}, ${unit}`, label: rows.map(({ name, end }) => `${name}: ${end}`).join("; ") };
  return html`<figure><div class="wide">${drawIntervals(chart, WIDE)}</div><div class="narrow">${drawIntervals(chart, NARROW)}</div></figure>`;
}
