/**
 * Writes the smaller tables of the docs from what programs found; who made a file stands beside its name:
 *
 *   permute.json       npx tsx bench/permute.ts --json FILE
 *   penalties.json     npx tsx bench/penalties.ts --json FILE
 *   mask-monitor.json  npx tsx bench/mask-monitor.ts --rounds 40 --json FILE
 *   nnstd.json         npx tsx bench/nnstd.ts --json FILE
 *   method-parts.json  npx tsx bench/method-parts.ts --json FILE
 *   gather.json        npx tsx bench/gather.ts --json FILE
 *   sparse-activations.json  npx tsx bench/sparse-activations.ts --data-dir DIR --seeds 3 --json FILE
 *   ssl-words.json     npx tsx bench/ssl-words.ts --json FILE
 *   differences.json   npx tsx bench/differences.ts --data-dir DIR --json FILE
 *   model-steps.json   trisparse bench step --models cnn,resnet20,detector --plans sr-ste,spre,fst,fully-sparse
 *                        --patterns 2:4,2:4v2,1:8 --threads 1 --rounds 12 --json FILE
 *   quality-ast.jsonl  npx tsx bench/study.ts bench/studies/ast.json --out FILE --data-dir DIR; so unstructured, permute,
 *                        sr-ste-strength, second-order
 *   fashion-mnist-*.json, claims-*.json: see write-results.ts
 *
 * and then: npx tsx scripts/write-tables.ts && npx biome check --write docs
 * With --check nothing is written; the exit code is 1 where a page shows other numbers than docs/results.
 */
import { fileURLToPath } from "node:url";
import type { Scale } from "../src/lab/claims/claim.ts";
import { readClaims } from "../src/lab/claims/kept.ts";
import type { ClaimResult } from "../src/lab/claims/result.ts";
import { readStudy, studyTable } from "../src/lab/report/study-table.ts";
import type { Comparison } from "../src/lab/runs/compare.ts";
import type { Quartiles } from "../src/lab/statistics/quartiles.ts";
import { comparison, readResult } from "./comparisons.ts";
import { fill } from "./fill.ts";
import { type Place, placeText, table } from "./table.ts";

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
const percent = (share: number, digits = 1): string => `${(100 * share).toFixed(digits)} %`;
const signed = (value: number, digits: number): string => `${value < 0 ? "" : "+"}${value.toFixed(digits)}`;
function study(name: string): string {
  const results = readStudy(new URL(`../docs/results/quality-${name}.jsonl`, import.meta.url));
  return studyTable(results, "accuracy %");
}

interface Searches {
  machine: Place;
  searches: { matrix: string; search: string; seeds: number; after: number; efficacy: number; ms: number }[];
}

function permutations(): string {
  const { machine, searches } = readResult("permute.json") as Searches;
  const rows = searches.map(({ matrix, search, seeds, after, efficacy, ms }) => [
    ...[
      matrix,
      seeds,
      search,
      after.toFixed(1),
      percent(efficacy),
      ms < 1000 ? ms.toFixed(0) : Number(ms.toPrecision(2)),
    ],
  ]);
  return `${placeText(machine)}:\n\n${table(["matrix", "seeds", "search", "kept", "efficacy", "ms"], rows)}`;
}

interface Penalties {
  machine: Place;
  models: { model: string; stepMs: number; penalties: Record<string, { ms: number; share: number }> }[];
}

function penalties(): string {
  const { machine, models } = readResult("penalties.json") as Penalties;
  const names = [...new Set(models.flatMap((model) => Object.keys(model.penalties)))];
  const rows = names.map((name) => [
    name,
    ...models.map((model) => (name in model.penalties ? percent(model.penalties[name].share) : "-")),
  ]);
  const head = ["penalties", ...models.map(({ model, stepMs }) => `${model}, ${stepMs.toPrecision(3)} ms`)];
  return `${placeText(machine)}:\n\n${table(head, rows)}`;
}

interface Monitor {
  machine: Place;
  runs: { model: string; run: string; stepMs: number; slower: Quartiles; clock: number }[];
  flips: { javascriptUs: number; kernelUs: number };
}

