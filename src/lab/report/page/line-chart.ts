/** A chart of lines over steps or seconds, with bands, markers and the names of lines at their ends. */
import { type ScaleContinuousNumeric, scaleLinear, scaleLog } from "d3-scale";
import { area, line } from "d3-shape";
import { html, type Markup } from "./markup.ts";
import { markerPath, SERIES } from "./styles.ts";

/** A point; low and high are those over the seeds. */
export interface ChartPoint {
  readonly x: number;
  readonly y: number;
  readonly low: number;
  readonly high: number;
}

export interface ChartLine {
  readonly name: string;
  readonly style: number;
  readonly points: readonly ChartPoint[];
}

export interface LineChart {
  readonly lines: readonly ChartLine[];
  /** Labels of the axes, with the units. */
  readonly x: string;
  readonly y: string;
  /** Text for screen readers. */
  readonly label: string;
  /** Scale of y. Default: linear, around the values; "zero" begins at 0. */
  readonly scale?: "log" | "zero";
  /** A value that means something: it is drawn as a thin line with its name. */
  readonly reference?: { readonly y: number; readonly name: string };
}

const TOP = 24;
const BOTTOM = 40;
/** Width of a letter of a label; that of a browser may be a little larger. */
const LETTER = 6.6;
const LABEL_HEIGHT = 14;
/** Number of markers on a line of many points. */
const MARKERS = 5;

export function drawLines(chart: LineChart, width: number, height: number): Markup {
  const { lines, x, y, label, scale, reference } = chart;
  const points = lines.flatMap((one) => one.points);
  const longest = Math.max(...lines.map(({ name }) => name.length), reference?.name.length ?? 0);
  const right = Math.min(width * 0.36, 14 + longest * LETTER);
  const lows = [...points.map(({ low }) => low), ...(reference === undefined ? [] : [reference.y])];
  const highs = [...points.map(({ high }) => high), ...(reference === undefined ? [] : [reference.y])];
  const count = Math.floor((height - TOP - BOTTOM) / 38);
  const vertical = scaleOf(scale, Math.min(...lows), Math.max(...highs), count).range([height - BOTTOM, TOP]);
  const ticks = ticksOf(vertical, scale === "log", count);
  // on a log scale each tick has its own decimals
  const texts = scale === "log" ? ticks.flatMap((tick) => tickTexts([tick])) : tickTexts(ticks);
  const left = 10 + Math.max(...texts.map((text) => text.length)) * LETTER;
  const horizontal = scaleLinear([0, Math.max(1e-9, ...points.map((point) => point.x))], [left, width - right]);
  const across = horizontal.ticks(Math.max(2, Math.floor((width - left - right) / 64)));
  const acrossTexts = tickTexts(across);
  const marked = reference === undefined ? [] : [reference.y];
  const ends = labelPlaces(
    [...lines.map((one) => one.points[one.points.length - 1].y), ...marked].map((value) => vertical(value)),
    TOP,
    height - BOTTOM,
  );
  const foot = height - BOTTOM;
  return html`<svg viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${label}">
<text class="unit" x="0" y="11">${y}</text>
${ticks.map(
  (
    tick,
    i,
  ) => html`<line class="grid" x1="${left}" x2="${width - right}" y1="${vertical(tick)}" y2="${vertical(tick)}"/>
<text class="tick" x="${left - 6}" y="${vertical(tick) + 4}" text-anchor="end">${texts[i]}</text>
`,
)}<line class="axis" x1="${left}" x2="${width - right}" y1="${foot}" y2="${foot}"/>
${across.map(
  (tick, i) => html`<line class="axis" x1="${horizontal(tick)}" x2="${horizontal(tick)}" y1="${foot}" y2="${foot + 4}"/>
<text class="tick" x="${horizontal(tick)}" y="${foot + 17}" text-anchor="middle">${acrossTexts[i]}</text>
`,
)}<text class="unit" x="${(left + width - right) / 2}" y="${height - 5}" text-anchor="middle">${x}</text>
${reference === undefined ? null : drawReference(reference.name, vertical(reference.y), left, width - right, ends[lines.length])}${lines.map((one) => drawBand(one, horizontal, vertical))}${lines.map((one) => drawLine(one, horizontal, vertical))}${lines.map(
  (one, i) =>
    html`<text class="name s${one.style % SERIES.length}" x="${width - right + 8}" y="${ends[i] + 4}">${fitted(one.name, right - 8)}</text>
`,
)}</svg>`;
}

type Scale = ScaleContinuousNumeric<number, number>;

