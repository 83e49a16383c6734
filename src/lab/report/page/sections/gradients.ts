/** The section on what sparsity does to gradients, layer by layer. */
import { key, layerCharts, linesOf, type Styled } from "../figures.ts";
import type { LineChart } from "../line-chart.ts";
import { html, type Markup } from "../markup.ts";

export function gradients(kinds: readonly Styled[]): Markup {
  const watched = kinds.filter((kind) => kind.gradients !== null);
  if (watched.length === 0) {
    return html`<section><h2>Gradients</h2>
<p class="missing">Not shown: what sparsity does to gradients. Nobody looked at them in these runs; compare and train do with --monitor STEPS.</p></section>`;
  }
  type Which = "cosine" | "error" | "variance";
  const layers = [...new Set(watched.flatMap((kind) => kind.gradients!.cosine.map(({ layer }) => layer)))];
  const charts = (of: Which, title: string, y: string, extra: Partial<LineChart>): Markup | null =>
    layerCharts(
      title,
      layers.map((layer) => ({
        lines: linesOf(kinds, (kind) => kind.gradients?.[of].find((one) => one.layer === layer)?.points ?? []),
        ...{ layer, x: "step", y, label: `${title} of ${layer}`, ...extra },
      })),
    );
  return html`<section><h2>Gradients</h2>
<p class="soft">Sparse weight gradients beside the dense ones of the same batch, looked at now and then, beside the training. A method that samples nothing in backward has a cosine of 1 and an error of 0. Variances are estimates from a few samples: they may come out below the least.</p>
${key(watched)}
${charts("cosine", "Cosine to dense", "cosine, 1 is the same direction", {})}
${charts("error", "Relative error", "squared error / squared norm", { scale: "zero" })}
${charts("variance", "Variance", "squared error / least of unbiased samples", { reference: { y: 1, name: "the least" } })}</section>`;
}