function monitor(): string {
  const { machine, runs, flips } = readResult("mask-monitor.json") as Monitor;
  const of = ({ median, q1, q3 }: Quartiles): string =>
    `${percent(median, 2)} (${(100 * q1).toFixed(2)}..${(100 * q3).toFixed(2)})`;
  const rows = runs.map(({ model, run, stepMs, slower, clock }) => [
    ...[model, run, stepMs.toFixed(1), of(slower), percent(clock, 2)],
  ]);
  return [
    `${placeText(machine)}:`,
    table(["model", "run", "ms a step", "slower, median (quartiles)", "in watching, by the clock"], rows),
    `Flips of the MLP's masks, each step: ${flips.kernelUs.toFixed(0)} us, in JavaScript ${flips.javascriptUs.toFixed(0)} us.`,
  ].join("\n\n");
}

interface Matchings {
  machine: Place;
  steps: number;
  distances: { pair: string; layers: string[]; greedy: number[]; byLayer: number[]; carried: number[] }[];
  times: { rows: number; k: number; related: boolean; seconds: number; matching: string }[];
}

function matchings(): string {
  const { machine, steps, distances, times } = readResult("nnstd.json") as Matchings;
  const rows = distances.map(({ pair, greedy, byLayer, carried }) => [
    pair,
    ...[greedy, byLayer, carried].map((list) => mean(list).toFixed(4)),
  ]);
  const seconds = [...new Set(times.map((one) => one.rows))].map((neurons) => {
    const of = (related: boolean): string => {
      const { seconds, matching } = times.find((one) => one.rows === neurons && one.related === related)!;
      return `${seconds.toFixed(2)}${matching === "greedy" ? ", greedy" : ""}`;
    };
    return [neurons, of(true), of(false)];
  });
  return [
    `NNSTD, mean over the sparse layers; digits, MLP of three hidden layers of 256, STE 2:4, ${steps} steps:`,
    table(["masks", "greedy", "optimal", "optimal, carried"], rows),
    `Seconds of a processor for one layer of 512 inputs (${placeText(machine)}):`,
    table(["neurons", "masks of weights that have moved", "unrelated masks"], seconds),
  ].join("\n\n");
}

/** What is seen of masks, over the seeds of the comparison in the README. */
function seen(): string {
  const { seeds, rows, recipe } = comparison("fashion-mnist");
  const found = Array.from({ length: seeds }, (_, i) => readResult(`fashion-mnist-${i + 1}.json`) as Comparison);
  const lines = rows.map(({ name }, i) => {
    const own = found.flatMap(({ runs }) => runs[i].structure ?? []);
    const of = (value: (one: (typeof own)[number]) => number | null | undefined, digits: number, scale = 1): string => {
      const values = own.map(value);
      return values.some((one) => one == null) ? "" : (scale * mean(values as number[])).toFixed(digits);
    };
    const atTenth = ({ early }: (typeof own)[number]): number | undefined =>
      early.find(({ step }) => step === Math.floor(found[0].runs[0].structure!.early.at(-1)!.step / 10) + 1)?.overlap;
    return [
      ...[name, of((one) => one.flipRate, 3, 100), of((one) => one.flipRatio, 2), of((one) => one.sadShare, 1, 100)],
      ...[of((one) => one.keptShare, 1, 100), of((one) => one.nnstd, 3), of(atTenth, 1, 100)],
    ];
  });
  const hidden = "hidden" in recipe.model ? recipe.model.hidden?.join("-") : "";
  const head = [
    "method",
    "flip rate %",
    "flips / dense",
    "SAD %",
    "kept magnitude %",
    "NNSTD",
    "early % (a tenth of the run)",
  ];
  return `Fashion-MNIST, MLP 784-${hidden}-10, ${recipe.epochs} epochs, batch ${recipe.batchSize}, mean of ${seeds} seeds:\n\n${table(head, lines)}`;
}

interface Parts {
  machine: Place;
  transposable: { pattern: string; exact: { ms: number; kept: number }; greedy: { ms: number; kept: number } }[];
  orders: {
    pattern: string;
    shape: string;
    kept: { asTheyLie: number; after1: number; after6: number };
    left: number;
    searchMs: number;
    packMs: { chosen: number; inOrder: number; again: number; noted: number };
  }[];
  samples: { mvueMs: number; approximateMs: number };
  variances: { pattern: string; normal: number[]; laplace: number[] }[];
}
const parts = readResult("method-parts.json") as Parts;

