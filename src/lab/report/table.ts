/** The tables of a comparison, as text of at most 100 columns. */
import Table from "cli-table3";
import { PRODUCTS } from "../../core/backend/families/products.ts";
import { scored } from "../../core/task/objective.ts";
import type { Recipe } from "../recipes/recipe.ts";
import { nameOf } from "../recipes/recipe-name.ts";
import { isDenseRun } from "../runs/against-dense.ts";
import type { Machine, RunResult } from "../runs/together.ts";
import type { Quartiles } from "../statistics/quartiles.ts";

const digits = (value: number, count: number): string => (Number.isNaN(value) ? "-" : value.toFixed(count));

function scoreText(result: RunResult): string {
  const { value, decimals } = scored(result);
  return digits(value, decimals);
}

/** Bytes with 3 significant digits: 12345 as "12.1 KiB". */
export function bytesText(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  const [value, unit] = bytes < 2 ** 20 ? [bytes / 1024, "KiB"] : [bytes / 2 ** 20, "MiB"];
  return `${value < 1000 ? value.toPrecision(3) : value.toFixed(0)} ${unit}`;
}

/** Seconds as "12 s", "3 min 20 s" or "2 h 5 min", rounded up. */
export function durationText(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  const minutes = Math.ceil(whole / 60);
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** The method's name with its pattern, and whether all three products are sparse. */
export function methodText({
  strategy,
  method,
  pattern,
  plan,
}: Pick<RunResult, "strategy" | "method" | "pattern"> & { readonly plan?: RunResult["plan"] }): string {
  if (strategy !== null) return `${strategy} ${pattern}`;
  const all = plan !== undefined && PRODUCTS.every((product) => plan[product] === "sparse");
  return pattern === null ? method : `${method} ${pattern}${all ? ", all products" : ""}`;
}

/** The same for a recipe. */
export function recipeText(recipe: Pick<Recipe, "strategy" | "method" | "regularize">): string {
  const { strategy, method } = recipe;
  const { pattern } = strategy ?? method;
  return methodText({ strategy: strategy?.name ?? null, method: nameOf(recipe), pattern: pattern ?? null });
}

function verifiedText({ verified }: RunResult): string {
  if (verified.length === 0) return "-";
  const good = verified.filter(({ ok }) => ok).length;
  return `${good} of ${verified.length}`;
}

/** Number of decimals that leaves the largest of a column about 3 digits. */
function decimalsFor(values: readonly number[]): number {
  const largest = Math.max(0, ...values.filter(Number.isFinite));
  return largest < 10 ? 2 : largest < 100 ? 1 : 0;
}

/** The numbers of one column with the same decimals. */
function column(values: readonly number[]): string[] {
  const decimals = decimalsFor(values);
  return values.map((value) => digits(value, decimals));
}

/** Texts "median (q1..q3)" with aligned points; null gives "". */
function spreads(list: readonly (Quartiles | null)[], decimals: number): string[] {
  const parts = list.map((one) => (one === null ? null : [one.median, one.q1, one.q3].map((x) => digits(x, decimals))));
  const widths = [0, 1, 2].map((i) => Math.max(...parts.map((part) => part?.[i].length ?? 0)));
  return parts.map((part) => {
    if (part === null) return "";
    const [median, q1, q3] = part.map((text, i) => text.padStart(widths[i]));
    return `${median} (${q1}..${q3})`;
  });
}

/** Right-aligned speed-ups, so that the word stands in front of the number. */
function speedUps(results: readonly RunResult[]): string[] {
  const texts = spreads(
    results.map((result) => (isDenseRun(result) ? null : result.speedUp)),
    2,
  );
  return results.map((result, i) => {
    if (result.speedUp === null) return "-";
    if (isDenseRun(result)) return "1";
    return Number(result.speedUp.median.toFixed(2)) < 1 ? `slower: ${texts[i]}` : texts[i];
  });
}

/** The gain of a faster step: the time to the least test loss that both runs reach. */
function equalLossText(result: RunResult): string[] {
  const { equalLoss } = result;
  if (equalLoss === null || isDenseRun(result)) return [];
  const { loss, seconds, denseSeconds } = equalLoss;
  const [own, dense] = [seconds, denseSeconds].map((value) => value.toFixed(value < 10 ? 2 : 1));
  const ratio = (denseSeconds / seconds).toFixed(2);
  return [`To loss ${loss.toFixed(4)}, which both reach: ${methodText(result)} ${own} s, dense ${dense} s: ${ratio}.`];
}

/**
 * A box with one line under the head. cli-table3 would draw one under every row, so all rows are lines of a single one.
 */
export function box(columns: readonly (readonly [head: string, cells: readonly string[], align?: "left"])[]): string {
  const table = new Table({
    head: columns.map(([head]) => head),
    colAligns: columns.map(([, , align]) => align ?? "right"),
    style: { head: [], border: [] },
  });
  table.push(columns.map(([, cells]) => cells.join("\n")));
  return table.toString();
}

/** The tables, with dense where it is in the results, and the lines that explain them. */
export function comparisonText(results: readonly RunResult[], machine: Machine): string {
  const methods = ["method", results.map(methodText), "left"] as const;
  const all = (text: (result: RunResult) => string): string[] => results.map(text);
  const moved = (text: (result: RunResult) => string): string[] =>
    results.map((result) => (result.verified.length > 0 ? text(result) : "-"));
  const compared = results.some(({ speedUp }) => speedUp !== null);
  const steps = results.map(({ stepMs }) => stepMs);
  const stepDecimals = decimalsFor(steps.map(({ median }) => median));
  const products = results.map(({ gemmMs }) => gemmMs);
  return [
    box([
      methods,
      [scored(results[0]).name, all(scoreText)],
      ...(results.every((result) => "ap" in result)
        ? ([["AP %", results.map(({ ap }) => digits(100 * ap, 2))]] as const)
        : []),
      ["loss", all(({ loss }) => digits(loss, 4))],
      ["ms a step", spreads(steps, stepDecimals)],
      ...(compared ? ([["speed-up of the step", speedUps(results)]] as const) : []),
      ["seconds", column(results.map(({ seconds }) => seconds))],
    ]),
    "Medians (quartiles) over the steps in which a method is sparse.",
    ...(compared
      ? [
          "Speed-up: dense time / time of the same round, in this process; pruning and packing are in it.",
          ...results.flatMap(equalLossText),
        ]
      : []),
    "",
    "Milliseconds a step in the three products of all layers, and in pruning and packing (medians):",
    box([
      methods,
      ["forward", column(products.map(({ forward }) => forward))],
      ["inputGrad", column(products.map(({ inputGrad }) => inputGrad))],
      ["weightGrad", column(products.map(({ weightGrad }) => weightGrad))],
      ["prune+pack", column(products.map(({ pack }) => pack))],
      ["weights dense", all(({ weightBytes }) => bytesText(weightBytes.dense))],
      ["packed", all(({ weightBytes }) => bytesText(weightBytes.packed))],
    ]),
    computedText(results),
    ...denseText(results),
    ...results.flatMap(roseText),
    ...(results.every(({ verified }) => verified.length === 0)
      ? []
      : [
          "",
          "Masks: the difference of the first and the last (SAD), and how many entries change in a step:",
          box([
            methods,
            ["pruned", all(coverageText)],
            ["zeros %", all(({ sparsity }) => digits(100 * sparsity, 1))],
            ["SAD", moved(({ sad }) => String(sad))],
            ["% of weights", moved(({ sadShare }) => digits(100 * sadShare, 2))],
            ["flip rate %", moved(({ flipRate }) => digits(100 * flipRate, 3))],
            ["N:M verified", all(verifiedText)],
          ]),
          axesText(results),
        ]),
    ...compactText(results),
    ...structureText(results),
    ...results.flatMap(gradientsText),
    machineText(machine),
  ].join("\n");
}

/** The compact models, from which the zeros of penalties were removed, beside the models that were trained. */
export function compactText(results: readonly RunResult[]): string[] {
  const small = results.flatMap((result) => (result.compact === undefined ? [] : [{ result, ...result.compact }]));
  if (small.length === 0) return [];
  type Change = (typeof small)[number]["forwardMs"];
  const all = (text: (one: (typeof small)[number]) => string): string[] => small.map(text);
  const share = ({ before, after }: Change): string => digits((100 * after) / before, 1);
  const ms = ({ before, after }: Change): string => `${before.toPrecision(3)} to ${after.toPrecision(3)}`;
  const ratio = ({ before, after }: Change): string => digits(before / after, 2);
  return [
    "",
    "What penalties zeroed, taken out after training, and how much faster that makes the model:",
    box([
      ["method", all(({ result }) => methodText(result)), "left"],
      ["parameters %", all(({ numbers }) => share(numbers))],
      ["mult-adds %", all(({ multiplyAdds }) => share(multiplyAdds))],
      ["forward ms", all(({ forwardMs }) => ms(forwardMs))],
      ["speed-up", all(({ forwardMs }) => ratio(forwardMs))],
      ["of a step", all(({ stepMs }) => ratio(stepMs))],
    ]),
    ...small.map(({ result, model: { name: _, ...sizes }, difference }) => {
      const text = Object.entries(sizes).map(([key, value]) => `${key} ${JSON.stringify(value)}`);
      return `${methodText(result)}: ${text.join(", ")}; outputs within ${difference.toExponential(0)} of the largest.`;
    }),
  ];
}

/** The summary of the watched masks: see docs/metrics.md. */
function structureText(results: readonly RunResult[]): string[] {
  const seen = results.filter(({ structure }) => structure !== null);
  if (seen.length === 0) return [];
  type Structure = NonNullable<RunResult["structure"]>;
  const all = (of: (structure: Structure) => number | null | undefined, count: number): string[] =>
    seen.map(({ structure }) => digits(of(structure!) ?? Number.NaN, count));
  const named = (is: (structure: Structure) => boolean): string[] => {
    const runs = seen.filter(({ structure }) => is(structure!)).map(methodText);
    return runs.length === 0 ? [] : [runs.join(", ")];
  };
  // the share of the last mask that is there after a tenth of the run
  const early = ({ early: points }: Structure): number | undefined =>
    points.find(({ step }) => step >= (points.at(-1)?.step ?? 0) / 10)?.overlap;
  return [
    "",
    "Masks over a run, of dense weights those they would have. NNSTD: from the first mask to the last,",
    "neurons in any order; early %: what of the last mask was there after a tenth of the run.",
    box([
      ["method", seen.map(methodText), "left"],
      ["flips / dense", all(({ flipRatio }) => flipRatio, 3)],
      ["kept |w| %", all(({ keptShare }) => 100 * keptShare, 2)],
      ["dead groups", all(({ deadGroups }) => deadGroups, 0)],
      ["NNSTD", all(({ nnstd }) => nnstd, 3)],
      ["early %", all((structure) => 100 * (early(structure) ?? Number.NaN), 1)],
    ]),
    // results of earlier versions, which do not say how they matched, are greedy too
    ...named(({ nnstd, matching }) => nnstd !== null && matching !== "optimal").map((runs) =>
      wrapped(`NNSTD of ${runs}: neurons are matched greedily, so that the distance may be too large.`, 100),
    ),
    ...named(({ layers }) => layers.some(({ carried }) => carried)).map((runs) =>
      wrapped(`NNSTD of ${runs}: inputs are renamed by the match of the layer before.`, 100),
    ),
  ];
}

/** The comparisons of gradients that a monitor made. */
function gradientsText(result: RunResult): string[] {
  const { gradients } = result;
  if (gradients.length === 0) return [];
  const all = (of: (report: (typeof gradients)[number]) => number | null, count: number): string[] =>
    gradients.map((report) => digits(of(report) ?? Number.NaN, count));
  return [
    "",
    `Weight gradients of ${methodText(result)} beside dense ones, mean over the looks of the monitor:`,
    box([
      ["layer", gradients.map(({ layer }) => layer), "left"],
      ["cosine", all(({ cosine }) => cosine, 4)],
      ["of the mean", all(({ meanCosine }) => meanCosine, 4)],
      ["norm of the mean", all(({ norm }) => norm, 3)],
      ["error", all(({ error }) => error, 4)],
      ["variance / least", all(({ variance }) => variance, 3)],
      ["similarity", all(({ similarity }) => similarity, 3)],
    ]),
  ];
}

/** The machine on which the numbers were measured, on two lines. */
export function machineText({
  backend,
  instructionSet,
  threads,
  precision = "f32",
  load,
  cpu,
  cores,
  node,
}: Machine): string {
  return [
    `Ran on ${backend} ${instructionSet} in ${precision}, ${threads} thread${threads === 1 ? "" : "s"}, under a load of ${load.join(" to ")};`,
    `${cpu}, ${cores} cores, Node ${node}.`,
  ].join("\n");
}

/** How the products of the first sparse run were computed, in how many layers. */
function computedText(results: readonly RunResult[]): string {
  const sparse = results.find(({ plan }) => Object.values(plan).some((computed) => computed !== "dense"));
  if (sparse === undefined) return "Computed: all products dense.";
  const { layers, plan } = sparse;
  const texts = PRODUCTS.map((product) => {
    const count = layers.filter(({ computed }) => computed[product] === plan[product]).length;
    return `${product} ${plan[product]} in ${count}`;
  });
  return [
    `Computed in ${methodText(sparse)}, in how many of its ${layers.length} layers: ${texts.slice(0, 2).join(", ")},`,
    `${texts[2]}.${Object.values(plan).includes("emulated") ? " Emulated: dense arithmetic on zeros." : ""}`,
  ].join("\n");
}

/** "17 of 18": layers that are pruned, of all that multiply. */
function coverageText({ coverage }: RunResult): string {
  return coverage === undefined || coverage.pruned === 0 ? "-" : `${coverage.pruned} of ${coverage.layers}`;
}

/** What the columns about masks count, and what groups run along. */
function axesText(results: readonly RunResult[]): string {
  const axes = [...new Set(results.flatMap(({ verified }) => verified.map(({ axis }) => axis)))].join(" and ");
  return `Pruned: layers, of all that multiply. Verified: those that hold, of the pruned; groups run along\n${axes}.`;
}

/** Cut at spaces into lines of at most so many characters. */
export function wrapped(text: string, width: number): string {
  const lines = [""];
  for (const word of text.split(" ")) {
    const line = lines[lines.length - 1];
    if (line !== "" && line.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = line === "" ? word : `${line} ${word}`;
  }
  return lines.join("\n");
}

/** A warning where the loss went up. */
export function roseText(result: RunResult): string[] {
  const { rose } = result;
  if (rose === undefined) return [];
  const [from, to] = [rose.from, rose.to].map((loss) => loss.toPrecision(3));
  const todo = "Lower the learning rate, set optimizer.clip to 1, or train for more steps";
  return [
    wrapped(`Warning: ${methodText(result)} diverged: its training loss rose from ${from} to ${to}. ${todo}.`, 100),
  ];
}

/** The layers that stay dense in runs that prune others, and why: a line for runs with the same ones. */
export function denseText(results: readonly RunResult[]): string[] {
  const lists = new Map<string, string[]>();
  for (const result of results) {
    const { coverage } = result;
    if (coverage === undefined || coverage.pruned === 0 || coverage.dense.length === 0) continue;
    const reasons = new Map<string, string[]>();
    for (const { layer, reason } of coverage.dense) reasons.set(reason, [...(reasons.get(reason) ?? []), layer]);
    const list = [...reasons].map(([reason, layers]) => `${layers.join(", ")} (${reason})`).join("; ");
    const eligible = `${coverage.pruned} of ${coverage.eligible} eligible layers are pruned, of ${coverage.layers} in all`;
    const text = `${eligible}. Dense: ${list}.`;
    lists.set(text, [...(lists.get(text) ?? []), methodText(result)]);
  }
  return [...lists].map(([text, methods]) => wrapped(`${methods.join(", ")}: ${text}`, 100));
}