function scaleOf(kind: LineChart["scale"], low: number, high: number, count: number): Scale {
  if (kind === "log" && low > 0) return scaleLog([low / 1.03, high * 1.03], [0, 1]);
  if (kind === "zero") return scaleLinear([0, high > 0 ? high : 1], [0, 1]).nice(count);
  // a flat line is in the middle, not on a scale of rounding errors
  const least = Math.max(Math.abs(high), 1e-6) * 1e-3;
  const extra = Math.max(0, least - (high - low)) / 2;
  return scaleLinear([low - extra, high + extra], [0, 1]).nice(count);
}

/**
 * The ticks of a scale. On a log scale they are round numbers of each decade, as many as are needed; within less than a
 * decade they are those of a linear scale.
 */
function ticksOf(scale: Scale, isLog: boolean, count: number): number[] {
  const [low, high] = scale.domain();
  if (!isLog || !("base" in scale)) return scale.ticks(count);
  const first = Math.floor(Math.log10(low));
  const decades = Array.from({ length: Math.ceil(Math.log10(high)) - first + 1 }, (_, i) => i + first);
  const leading = [[1], [1, 3], [1, 2, 5], [1, 2, 3, 5, 7]];
  const choices = leading.map((digits) =>
    decades
      .flatMap((decade) => digits.map((digit) => Number(`${digit}e${decade}`)))
      .filter((tick) => tick >= low && tick <= high),
  );
  return choices.find(({ length }) => length >= 4) ?? scaleLinear([low, high], [0, 1]).ticks(count);
}

/** Texts of ticks, with as many decimals as the finest of them needs and with thousands set apart. */
export function tickTexts(ticks: readonly number[]): string[] {
  const decimals = (value: number): number => {
    const [digits, exponent] = value.toExponential(4).split("e");
    return Math.max(0, (digits.replace(/0+$/, "").split(".")[1] ?? "").length - Number(exponent));
  };
  const most = Math.min(6, Math.max(0, ...ticks.filter((tick) => tick !== 0).map(decimals)));
  return ticks.map((tick) =>
    Math.abs(tick) >= 10_000
      ? tick.toLocaleString("en-US").replaceAll(",", "\u2009")
      : tick === 0
        ? "0"
        : tick.toFixed(most),
  );
}

/** Moves labels apart, within the chart and in their order. */
function labelPlaces(wanted: readonly number[], top: number, bottom: number): number[] {
  const order = wanted.map((_, i) => i).sort((a, b) => wanted[a] - wanted[b]);
  const places = [...wanted];
  let free = top;
  for (const i of order) {
    places[i] = Math.max(wanted[i], free);
    free = places[i] + LABEL_HEIGHT;
  }
  let limit = bottom;
  for (const i of order.toReversed()) {
    places[i] = Math.min(places[i], limit);
    limit = places[i] - LABEL_HEIGHT;
  }
  return places;
}

/** The name, cut if it would not fit. */
export function fitted(name: string, width: number): string {
  const letters = Math.floor(width / LETTER);
  return name.length <= letters ? name : `${name.slice(0, Math.max(1, letters - 1))}…`;
}

function drawReference(name: string, y: number, left: number, right: number, end: number): Markup {
  return html`<line class="reference" x1="${left}" x2="${right}" y1="${y}" y2="${y}"/>
<text class="unit" x="${right + 8}" y="${end + 4}">${name}</text>
`;
}

function drawBand({ points, style }: ChartLine, x: Scale, y: Scale): Markup | null {
  if (points.every(({ low, high }) => low === high)) return null;
  const path = area<ChartPoint>(
    (point) => x(point.x),
    (point) => y(point.low),
    (point) => y(point.high),
  ).digits(1)(points);
  return html`<path class="band s${style % SERIES.length}" d="${path ?? ""}"/>
`;
}

function drawLine({ points, style }: ChartLine, x: Scale, y: Scale): Markup {
  const path = line<ChartPoint>(
    (point) => x(point.x),
    (point) => y(point.y),
  ).digits(1)(points);
  const number = style % SERIES.length;
  // of many points only some have markers, at other places for each series
  const every = points.length <= 12 ? 1 : Math.ceil(points.length / MARKERS);
  const offset = every === 1 ? 0 : Math.floor((every * ((style * 2) % 5)) / 5);
  const marked = points.filter((_, i) => i % every === offset || i === points.length - 1);
  const shape = markerPath(style);
  return html`<path class="line s${number}" d="${path ?? ""}"/>
${marked.map((point) => html`<path class="marker s${number}" transform="translate(${x(point.x)} ${y(point.y)})" d="${shape}"/>`)}
`;
}
