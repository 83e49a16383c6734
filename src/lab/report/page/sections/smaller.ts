/** The section on compact models, from which the zeros of penalties were removed after training. */
import { type Styled, swatch } from "../figures.ts";
import { html, type Markup } from "../markup.ts";
import type { Estimate } from "../summary.ts";
import { estimateText } from "../words.ts";

/** The section; null if no run had penalties. */
export function smaller(kinds: readonly Styled[]): Markup | null {
  const found = kinds.flatMap(({ smaller: one, ...kind }) => (one === null ? [] : [{ ...kind, ...one }]));
  if (found.length === 0) return null;
  const percent = ({ mean, half }: Estimate): string =>
    `${estimateText({ mean: 100 * mean, half: half === null ? null : 100 * half }, 1)} %`;
  const times = (value: Estimate): string => `${estimateText(value, 2)}×`;
  const heads = ["parameters left", "multiply-adds left", "forward pass", "training step"];
  return html`<section><h2>Smaller models</h2>
<p class="soft">The model without what its penalties zeroed, beside the one that was trained; both in turn, after training. Its outputs are the same within ${Math.max(...found.map(({ difference }) => difference)).toExponential(0)} of the largest. It lies in the run's folder, in compact/.</p>
<div class="scroll"><table class="cards"><thead><tr><th>method</th>${heads.map((head) => html`<th>${head}</th>`)}</tr></thead><tbody>${found.map(
    ({ style, name, parameters, multiplyAdds, forward, step }) => {
      const cells = [percent(parameters), percent(multiplyAdds), times(forward), times(step)];
      return html`<tr><th scope="row">${swatch(style)} ${name}</th>${cells.map((cell, i) => html`<td data-head="${heads[i]}">${cell}</td>`)}</tr>
`;
    },
  )}</tbody></table></div></section>`;
}