function transposable(): string {
  const text = ({ ms, kept }: { ms: number; kept: number }): string =>
    `${ms < 1 ? ms.toFixed(2) : ms.toFixed(0)}, ${kept.toFixed(3)}`;
  const rows = parts.transposable.map(({ pattern, exact, greedy }) => [pattern, text(exact), text(greedy)]);
  return `${placeText(parts.machine)}:\n\n${table(["pattern", "exact: ms, kept", "greedy: ms, kept"], rows)}`;
}

function orders(): string {
  const rows = parts.orders.map(({ pattern, shape, kept: { asTheyLie, after1, after6 }, searchMs, packMs }) => [
    ...[pattern, shape, ...[asTheyLie, after1, after6].map((share) => share.toFixed(4)), searchMs.toFixed(0)],
    ...[packMs.chosen.toFixed(2), packMs.inOrder.toFixed(2)],
  ]);
  const kept = ["kept in the order they lie", "after 1 search", "after 6 searches"];
  const head = ["forward", "shape", ...kept, "search, ms", "packing, ms", "in an order, ms"];
  return `${placeText(parts.machine)}:\n\n${table(head, rows)}`;
}

function packing(): string {
  const rows = parts.orders.map(({ pattern, shape, left, packMs: { chosen, again, noted } }) => [
    ...[pattern, shape, percent(left, 0), ...[chosen, again, noted].map((ms) => ms.toFixed(2))],
  ]);
  const head = [
    "pattern",
    "weight",
    "entries left",
    "packing with the choice, ms",
    "by the last choice, ms",
    "noting the choice, ms",
  ];
  return `${placeText(parts.machine)}:\n\n${table(head, rows)}`;
}

function samples(): string {
  const { mvueMs, approximateMs } = parts.samples;
  return `A million numbers: ${approximateMs.toFixed(2)} ms, MVUE ${mvueMs.toFixed(2)} ms (${placeText(parts.machine)}).`;
}

function variances(): string {
  const text = (list: readonly number[]): string => list.map((x) => x.toFixed(3)).join(", ");
  const rows = parts.variances.map(({ pattern, normal, laplace }) => [pattern, text(normal), text(laplace)]);
  return table(["N:M", "normal: v1, v2, v4", "Laplace: v1, v2, v4"], rows);
}

interface Gather {
  machine: Place;
  layers: { layer: string; columns: number; denseMs: number; left: { count: number; faster: number }[] }[];
}

function gathering(): string {
  const { machine, layers } = readResult("gather.json") as Gather;
  const rows = layers.flatMap(({ layer, columns, left }) =>
    left.map(({ count, faster }) => [layer, `${count} of ${columns}`, `${faster.toFixed(1)}x`]),
  );
  return `Forward pass, batch 128 (${placeText(machine)}):\n\n${table(["layer", "columns", "speed"], rows)}`;
}

interface Activations {
  machine: Place;
  runs: {
    pattern: string;
    seed: number;
    loss: number;
    bits: number;
    ratio: number;
    layers: { kept: number; zeros: number }[];
  }[];
}

function activations(): string {
  const { machine, runs } = readResult("sparse-activations.json") as Activations;
  const dense = runs.filter(({ pattern }) => pattern === "dense");
  const rows = [...new Set(runs.map(({ pattern }) => pattern))].map((pattern) => {
    const own = runs.filter((run) => run.pattern === pattern);
    const differences = own.map(({ loss }, i) => loss - dense[i].loss);
    const center = mean(differences);
    const squares = differences.reduce((sum, x) => sum + (x - center) ** 2, 0);
    const error = Math.sqrt(squares / (own.length - 1) / own.length);
    const [{ layers }] = own;
    return [
      ...[pattern, layers.map(({ kept }) => percent(kept)).join(", "), mean(own.map(({ loss }) => loss)).toFixed(3)],
      pattern === "dense" ? "" : `${signed(center, 3)} ± ${error.toFixed(3)}`,
      ...[mean(own.map(({ bits }) => bits)).toFixed(3), mean(own.map(({ ratio }) => ratio)).toFixed(2)],
    ];
  });
  const zeros = runs.flatMap(({ layers }) => layers.map((layer) => layer.zeros));
  const head = ["pattern", "kept", "test loss", "to dense ± SE", "bits per character", "dense step / this"];
  const between = `Zeros among them: ${percent(Math.min(...zeros), 0)} to ${percent(Math.max(...zeros), 0)}.`;
  return `${placeText(machine)}:\n\n${table(head, rows)}\n\n${between}`;
}

