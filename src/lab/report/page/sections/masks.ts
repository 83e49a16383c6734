/** The section on how masks move, with pictures of them. */
import { type Figure, figure, layerCharts, linesOf, type Styled } from "../figures.ts";
import type { ChartLine } from "../line-chart.ts";
import { html, type Markup } from "../markup.ts";
import { drawMask } from "../mask-picture.ts";
import type { Kind, Point } from "../summary.ts";
import { joined } from "../words.ts";

export function masks(kinds: readonly Styled[]): Markup {
  const watched = kinds.flatMap(({ masks: found, ...kind }) => (found === null ? [] : [{ ...kind, masks: found }]));
  if (watched.length === 0) {
    return html`<section><h2>Masks</h2>
<p class="missing">Not shown: how masks move. These runs hold no records of masks: nothing in them is sparse, or monitor.masks is 0 in their recipes.</p></section>`;
  }
  const virtual = watched.filter((kind) => kind.masks.virtual);
  const curves = (of: (found: NonNullable<Kind["masks"]>) => readonly Point[]): ChartLine[] =>
    linesOf(kinds, (kind) => (kind.masks === null ? [] : percent(of(kind.masks))));
  const layers = [...new Set(watched.flatMap((kind) => kind.masks.layers.map(({ layer }) => layer)))];
  const layerCurves = (layer: string, of: "sadShare" | "flipRate"): ChartLine[] =>
    curves((found) => skipFirst(found.layers.find((one) => one.layer === layer)?.[of] ?? [], of));
  const flipNote = "Share of the weights whose mask entry changes in a step; mean since the point before.";
  const figures: Figure[] = [
    {
      title: "Distance from the first mask (SAD)",
      note: "Entries kept in exactly one of the first mask and this one.",
      chart: {
        lines: curves(({ sadShare }) => sadShare),
        x: "step",
        y: "% of the weights",
        scale: "zero",
        label: "SAD over steps",
      },
    },
    {
      title: "Flip rate",
      note: flipNote,
      chart: {
        ...{
          lines: curves(({ flipRate }) => skipFirst(flipRate, "flipRate")),
          x: "step",
          y: "% of the weights a step",
        },
        ...{ scale: "zero", label: "Flip rate over steps" },
      },
    },
    {
      title: "How early the final mask is there",
      note: "Entries of the last mask that the mask of a step keeps already.",
      chart: {
        ...{ lines: curves(({ early }) => early), x: "step", y: "% of the last mask's entries", scale: "zero" },
        label: "Share of the last mask that is there",
      },
    },
    {
      title: "Kept magnitude",
      note: "Sum of the kept weights' magnitudes / sum of all.",
      chart: {
        lines: curves(({ keptShare }) => keptShare),
        x: "step",
        y: "% of the magnitude",
        label: "Kept magnitude over steps",
      },
    },
  ];
  const ofLayers = (title: string, of: "sadShare" | "flipRate", y: string): Markup | null =>
    layerCharts(
      `${title}, layer by layer`,
      layers.map((layer) => ({
        ...{ layer, lines: layerCurves(layer, of), x: "step", y, scale: "zero" as const },
        label: `${title} of ${layer}`,
      })),
    );
  return html`<section><h2>Masks</h2>
${virtual.length === 0 ? null : html`<p class="soft">${joined(virtual.map(({ name }) => name))} has no masks: shown are those that the pattern would choose by magnitude from its weights.</p>`}
<div class="charts">${figures.map(figure)}</div>
${layers.length < 2 ? null : html`${ofLayers("SAD", "sadShare", "% of the weights")}${ofLayers("Flip rate", "flipRate", "% of the weights a step")}`}
${pictures(watched)}</section>`;
}

const percent = (points: readonly Point[]): Point[] =>
  points.map((point) => ({ ...point, mean: 100 * point.mean, low: 100 * point.low, high: 100 * point.high }));

/** Leaves out the flip rate of the first record, which no mask precedes. */
function skipFirst(points: readonly Point[], of: "sadShare" | "flipRate"): readonly Point[] {
  return of === "flipRate" && points.length > 1 ? points.slice(1) : points;
}

function pictures(watched: readonly (Styled & { readonly masks: NonNullable<Kind["masks"]> })[]): Markup {
  const found = watched.flatMap(({ name, masks: { corner } }) => (corner === null ? [] : [{ name, corner }]));
  if (found.length === 0)
    return html`<p class="missing">Not shown: pictures of masks; these runs hold no masks.safetensors.</p>`;
  return html`<h3 class="apart">Masks over time</h3>
<p class="soft">The first rows and columns of the layer with most weights, as it is at some steps, beside the first mask. With several seeds, of the first.</p>
<ul class="key"><li><span class="swatch kept"></span>kept, as at first</li><li><span class="swatch gained"></span>kept now, not at first</li><li><span class="swatch lost"></span>kept at first, not now</li><li><span class="swatch never"></span>pruned, as at first</li></ul>
${found.map(({ name, corner: { layer, shape, pictures: list } }) => {
  const { rows } = list[0];
  return html`<figure><figcaption><p><strong>${name}</strong>: ${rows.length} × ${rows[0].length} of ${layer} (${shape.join(" × ")})</p></figcaption>
<div class="masks">${list.map((one) => html`<div>${drawMask(rows, one.rows, `Mask of ${layer} in ${name}, step ${one.step}`)}step ${one.step}</div>`)}</div></figure>
`;
})}`;
}
