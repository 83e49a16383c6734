/** A report as one HTML file: no script, nothing loaded, charts as SVG; light, dark, wide and narrow by its style sheet. */
import { PRODUCTS } from "../../kernels/kernels.ts";
import type { Machine } from "../../train/together.ts";
import { bytesText } from "../table.ts";
import { type BarRow, drawBars } from "./bar-chart.ts";
import { type ChartLine, drawLines, type LineChart } from "./line-chart.ts";
import { html, Markup } from "./markup.ts";
import { drawMask } from "./mask-picture.ts";
import { type Live, pageOf } from "./shell.ts";
import { markerPath, SERIES } from "./styles.ts";
import { type Estimate, isDenseLayer, type Kind, type Point, type Report } from "./summary.ts";

/** A kind with the number of its style; that of dense is 0, with or without a dense run. */
interface Styled extends Kind {
  readonly style: number;
}

const WIDE = 530;
const NARROW = 350;
const LAYER_WIDTH = 346;
/** Layers that are shown at once; more are folded. */
const LAYERS = 6;

const STEP = { x: "step", of: (point: Point): number => point.step };
const SECONDS = { x: "seconds of training", of: (point: Point): number => point.seconds };

/** live: with the script that asks for the page anew; without it a page runs none. */
export function reportPage(report: Report, live?: Live): string {
  const first = report.kinds[0]?.isDense === true ? 0 : 1;
  // the first style is kept for dense
  const style = (i: number): number => (i + first === 0 ? 0 : 1 + ((i + first - 1) % (SERIES.length - 1)));
  const kinds = report.kinds.map((kind, i): Styled => ({ ...kind, style: style(i) }));
  const title = `${report.model} on ${report.data}: ${namesText(kinds)}`;
  const main = html`${glance(report, kinds)}
${learning(report, kinds)}
${time(kinds)}
${masks(kinds)}
${gradients(kinds)}
${proof(kinds)}
${place(report, kinds)}`;
  return pageOf(title, factsText(report), main, live);
}

/** What stands there before there is anything to show. */
export function waitingPage(why: string, live: Live): string {
  return pageOf("Waiting for the first steps", why, html``, live);
}

function namesText(kinds: readonly Styled[]): string {
  if (kinds.length <= 4) return joined(kinds.map(({ short }) => short));
  return kinds[0].isDense ? `dense and ${kinds.length - 1} sparse methods` : `${kinds.length} sparse methods`;
}

function joined(names: readonly string[]): string {
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names[names.length - 1]}`;
}

function factsText({ epochs, steps, batch, optimiser, kinds }: Report): string {
  const seeds = [...new Set(kinds.flatMap((kind) => kind.seeds))];
  const patterns = [...new Set(kinds.flatMap((kind) => kind.routes.flatMap(({ pattern }) => pattern ?? [])))];
  return [
    ...(patterns.length === 0 ? [] : [patterns.join(", ")]),
    ...(epochs === null ? [] : [`${epochs} epoch${epochs === 1 ? "" : "s"}`]),
    `${steps} steps`,
    `batch ${batch}`,
    optimiser === "adamw" ? "AdamW" : optimiser.toUpperCase(),
    `seed${seeds.length === 1 ? "" : "s"} ${seeds.join(", ")}`,
  ].join(" · ");
}

/** How a score is told, by its name. */
interface ScoreWords {
  readonly head: string;
  readonly title: string;
  readonly axis: string;
  readonly digits: number;
  /** Of the loss. */
  readonly nats: string;
  /** Behind a value, and behind a difference. */
  readonly behind: string;
  readonly behindGap: string;
}

const SCORES: Readonly<Record<Report["score"], ScoreWords>> = {
  accuracy: {
    ...{ head: "test accuracy, %", title: "Test accuracy", axis: "%", digits: 2, nats: "nats an image" },
    ...{ behind: " % right", behindGap: " points" },
  },
  "bits per character": {
    ...{ head: "bits per character", title: "Bits per character", axis: "bits per character, test", digits: 4 },
    ...{ nats: "nats a character", behind: " bits per character", behindGap: "" },
  },
  AP50: {
    ...{ head: "test AP50, %", title: "Test AP50", axis: "%", digits: 2, nats: "loss of classes and boxes" },
    ...{ behind: " % AP50", behindGap: " points" },
  },
};

function estimateText(value: Estimate | null, digits: number): string {
  if (value === null) return "–";
  return value.error === null
    ? value.mean.toFixed(digits)
    : `${value.mean.toFixed(digits)} ± ${value.error.toFixed(digits)}`;
}

const signed = (value: number, digits: number): string => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(digits)}`;

