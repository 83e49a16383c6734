/** A chart of intervals with their means, a row for each, against the bound that is wanted. */
import { scaleLinear } from "d3-scale";
import { tickTexts } from "./line-chart.ts";
import { html, type Markup } from "./markup.ts";
import { markerPath } from "./styles.ts";

export interface IntervalRow {
  readonly name: string;
  readonly mean: number;
  /** Ends of the interval; not finite if there is a single value, in which case the mean alone is drawn. */
  readonly low: number;
  readonly high: number;
  readonly atMost?: number | undefined;
  readonly atLeast?: number | undefined;
  /** Number of a style of the series. */
  readonly style: number;
  /** Text behind the interval. */
  readonly end: string;
}

export interface IntervalChart {
  readonly rows: readonly IntervalRow[];
  /** Label of the axis, with the unit. */
  readonly x: string;
  readonly label: string;
}

const ROW = 46;
const LINE = 30;
/** Height of each further line of a name. */
const MORE = 16;
const AXIS = 42;
const LETTER = 6.6;
const HEAVY = 1.25;

export function drawIntervals({ rows, x, label }: IntervalChart, width: number): Markup {
  const values = rows.flatMap(({ mean, low, high, atMost, atLeast }) =>
    [0, mean, low, high, atMost, atLeast].filter((value): value is number => Number.isFinite(value)),
  );
  const right = 12 + Math.max(...rows.map(({ end }) => end.length)) * LETTER;
  const scale = scaleLinear([Math.min(...values), Math.max(...values)], [8, width - right]).nice(4);
  const names = rows.map(({ name }) => wrapped(name, Math.floor((width - 8) / HEAVY / LETTER)));
  const tops: number[] = [];
  let foot = 6;
  for (const lines of names) {
    tops.push(foot - 6);
    foot += ROW + MORE * (lines.length - 1);
  }
  const ticks = scale.ticks(Math.max(2, Math.floor((width - right) / 76)));
  const texts = tickTexts(ticks);
  const place = (value: number): number => scale(value);
  return html`<svg viewBox="0 0 ${width} ${foot + AXIS}" width="${width}" height="${foot + AXIS}" role="img" aria-label="${label}">
${ticks.map((tick) => html`<line class="grid" x1="${place(tick)}" x2="${place(tick)}" y1="4" y2="${foot}"/>`)}
<line class="axis" x1="${place(0)}" x2="${place(0)}" y1="4" y2="${foot}"/>
${rows.map((row, i) => drawRow(row, names[i], tops[i], place))}
<line class="axis" x1="8" x2="${width - right}" y1="${foot}" y2="${foot}"/>
${ticks.map((tick, i) => html`<text class="tick" x="${place(tick)}" y="${foot + 16}" text-anchor="middle">${texts[i]}</text>`)}
<text class="unit" x="${(width - right) / 2}" y="${foot + 36}" text-anchor="middle">${x}</text>
</svg>`;
}

/**
 * Breaks a name into lines of at most this many letters, between words if possible: names with the same end must not be
 * cut.
 */
export function wrapped(name: string, letters: number): string[] {
  const lines: string[] = [];
  for (const word of name.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= letters) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

function drawRow(row: IntervalRow, name: readonly string[], top: number, place: (value: number) => number): Markup {
  const { mean, low, high, style, end } = row;
  const y = top + LINE + MORE * (name.length - 1);
  const bounds = [row.atLeast, row.atMost].filter((bound) => bound !== undefined);
  const whole = Number.isFinite(low) && Number.isFinite(high);
  return html`${name.map((line, i) => html`<text class="row" x="8" y="${top + 15 + MORE * i}">${line}</text>`)}
${bounds.map((bound) => html`<line class="reference" x1="${place(bound)}" x2="${place(bound)}" y1="${y - 10}" y2="${y + 10}"/>`)}
${whole ? html`<line class="line s${style}" style="stroke-dasharray:none" x1="${place(low)}" x2="${place(high)}" y1="${y}" y2="${y}"/>` : null}
<path class="marker s${style}" transform="translate(${place(mean)} ${y})" d="${markerPath(style)}"/>
<text class="end" x="${place(whole ? Math.max(high, mean) : mean) + 9}" y="${y + 4}">${end}</text>
`;
}
