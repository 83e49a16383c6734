/** The section with losses and scores over steps and over seconds. */
import { figure, key, linesOf, SECONDS, STEP, type Styled } from "../figures.ts";
import { html, type Markup } from "../markup.ts";
import type { Report } from "../summary.ts";
import { SCORES } from "../words.ts";

export function learning(report: Report, kinds: readonly Styled[]): Markup {
  const seeds = Math.max(...kinds.map((kind) => kind.seeds.length));
  const { title, axis: unit, nats } = SCORES[report.score];
  const split = report.watched === "test" ? "Test" : "Validation";
  const score = title.replace(/^Test /, `${split} `);
  const over = Math.max(...kinds.map(({ trainLossOver }) => trainLossOver));
  const figures = [STEP, SECONDS].flatMap((at) => {
    const by = at === STEP ? "over steps" : "over seconds";
    return [
      {
        title: `${split} loss ${by}`,
        chart: {
          ...{ lines: linesOf(kinds, ({ watchedLoss }) => watchedLoss, at), x: at.x, y: nats },
          label: `${split} loss ${by}`,
        },
      },
      {
        title: `${score} ${by}`,
        chart: {
          ...{ lines: linesOf(kinds, ({ watchedScore }) => watchedScore, at), x: at.x, y: unit },
          label: `${score} ${by}`,
        },
      },
      {
        title: `Training loss ${by}`,
        note: `${over > 1 ? `Mean of ${over} steps a point. ` : ""}The axis is logarithmic.`,
        chart: {
          ...{ lines: linesOf(kinds, ({ trainLoss }) => trainLoss, at), x: at.x, y: `${nats}, log scale` },
          ...{ label: `Training loss ${by}`, scale: "log" as const },
        },
      },
    ];
  });
  // loss over steps is beside loss over seconds
  const ordered = [0, 3, 1, 4, 2, 5].map((i) => figures[i]);
  const untested = kinds.every(({ watchedLoss }) => watchedLoss.length === 0);
  return html`<section><h2>Learning</h2>
${key(kinds)}
<p class="soft">${seeds > 1 ? `Lines are means over the seeds, bands reach from the least to the largest of them.` : "One seed of each: nothing here says how much chance there is in a difference."} Seconds are those of training steps, without evaluations.</p>
${untested ? html`<p class="missing">Not shown: ${split.toLowerCase()} loss and ${score[0].toLowerCase()}${score.slice(1)}; no evaluation has been made yet.</p>` : null}
<div class="charts">${ordered.map(figure)}</div></section>`;
}