/** A sentence a method and the table of ends. */
function glance(report: Report, kinds: readonly Styled[]): Markup {
  const dense = kinds.find(({ isDense }) => isDense);
  const seeds = Math.max(...kinds.map((kind) => kind.seeds.length));
  const { head, digits } = SCORES[report.score];
  const heads = ["runs", head, "test loss", "ms a step", "speed of the step", "to equal loss", "weights"];
  const rows = kinds.map((kind) => {
    const { weightBytes, equalLoss, speedUp } = kind;
    return [
      `${kind.seeds.length}`,
      estimateText(kind.finalScore, digits),
      estimateText(kind.finalLoss, 4),
      kind.stepMs === null ? "–" : kind.stepMs.toFixed(kind.stepMs < 10 ? 2 : 1),
      kind.isDense ? "1" : speedUp === null ? "–" : `${estimateText(speedUp, 2)}×`,
      kind.isDense ? "1" : equalLoss === null ? "–" : `${(equalLoss.denseSeconds / equalLoss.seconds).toFixed(2)}×`,
      weightBytes === null ? "–" : bytesText(weightBytes.packed),
    ];
  });
  // a column of dashes says nothing
  const told = heads.map((_, j) =>
    rows.some((cells, i) => cells[j] !== "–" && !(kinds[i].isDense && cells[j] === "1")),
  );
  told[0] = true;
  const shown = heads.filter((_, j) => told[j]);
  const compared = told[4] || told[5];
  return html`<section>
<ul class="findings">${kinds.filter((kind) => kind !== dense).map((kind) => html`<li style="border-color:var(--s${kind.style})"><strong>${kind.name}</strong> ${finding(report, kind, dense)}</li>`)}</ul>
<div class="scroll"><table class="glance cards"><thead><tr><th>method</th>${shown.map((head) => html`<th>${head}</th>`)}</tr></thead>
<tbody>${rows.map(
    (
      cells,
      i,
    ) => html`<tr><th scope="row">${swatch(kinds[i].style)} ${kinds[i].name}</th>${cells.filter((_, j) => told[j]).map((cell, j) => html`<td data-head="${shown[j]}">${cell}</td>`)}</tr>
`,
  )}</tbody></table></div>
<p class="soft">${compared ? "Speeds are dense time / time: above 1 is faster than dense." : null}${seeds > 1 ? " ± is the standard error over seeds." : ""} Times are medians of steps on the machine named below, pruning and packing included.</p>
${unfinishedText(kinds)}</section>`;
}

function unfinishedText(kinds: readonly Styled[]): Markup | null {
  const open = kinds.filter(({ unfinished }) => unfinished > 0);
  if (open.length === 0) return null;
  const names = joined(open.map(({ name, unfinished }) => `${name} (${unfinished})`));
  return html`<p class="missing">Not ended yet: ${names}. What is known at the end of a run is left out for them.</p>`;
}

/** The verdict in words; a loss is said as plainly as a gain. */
function finding(report: Report, kind: Styled, dense: Styled | undefined): string {
  const parts: string[] = [];
  if (kind.speedUp !== null) {
    const speed = kind.speedUp.mean;
    const text = speed.toFixed(2);
    const slower = Number(text) < 1 ? "slower than" : "no faster than";
    parts.push(Number(text) > 1 ? `takes steps ${text}× as fast as dense` : `takes steps ${slower} dense (${text}×)`);
  }
  if (kind.finalScore !== null) {
    const own = kind.finalScore.mean;
    const beside = dense?.finalScore ?? null;
    const { digits, behind, behindGap } = SCORES[report.score];
    const gap = beside === null ? "" : ` (${signed(own - beside.mean, digits)}${behindGap})`;
    parts.push(`ends at ${own.toFixed(digits)}${behind}${gap}`);
  }
  if (kind.equalLoss !== null) {
    const { denseSeconds, seconds } = kind.equalLoss;
    const ratio = (denseSeconds / seconds).toFixed(2);
    const later = Number(ratio) < 1 ? "later" : "no sooner";
    parts.push(`comes to the same test loss ${Number(ratio) > 1 ? `${ratio}× sooner` : `${later} (${ratio}×)`}`);
  }
  return parts.length === 0 ? "has not ended yet." : `${joined(parts)}.`;
}

