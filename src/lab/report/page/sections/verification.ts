/** The section on whether the values that kernels multiplied by were sparse, and on the route of each layer. */
import { PRODUCTS } from "../../../../core/backend/families/products.ts";
import type { Styled } from "../figures.ts";
import { html, type Markup } from "../markup.ts";
import { isDenseLayer } from "../summary.ts";

export function verification(kinds: readonly Styled[]): Markup {
  const checked = kinds.flatMap(({ name, verified }) => verified.map((run) => ({ name, ...run })));
  const rows = checked.map(({ name, seed, layers }) => {
    const good = layers.filter(({ ok }) => ok).length;
    const groups = layers.reduce((sum, layer) => sum + layer.groups, 0);
    const patterns = [...new Set(layers.map(({ pattern, axis }) => `${pattern} along ${axis}`))].join(", ");
    const verdict =
      good === layers.length
        ? html`<td class="text" data-head="layers">holds in all ${String(good)}</td>`
        : html`<td class="text bad" data-head="layers">broken in ${String(layers.length - good)} of ${String(layers.length)}</td>`;
    return html`<tr><th scope="row">${name}</th><td data-head="seed">${seed}</td><td class="text" data-head="pattern">${patterns}</td>${verdict}<td data-head="groups read">${groups.toLocaleString("en-US")}</td></tr>
`;
  });
  const routed = kinds.filter(({ routes }) => routes.some((layer) => !isDenseLayer(layer)));
  return html`<section><h2>Verification</h2>
${
  checked.length === 0
    ? html`<p class="missing">Nothing to verify: no run here ended with sparse weights.</p>`
    : html`<p class="soft">The values that the kernels multiply by, unpacked at the end, read group by group: at most N of M are not zero.</p>
<div class="scroll"><table class="cards"><thead><tr><th>method</th><th>seed</th><th class="text">pattern</th><th class="text">layers</th><th>groups read</th></tr></thead><tbody>${rows}</tbody></table></div>
<details><summary>Layer by layer</summary><div class="scroll"><table><thead><tr><th>method</th><th>seed</th><th class="text">layer</th><th class="text">pattern</th><th>groups</th><th class="text">result</th></tr></thead><tbody>${checked.flatMap(
        ({ name, seed, layers }) =>
          layers.map(
            ({ layer, pattern, axis, groups, ok, first }) =>
              html`<tr><th scope="row">${name}</th><td>${seed}</td><td class="text">${layer}</td><td class="text">${pattern} along ${axis}</td><td>${groups.toLocaleString("en-US")}</td><td class="text${ok ? "" : " bad"}">${ok ? "holds" : (first ?? "never pruned")}</td></tr>
`,
          ),
      )}</tbody></table></div></details>`
}
${
  routed.length === 0
    ? null
    : html`<details><summary>What was computed how, layer by layer</summary><div class="scroll"><table><thead><tr><th>method</th><th class="text">layer</th><th>shape</th>${PRODUCTS.map((product) => html`<th class="text">${product}</th>`)}</tr></thead><tbody>${routed.flatMap(
        ({ name, routes: plan }) =>
          plan.map(
            ({ name: layer, shape, routes }) =>
              html`<tr><th scope="row">${name}</th><td class="text">${layer}</td><td>${shape.join(" × ")}</td>${PRODUCTS.map((product) => html`<td class="text">${routes[product]}</td>`)}</tr>
`,
          ),
      )}</tbody></table></div><p class="soft">Sparse: kernels that skip the zeros. Masked: dense arithmetic on zeros, no gain of its own.</p></details>`
}</section>`;
}