interface Words {
  rows: { model: string; word: string; seeds: { dense: number; accuracy: number; parameters: number }[] }[];
}

function words(): string {
  const { rows } = readResult("ssl-words.json") as Words;
  const lines = rows.map(({ model, word, seeds }) => {
    const all = (of: (one: (typeof seeds)[number]) => string): string => seeds.map(of).join(", ");
    const scores = `${all(({ accuracy }) => accuracy.toFixed(2))} (${all(({ dense }) => dense.toFixed(2))})`;
    return [model, `\`${word}\``, scores, all(({ parameters }) => parameters.toFixed(1))];
  });
  return table(["model", "method", "accuracy, % (dense)", "parameters left, %"], lines);
}

interface Differences {
  setting: { epochs: Record<string, number>; batch: number; rate: number; mlp: string; train: number };
  rows: {
    page: string;
    number: number;
    model: "mlp" | "cnn";
    pattern: string;
    source: string;
    seeds: { ours: [loss: number, sad: number]; theirs: [loss: number, sad: number]; shared: number | null }[];
  }[];
}
const differences = readResult("differences.json") as Differences;

/** What the differences of a page from its source change in a small run. */
function whatTheyChange(page: string): string {
  const { setting, rows } = differences;
  const own = rows.filter((row) => row.page === page);
  const spread = (values: readonly number[], digits: number, sign: boolean): string => {
    const center = mean(values);
    const deviation = Math.sqrt(values.reduce((sum, x) => sum + (x - center) ** 2, 0) / (values.length - 1));
    return `${sign ? signed(center, digits) : center.toFixed(digits)} ± ${deviation.toFixed(digits)}`;
  };
  const lines = own.map(({ number, model, pattern, source, seeds }) => {
    const of = (which: "ours" | "theirs", i: number): number[] => seeds.map((seed) => seed[which][i]);
    const sads = (["ours", "theirs"] as const).map((which) => percent(mean(of(which, 1))));
    const shares = seeds.flatMap(({ shared }) => shared ?? []);
    return [
      ...[number, `${model} ${pattern}`.trim(), source, spread(of("ours", 0), 3, false)],
      spread(
        seeds.map(({ ours, theirs }) => theirs[0] - ours[0]),
        ...([3, true] as const),
      ),
      mean(of("theirs", 1)) === 0 ? sads[0] : sads.join(", "),
      shares.length === 0
        ? ""
        : spread(
            shares.map((share) => 100 * share),
            1,
            false,
          ),
    ];
  });
  const models = [...new Set(own.map(({ model }) => model))].map((model) =>
    model === "mlp"
      ? `MLP ${setting.mlp} on ${setting.train.toLocaleString("en-US")} images of Fashion-MNIST`
      : "CNN of 8, 16 and 32 channels on drawn digits",
  );
  const head = [
    "no.",
    "run",
    "as the source has it",
    "test loss, ours",
    "the source's beside it",
    "SAD, ours and the source's",
    "kept by both, %",
  ];
  return [
    `What they change in a small run, over ${own[0].seeds.length} seeds, with standard deviations: ${models.join("; ")}; ${[...new Set(own.map(({ model }) => setting.epochs[model]))].join(" and ")} epochs, batch ${setting.batch}, AdamW.`,
    table(head, lines),
  ].join("\n\n");
}

interface ModelSteps {
  machine: Place;
  cases: {
    model: string;
    batch: number;
    plan: string;
    pattern: string;
    ratio: number;
    ratioQuartiles: [number, number];
  }[];
}