/** Dash and marker as the charts show them. */
function swatch(style: number): Markup {
  return html`<svg class="sample" style="display:inline-block;vertical-align:-2px" width="34" height="13" viewBox="0 0 34 13" aria-hidden="true"><path class="line s${style}" d="M0 6.5H34"/><path class="marker s${style}" transform="translate(17 6.5)" d="${markerPath(style)}"/></svg>`;
}

function key(kinds: readonly Styled[]): Markup {
  return html`<ul class="key">${kinds.map(({ style, name }) => html`<li>${swatch(style)}${name}</li>`)}</ul>`;
}

interface Figure {
  readonly title: string;
  readonly note?: string;
  /** Under a title of several. */
  readonly small?: boolean;
  readonly chart: LineChart;
}

/** At two widths; the style sheet shows the one that fits, so that letters stay of one size. */
function figure({ title, note, small = false, chart }: Figure): Markup | null {
  if (chart.lines.length === 0) return null;
  return html`<figure><figcaption>${small ? html`<h4>${title}</h4>` : html`<h3>${title}</h3>`}${note === undefined ? null : html`<p>${note}</p>`}</figcaption>
<div class="wide">${drawLines(chart, WIDE, 290)}</div><div class="narrow">${drawLines(chart, NARROW, 250)}</div></figure>
`;
}

/** The lines of the kinds that have points. */
function linesOf(kinds: readonly Styled[], points: (kind: Styled) => readonly Point[], over = STEP): ChartLine[] {
  return kinds.flatMap((kind) => {
    const found = points(kind).map((point) => ({ x: over.of(point), y: point.mean, low: point.low, high: point.high }));
    return found.length === 0 ? [] : [{ name: kind.short, style: kind.style, points: found }];
  });
}

