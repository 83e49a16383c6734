/** The section on the time of a step's parts, and the time to equal loss. */
import type { BarRow } from "../bar-chart.ts";
import { bars, type Styled } from "../figures.ts";
import { html, type Markup } from "../markup.ts";
import type { Report } from "../summary.ts";
import { msText } from "../words.ts";

/** The parts of a step, as in the bars. */
export const PARTS = ["forward", "inputGrad", "weightGrad", "pack", "rest"] as const;

export const PART_NAMES = {
  forward: "forward",
  inputGrad: "inputGrad",
  weightGrad: "weightGrad",
  pack: "prune + pack",
  rest: "rest of the step",
} as const;

export function time(report: Report, kinds: readonly Styled[]): Markup {
  const timed = kinds.flatMap(({ stepParts, ...kind }) => (stepParts === null ? [] : [{ ...kind, stepParts }]));
  const compared = kinds.flatMap(({ equalLoss, ...kind }) => (equalLoss === null ? [] : [{ ...kind, equalLoss }]));
  const rows = timed.map(({ name, stepParts, speedUp, isDense, countedSteps }): BarRow => {
    const inSteps = countedSteps === null ? "" : ` in the same ${countedSteps} steps`;
    const total = PARTS.reduce((sum, part) => sum + stepParts[part], 0);
    return {
      name,
      note: isDense || speedUp === null ? "" : `${speedUp.mean.toFixed(2)}× the speed of dense${inSteps}`,
      bars: [
        {
          parts: PARTS.map((part) => ({ tone: part, value: stepParts[part], text: msText(stepParts[part]) })),
          end: `${msText(total)} ms`,
        },
      ],
    };
  });
  const races = compared.map(({ name, style, equalLoss: { seconds, denseSeconds, loss } }): BarRow => {
    const bar = (tone: string, value: number, who: string): BarRow["bars"][number] => ({
      parts: [{ tone, value, text: "" }],
      end: `${value.toFixed(value < 10 ? 2 : 1)} s ${who}`,
    });
    return {
      name,
      note: `to loss ${loss.toFixed(4)}: ${(denseSeconds / seconds).toFixed(2)}×`,
      bars: [bar(`s${style}`, seconds, ""), bar("s0", denseSeconds, "dense")],
    };
  });
  const partKey = html`<span class="key">${PARTS.map((part) => html`<span><span class="swatch ${part}"></span> ${PART_NAMES[part]}</span> `)}</span>`;
  return html`<section><h2>Time</h2>
<div class="charts">${
    timed.length === 0
      ? html`<p class="missing">Not shown: times of a step; none has been taken.</p>`
      : bars("Where a step goes", partKey, {
          rows,
          x: "milliseconds a step, median",
          label: "Milliseconds a step in each product, packing and the rest",
        })
  }
${
  compared.length === 0
    ? html`<p class="missing">Not shown: time to equal loss, which needs a dense run of the same seed and two evaluations of both.</p>`
    : bars(
        "Time to equal loss",
        html`Seconds of training to the least loss that the method and dense both reach on the ${report.watched} split; linear between evaluations of a curve that is made monotone. Above 1× the method is there first.`,
        { rows: races, x: "seconds of training", label: "Seconds to the least loss that both reach" },
      )
}</div>
${
  timed.length === 0
    ? null
    : html`<details><summary>The numbers</summary><div class="scroll"><table><thead><tr><th>ms a step</th>${PARTS.map((part) => html`<th>${PART_NAMES[part]}</th>`)}<th>sum</th></tr></thead><tbody>${timed.map(
        ({ name, stepParts }) =>
          html`<tr><th scope="row">${name}</th>${PARTS.map((part) => html`<td>${stepParts[part].toFixed(3)}</td>`)}<td>${PARTS.reduce((sum, part) => sum + stepParts[part], 0).toFixed(3)}</td></tr>`,
      )}</tbody></table></div><p class="soft">Medians over the steps in which a method is sparse. Rest: activations, loss, optimizer, batches.</p></details>`
}</section>`;
}