/** Dense / sparse step times of some plans of models. */
function modelSteps(models: readonly string[], plans: readonly string[], patterns: readonly string[]): string {
  const { machine, cases } = readResult("model-steps.json") as ModelSteps;
  const rows = models.map((model) => {
    const own = cases.filter((one) => one.model === model);
    const cells = patterns.flatMap((pattern) =>
      plans.map((plan) => {
        const { ratio, ratioQuartiles } = own.find((one) => one.plan === plan && one.pattern === pattern)!;
        const [q1, q3] = ratioQuartiles;
        return `${ratio.toFixed(2)} (${q1.toFixed(2)}..${q3.toFixed(2)})`;
      }),
    );
    return [`${model}, batch ${own[0].batch}`, ...cells];
  });
  const head = ["dense / sparse", ...patterns.flatMap((pattern) => plans.map((plan) => `${plan} ${pattern}`))];
  return `${placeText(machine)}:\n\n${table(head, rows)}`;
}

function claimOf(scale: Scale, claim: string): ClaimResult {
  const file = fileURLToPath(new URL(`../docs/results/claims-${scale}.json`, import.meta.url));
  return readClaims(file).find(({ name }) => name === claim)!;
}

/** Of the claim on detection: points of both scales, with 95 % intervals. */
function detection(): string {
  const scales = (["small", "smoke"] as const).map((scale) => claimOf(scale, "detection-too"));
  const [{ variants }] = scales;
  const rows = variants.map(({ variant }) => {
    const cells = scales.flatMap((claim) => {
      const own = claim.findings.filter(({ says }) => says.startsWith(`${variant} loses at most`));
      if (own.length === 0) return [claim.variants.find((one) => one.variant === variant)!.score.toFixed(1), ""];
      return own.map(
        ({ value: { mean, low, high } }) => `${signed(mean, 1)} (${signed(low, 1)} to ${signed(high, 1)})`,
      );
    });
    return [variant, ...cells];
  });
  return table(["points", ...scales.flatMap(({ scale }) => [`${scale}: AP50`, `${scale}: AP`])], rows);
}

/** Of the claim on structure against zeros in any place. */
function routes(): string {
  const found = (["smoke", "small"] as const).map((scale) => claimOf(scale, "structure-is-faster"));
  const rows = found[0].findings.map(({ says, quantity }, i) => [
    `${says}: ${quantity}`,
    ...found.map(({ findings }) => {
      const { mean: median, low, high } = findings[i].value;
      return `${median.toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)})`;
    }),
  ]);
  return table(["what", "drawn digits", "MNIST"], rows);
}

for (const page of new Set(differences.rows.map((row) => row.page)))
  fill(`docs/methods/${page}.md`, "differences", whatTheyChange(page));
fill("docs/methods/asp.md", "searches", permutations());
fill("docs/methods/asp.md", "quality", study("permute"));
fill("docs/methods/ast.md", "quality", study("ast"));
fill("docs/methods/sr-ste.md", "strength", study("sr-ste-strength"));
fill("docs/methods/rigl.md", "quality", study("unstructured"));
fill("docs/methods/prune.md", "quality", study("second-order"));
fill("docs/methods/group-lasso.md", "cost", penalties());
fill("docs/metrics.md", "cost", monitor());
fill("docs/metrics.md", "matching", matchings());
fill("docs/metrics.md", "seen", seen());
fill("docs/methods/transposable.md", "masks", transposable());
fill("docs/methods/bi-mask.md", "orders", orders());
fill("docs/methods/double-pruned.md", "packing", packing());
fill("docs/methods/approx-mvue.md", "samples", samples());
fill("docs/methods/mvue.md", "variances", variances());
fill("docs/methods/compaction.md", "gathering", gathering());
fill("docs/methods/spre.md", "steps", modelSteps(["cnn", "resnet20"], ["sr-ste", "spre"], ["2:4", "1:8"]));
fill("docs/detection.md", "steps", modelSteps(["detector"], ["sr-ste", "fst", "fully-sparse"], ["2:4", "2:4v2"]));
fill("docs/detection.md", "detection", detection());
fill("docs/structured.md", "words", words());
fill("docs/structured.md", "routes", routes());
fill("docs/methods/magnitude-activations.md", "quality", activations());