function learning(report: Report, kinds: readonly Styled[]): Markup {
  const seeds = Math.max(...kinds.map((kind) => kind.seeds.length));
  const { title: score, axis: unit, nats } = SCORES[report.score];
  const over = Math.max(...kinds.map(({ trainLossOver }) => trainLossOver));
  const figures = [STEP, SECONDS].flatMap((at) => {
    const by = at === STEP ? "over steps" : "over seconds";
    return [
      {
        title: `Test loss ${by}`,
        chart: { lines: linesOf(kinds, ({ testLoss }) => testLoss, at), x: at.x, y: nats, label: `Test loss ${by}` },
      },
      {
        title: `${score} ${by}`,
        chart: { lines: linesOf(kinds, ({ testScore }) => testScore, at), x: at.x, y: unit, label: `${score} ${by}` },
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
  // loss over steps beside loss over seconds
  const ordered = [0, 3, 1, 4, 2, 5].map((i) => figures[i]);
  const untested = kinds.every(({ testLoss }) => testLoss.length === 0);
  return html`<section><h2>Learning</h2>
${key(kinds)}
<p class="soft">${seeds > 1 ? `Lines are means over the seeds, bands reach from the least to the largest of them.` : "One seed of each: nothing here says how much chance there is in a difference."} Seconds are those of training steps, without evaluations.</p>
${untested ? html`<p class="missing">Not shown: test loss and ${score[0].toLowerCase()}${score.slice(1)}; no evaluation has been made yet.</p>` : null}
<div class="charts">${ordered.map(figure)}</div></section>`;
}

const PARTS = ["forward", "inputGrad", "weightGrad", "pack", "rest"] as const;
const PART_NAMES = {
  forward: "forward",
  inputGrad: "inputGrad",
  weightGrad: "weightGrad",
  pack: "prune + pack",
  rest: "rest of the step",
} as const;

const msText = (value: number): string => value.toFixed(value < 10 ? 2 : 1);

function bars(title: string, note: Markup, chart: { rows: readonly BarRow[]; x: string; label: string }): Markup {
  return html`<figure><figcaption><h3>${title}</h3><p>${note}</p></figcaption>
<div class="wide">${drawBars(chart, WIDE)}</div><div class="narrow">${drawBars(chart, NARROW)}</div></figure>
`;
}

function time(kinds: readonly Styled[]): Markup {
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
        html`Seconds of training to the least test loss that the method and dense both reach; linear between evaluations. Above 1× the method is there first.`,
        { rows: races, x: "seconds of training", label: "Seconds to the least test loss that both reach" },
      )
}</div>
${
  timed.length === 0
    ? null
    : html`<details><summary>The numbers</summary><div class="scroll"><table><thead><tr><th>ms a step</th>${PARTS.map((part) => html`<th>${PART_NAMES[part]}</th>`)}<th>sum</th></tr></thead><tbody>${timed.map(
        ({ name, stepParts }) =>
          html`<tr><th scope="row">${name}</th>${PARTS.map((part) => html`<td>${stepParts[part].toFixed(3)}</td>`)}<td>${PARTS.reduce((sum, part) => sum + stepParts[part], 0).toFixed(3)}</td></tr>`,
      )}</tbody></table></div><p class="soft">Medians over the steps in which a method is sparse. Rest: activations, loss, optimiser, batches.</p></details>`
}</section>`;
}

/** Charts of layers, side by side; those beyond the first few folded. */
function layerCharts(title: string, charts: readonly (LineChart & { readonly layer: string })[]): Markup | null {
  const shown = charts.filter(({ lines }) => lines.length > 0);
  if (shown.length === 0) return null;
  const nameOf = ({ layer }: (typeof shown)[number]): string => layer.replace(/\.weight$/, "");
  const one = (chart: (typeof shown)[number]): Markup =>
    html`<figure><figcaption><h4>${nameOf(chart)}</h4></figcaption>${drawLines(chart, LAYER_WIDTH, 210)}</figure>
`;
  // no row of three with a hole
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

const percent = (points: readonly Point[]): Point[] =>
  points.map((point) => ({ ...point, mean: 100 * point.mean, low: 100 * point.low, high: 100 * point.high }));

function masks(kinds: readonly Styled[]): Markup {
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

/** The first record has nothing to have flipped from. */
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

function gradients(kinds: readonly Styled[]): Markup {
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

function proof(kinds: readonly Styled[]): Markup {
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

function place({ machines, withoutMachine }: Report, kinds: readonly Styled[]): Markup {
  const alike = new Map<string, Machine[]>();
  for (const machine of machines) {
    const { load: _, ...rest } = machine;
    const key = JSON.stringify(rest);
    alike.set(key, [...(alike.get(key) ?? []), machine]);
  }
  return html`<section><h2>Machine and runs</h2>
<dl>${[...alike.values()].map((group) => {
    const [{ cpu, cores, node, backend, instructionSet, threads }] = group;
    return html`<dt>machine</dt><dd>${cpu}, ${String(cores)} cores, Node ${node}</dd><dt>kernels</dt><dd>${backend} ${instructionSet}, ${String(threads)} thread${threads === 1 ? "" : "s"}</dd><dt>load</dt><dd>${loadText(group)}</dd>
`;
  })}${withoutMachine === 0 ? null : html`<dt>${machines.length === 0 ? "machine" : ""}</dt><dd>not noted for ${String(withoutMachine)} run${withoutMachine === 1 ? "" : "s"}</dd>`}
${kinds.map(({ name, folders }) => html`<dt>${name}</dt><dd>${folders.map((folder, i) => html`${i === 0 ? null : new Markup("<br>")}<code>${folder}</code>`)}</dd>`)}</dl></section>`;
}

/** One-minute averages before and after each of the runs or comparisons. */
function loadText(machines: readonly Machine[]): string {
  const busy = machines.some(({ load, cores }) => Math.max(...load) > cores);
  const loads = machines.map(({ load }) => load.map((one) => one.toFixed(2)).join(" to ")).join(", ");
  const warning =
    ": more work than cores, so times are longer than on an idle machine; ratios of steps taken in turn are less touched";
  return `${loads}, one-minute average${busy ? warning : ""}`;
}
