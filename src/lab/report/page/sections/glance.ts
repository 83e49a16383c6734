/** The section with the results: a sentence for each method, and a table of the last evaluations. */
import { bytesText } from "../../table.ts";
import { type Styled, swatch } from "../figures.ts";
import { html, type Markup } from "../markup.ts";
import type { Report } from "../summary.ts";
import { estimateText, joined, SCORES, signed } from "../words.ts";

/** The section: a sentence for each method, and the table. */
export function glance(report: Report, kinds: readonly Styled[]): Markup {
  const dense = kinds.find(({ isDense }) => isDense);
  const seeds = Math.max(...kinds.map((kind) => kind.seeds.length));
  const { head, digits } = SCORES[report.score];
  const heads = ["runs", head, "test loss", "ms a step", "speed of the step", "to equal loss", "weights"];
  const rows = kinds.map((kind) => {
    const { weightBytes, equalLoss, speedUp } = kind;
    return [
      `${kind.seeds.length}`,
      estimateText(kind.finalScore, digits),
      estimateText(kind.finalLoss, 4),
      kind.stepMs === null ? "–" : kind.stepMs.toFixed(kind.stepMs < 10 ? 2 : 1),
      kind.isDense ? "1" : speedUp === null ? "–" : `${estimateText(speedUp, 2)}×`,
      kind.isDense ? "1" : equalLoss === null ? "–" : `${(equalLoss.denseSeconds / equalLoss.seconds).toFixed(2)}×`,
      weightBytes === null ? "–" : bytesText(weightBytes.packed),
    ];
  });
  // a column of dashes would say nothing
  const told = heads.map((_, j) =>
    rows.some((cells, i) => cells[j] !== "–" && !(kinds[i].isDense && cells[j] === "1")),
  );
  told[0] = true;
  const shown = heads.filter((_, j) => told[j]);
  const compared = told[4] || told[5];
  return html`<section>
<ul class="findings">${kinds.filter((kind) => kind !== dense).map((kind) => html`<li style="border-color:var(--s${kind.style})"><strong>${kind.name}</strong> ${finding(report, kind, dense)}</li>`)}</ul>
<div class="scroll"><table class="glance cards"><thead><tr><th>method</th>${shown.map((head) => html`<th>${head}</th>`)}</tr></thead>
<tbody>${rows.map(
    (
      cells,
      i,
    ) => html`<tr><th scope="row">${swatch(kinds[i].style)} ${kinds[i].name}</th>${cells.filter((_, j) => told[j]).map((cell, j) => html`<td data-head="${shown[j]}">${cell}</td>`)}</tr>
`,
  )}</tbody></table></div>
<p class="soft">${compared ? "Speeds are dense time / time: above 1 is faster than dense." : null}${seeds > 1 ? " ± is half of the 95 % interval over seeds." : ""} Times are medians of steps on the machine named below, pruning and packing included.</p>
${unfinishedText(kinds)}</section>`;
}

function unfinishedText(kinds: readonly Styled[]): Markup | null {
  const open = kinds.filter(({ unfinished }) => unfinished > 0);
  if (open.length === 0) return null;
  const names = joined(open.map(({ name, unfinished }) => `${name} (${unfinished})`));
  return html`<p class="missing">Not ended yet: ${names}. What is known at the end of a run is left out for them.</p>`;
}

/** The finding for a kind in words; a loss is stated as plainly as a gain. */
function finding(report: Report, kind: Styled, dense: Styled | undefined): string {
  const parts: string[] = [];
  if (kind.speedUp !== null) {
    const speed = kind.speedUp.mean;
    const text = speed.toFixed(2);
    const slower = Number(text) < 1 ? "slower than" : "no faster than";
    parts.push(Number(text) > 1 ? `takes steps ${text}× as fast as dense` : `takes steps ${slower} dense (${text}×)`);
  }
  if (kind.finalScore !== null) {
    const own = kind.finalScore.mean;
    const beside = dense?.finalScore ?? null;
    const { digits, behind, behindGap } = SCORES[report.score];
    const gap = beside === null ? "" : ` (${signed(own - beside.mean, digits)}${behindGap})`;
    parts.push(`ends at ${own.toFixed(digits)}${behind}${gap}`);
  }
  if (kind.equalLoss !== null) {
    const { denseSeconds, seconds } = kind.equalLoss;
    const ratio = (denseSeconds / seconds).toFixed(2);
    const later = Number(ratio) < 1 ? "later" : "no sooner";
    parts.push(
      `comes to the same ${report.watched} loss ${Number(ratio) > 1 ? `${ratio}× sooner` : `${later} (${ratio}×)`}`,
    );
  }
  return parts.length === 0 ? "has not ended yet." : `${joined(parts)}.`;
}
