/** Charts with their titles, at the widths of a desktop and a phone. */
import { type BarRow, drawBars } from "./bar-chart.ts";
import { type ChartLine, drawLines, type LineChart } from "./line-chart.ts";
import { html, type Markup } from "./markup.ts";
import { markerPath } from "./styles.ts";
import type { Kind, Point } from "./summary.ts";

/** A kind of runs with the number of its style; that of dense is 0, with or without a dense run. */
export interface Styled extends Kind {
  readonly style: number;
}

const WIDE = 530;
const NARROW = 350;
const LAYER_WIDTH = 346;
/** Number of layers that are shown at once; more are folded. */
const LAYERS = 6;

export const STEP = { x: "step", of: (point: Point): number => point.step };
export const SECONDS = { x: "seconds of training", of: (point: Point): number => point.seconds };

/** The dash and marker of a style, as charts show them. */
export function swatch(style: number): Markup {
  return html`<svg class="sample" style="display:inline-block;vertical-align:-2px" width="34" height="13" viewBox="0 0 34 13" aria-hidden="true"><path class="line s${style}" d="M0 6.5H34"/><path class="marker s${style}" transform="translate(17 6.5)" d="${markerPath(style)}"/></svg>`;
}

export function key(kinds: readonly Styled[]): Markup {
  return html`<ul class="key">${kinds.map(({ style, name }) => html`<li>${swatch(style)}${name}</li>`)}</ul>`;
}

export interface Figure {
  readonly title: string;
  readonly note?: string;
  /** Whether it stands under a title that several figures share. Default false. */
  readonly small?: boolean;
  readonly chart: LineChart;
}

/** A figure at two widths; the style sheet shows the one that fits, so that letters keep one size. */
export function figure({ title, note, small = false, chart }: Figure): Markup | null {
  if (chart.lines.length === 0) return null;
  return html`<figure><figcaption>${small ? html`<h4>${title}</h4>` : html`<h3>${title}</h3>`}${note === undefined ? null : html`<p>${note}</p>`}</figcaption>
<div class="wide">${drawLines(chart, WIDE, 290)}</div><div class="narrow">${drawLines(chart, NARROW, 250)}</div></figure>
`;
}

/** The lines of those kinds that have points. */
export function linesOf(
  kinds: readonly Styled[],
  points: (kind: Styled) => readonly Point[],
  over = STEP,
): ChartLine[] {
  return kinds.flatMap((kind) => {
    const found = points(kind).map((point) => ({ x: over.of(point), y: point.mean, low: point.low, high: point.high }));
    return found.length === 0 ? [] : [{ name: kind.short, style: kind.style, points: found }];
  });
}

export function bars(
  title: string,
  note: Markup,
  chart: { rows: readonly BarRow[]; x: string; label: string },
): Markup {
  return html`<figure><figcaption><h3>${title}</h3><p>${note}</p></figcaption>
<div class="wide">${drawBars(chart, WIDE)}</div><div class="narrow">${drawBars(chart, NARROW)}</div></figure>
`;
}

/** The charts of layers, side by side; those beyond the first few are folded. */
export function layerCharts(title: string, charts: readonly (LineChart & { readonly layer: string })[]): Markup | null {
  const shown = charts.filter(({ lines }) => lines.length > 0);
  if (shown.length === 0) return null;
  const nameOf = ({ layer }: (typeof shown)[number]): string => layer.replace(/\.weight$/, "");
  const one = (chart: (typeof shown)[number]): Markup =>
    html`<figure><figcaption><h4>${nameOf(chart)}</h4></figcaption>${drawLines(chart, LAYER_WIDTH, 210)}</figure>
`;
  // avoids a row of three with a hole
  const inPairs = shown.length < 5 && shown.length !== 3;
  const more = inPairs ? [] : shown.slice(LAYERS);
  return html`<h3 class="apart">${title}</h3>
${
  inPairs
    ? html`<div class="charts">${shown.map((chart) => figure({ title: nameOf(chart), chart, small: true }))}</div>`
    : html`<div class="layers">${shown.slice(0, LAYERS).map(one)}</div>`
}
${more.length === 0 ? null : html`<details><summary>${title}: ${more.length} more layers</summary><div class="layers">${more.map(one)}</div></details>`}`;
}
