/** A chart of horizontal bars from zero, in rows under their names. */
import { scaleLinear } from "d3-scale";
import { fitted, tickTexts } from "./line-chart.ts";
import { html, type Markup } from "./markup.ts";

export interface BarPart {
  /** A class of the style sheet. */
  readonly tone: string;
  readonly value: number;
  /** Text inside of the part, shown if it fits. */
  readonly text: string;
}

export interface BarRow {
  readonly name: string;
  /** Text behind the name. */
  readonly note: string;
  /** Bars of the row, one above the other; each has parts, and a text at its end. */
  readonly bars: readonly { readonly parts: readonly BarPart[]; readonly end: string }[];
}

export interface BarChart {
  readonly rows: readonly BarRow[];
  /** Label of the axis, with the unit. */
  readonly x: string;
  readonly label: string;
  /** Meanings of the parts' tones, shown below the axis. */
  readonly key?: readonly { readonly tone: string; readonly text: string }[];
}

const NAME = 20;
const BAR = 22;
const GAP = 3;
const AFTER_ROW = 14;
const LETTER = 6.6;
/** Width of a heavy, larger letter relative to a plain one. */
const HEAVY = 1.25;
const AXIS = 42;
const KEY = 26;

export function drawBars({ rows, x, label, key = [] }: BarChart, width: number): Markup {
  const bars = rows.flatMap((row) => row.bars);
  const total = ({ parts }: (typeof bars)[number]): number => parts.reduce((sum, { value }) => sum + value, 0);
  const right = 12 + Math.max(...bars.map(({ end }) => end.length)) * LETTER;
  const scale = scaleLinear([0, Math.max(1e-9, ...bars.map(total))], [1, width - right]);
  const heightOf = (row: BarRow): number => NAME + row.bars.length * (BAR + GAP) + AFTER_ROW;
  const foot = rows.reduce((sum, row) => sum + heightOf(row), 0);
  const ticks = scale.ticks(Math.max(2, Math.floor((width - right) / 70)));
  const texts = tickTexts(ticks);
  let y = 0;
  const height = foot + AXIS + (key.length === 0 ? 0 : KEY);
  const drawn = rows.map((row) => {
    const top = y;
    y += heightOf(row);
    return html`<text class="row" x="0" y="${top + 13}">${fitted(row.name, width / HEAVY)}<tspan class="unit" dx="8">${noteOf(row, width)}</tspan></text>
${row.bars.map((bar, i) => drawBar(bar, top + NAME + i * (BAR + GAP), scale))}`;
  });
  return html`<svg viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${label}">
${ticks.map((tick) => html`<line class="grid" x1="${scale(tick)}" x2="${scale(tick)}" y1="${NAME - 2}" y2="${foot}"/>`)}
${drawn}<line class="axis" x1="1" x2="${width - right}" y1="${foot}" y2="${foot}"/>
${ticks.map((tick, i) => html`<text class="tick" x="${scale(tick)}" y="${foot + 16}" text-anchor="${tick === 0 ? "start" : "middle"}">${texts[i]}</text>`)}
<text class="unit" x="${(width - right) / 2}" y="${foot + 36}" text-anchor="middle">${x}</text>
${drawKey(key, height - 8)}</svg>`;
}

function drawKey(key: NonNullable<BarChart["key"]>, y: number): Markup[] {
  let left = 1;
  return key.map(({ tone, text }) => {
    const x = left;
    left += 18 + text.length * LETTER + 16;
    return html`<rect class="${tone}" x="${x}" y="${y - 11}" width="13" height="13"/><text x="${x + 18}" y="${y}">${text}</text>
`;
  });
}

/** The note of a row; empty if it does not fit behind the name. */
function noteOf({ name, note }: BarRow, width: number): string {
  return 10 + LETTER * (name.length * HEAVY + note.length) > width ? "" : note;
}

function drawBar({ parts, end }: BarRow["bars"][number], y: number, scale: (value: number) => number): Markup {
  let from = 0;
  const drawn = parts.map(({ tone, value, text }) => {
    const [left, right] = [scale(from), scale(from + value)];
    from += value;
    // a thin gap between two parts
    const wide = Math.max(0, right - left - 1);
    const fits = wide > text.length * LETTER + 4;
    return html`<rect class="${tone}" x="${left}" y="${y}" width="${wide}" height="${BAR}"/>${fits ? html`<text class="on ${tone}" x="${left + wide / 2}" y="${y + 15.5}" text-anchor="middle">${text}</text>` : null}
`;
  });
  return html`${drawn}<text class="end" x="${scale(from) + 7}" y="${y + 15.5}">${end}</text>
`;
}
