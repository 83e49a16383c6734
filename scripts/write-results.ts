/**
 * Writes results into the README and the docs, from what the programs themselves wrote:
 *
 *   trisparse compare --data fashion-mnist --pattern 2:4 --methods dense,asp,ste,sr-ste,s-ste,mvue,fully-sparse \
 *     --threads 1 --seed S --json docs/results/fashion-mnist-S.json
 *   trisparse compare --data fashion-mnist --pattern 2:4v2 --threads 1 --seed S --json docs/results/fashion-mnist-v2-S.json
 *   npx tsx bench/steps.ts --json docs/results/steps.json
 *   trisparse compare --data fashion-mnist --methods all-weights --pattern 2:4 --steps 150 --threads 1 --json docs/results/weight-steps-2of4.json
 *   and so with 2:4v2, weight-steps-2of4v2.json
 *
 *   trisparse reproduce --scale smoke --threads 2 --json docs/results/claims-smoke.json
 *   trisparse reproduce 1 2 3 4 5 6 7 10 11 12 --scale small --seeds 5 --data-dir DIR --threads 1 --out OUT
 *   trisparse reproduce 8 9 13 --scale small --seeds 3 --data-dir DIR --threads 1 --out OUT --json docs/results/claims-small.json
 *     (a call adds to what earlier ones left in OUT, and --json has all of it; both may run at once in folders of their own, whose
 *     runs and measured are then copied into one, where the second call finds them)
 *
 * and then: npx tsx scripts/write-results.ts && npx biome check --write README.md docs
 * With --check nothing is written; the exit code is 1 where a page shows other numbers than docs/results.
 * The dense row comes first; a method that is slower than dense says so.
 */
import { existsSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { SCALES } from "../src/lab/claims/claim.ts";
import { readClaims } from "../src/lab/claims/kept.ts";
import { claimsPage } from "../src/lab/report/claims-page.ts";
import { readStudy, studyTable } from "../src/lab/report/study-table.ts";
import type { Comparison } from "../src/lab/runs/compare.ts";
import { quartiles } from "../src/lab/statistics/quartiles.ts";
import { comparison, machineText, type Row, type Rows, readComparison, readResult } from "./comparisons.ts";
import { fill } from "./fill.ts";

const root = new URL("../", import.meta.url);

function taskText({ recipe, seeds, machine }: Rows): string {
  const hidden = "hidden" in recipe.model ? recipe.model.hidden?.join("-") : "";
  return `Fashion-MNIST, MLP 784-${hidden}-10, ${recipe.epochs} epochs, batch ${recipe.batchSize}, AdamW, cosine; ${seeds} seeds (${machineText(machine)}):`;
}

const speedText = ({ isDense, speed }: Row): string =>
  isDense ? "1" : `${speed.toFixed(2)}x${speed < 1 ? " (slower)" : ""}`;
const raceText = ({ isDense, toEqualLoss }: Row): string => (isDense ? "1" : `${toEqualLoss.toFixed(2)}x`);
const accuracyText = ({ accuracy: { mean, spread } }: Row): string => `${mean.toFixed(2)} ± ${spread.toFixed(2)}`;
const bytesText = ({ weightBytes }: Row): string => `${(weightBytes / 2 ** 20).toFixed(2)} MiB`;

function comparisonTable(name: string): string {
  const found = comparison(name);
  const rows = found.rows.map((row) => {
    const { forward, inputGrad, weightGrad, pack } = row.gemmMs;
    const ms = [forward, inputGrad, weightGrad, pack].map((one) => one.toFixed(2));
    return `| ${[row.name, accuracyText(row), speedText(row), raceText(row), ...ms, bytesText(row)].join(" | ")} |`;
  });
  return [
    taskText(found),
    "",
    "| method | test accuracy % ± SD | speed of the step | to equal test loss | forward ms | inputGrad ms | weightGrad ms | prune + pack ms | weights |",
    "|---|---|---|---|---|---|---|---|---|",
    ...rows,
  ].join("\n");
}

/** Both patterns in one table, each beside the dense runs of its own comparison. */
function summaryTable(): string {
  const [plain, vector] = ["fashion-mnist", "fashion-mnist-v2"].map(comparison);
  const rows = [...plain.rows, ...vector.rows.filter(({ isDense }) => !isDense)].map(
    (row) => `| ${[row.name, accuracyText(row), speedText(row), raceText(row), bytesText(row)].join(" | ")} |`,
  );
  return [
    taskText(plain),
    "",
    "| method | test accuracy % ± SD | speed of the step | to equal test loss | weights |",
    "|---|---|---|---|---|",
    ...rows,
  ].join("\n");
}

interface Steps {
  machine: { backend: string; instructionSet: string; cpu: string; load: number[] };
  cases: {
    model: string;
    batch: number;
    threads: number;
    variant: string;
    ms: { median: number };
    denseOverThis: { median: number; q1: number; q3: number };
  }[];
}

function stepsTable(): string {
  const { cases, machine } = readResult("steps.json") as Steps;
  const rows = cases.map(({ model, batch, variant, ms, denseOverThis: { median, q1, q3 } }) => {
    const ours = variant.startsWith("PyTorch") ? variant : `trisparse ${variant}`;
    return `| ${model}, batch ${batch} | ${ours} | ${ms.median.toFixed(1)} | ${median.toFixed(2)} (${q1.toFixed(2)}..${q3.toFixed(2)}) |`;
  });
  return [
    `Whole training steps, ${cases[0].threads} thread, interleaved round by round (${machine.backend} ${machine.instructionSet}, ${machine.cpu}, load ${machine.load.map((x) => x.toFixed(1)).join(" to ")}):`,
    "",
    "| model | | ms | our dense step / this |",
    "|---|---|---|---|",
    ...rows,
  ].join("\n");
}

/** Beside the fastest step of PyTorch, in a sentence. */
function peersText(): string {
  const { cases } = readResult("steps.json") as Steps;
  const models = [...new Set(cases.map(({ model }) => model))].map((model) => {
    const own = cases.filter((one) => one.model === model);
    const peer = Math.max(
      ...own.filter(({ variant }) => variant.startsWith("PyTorch")).map(({ denseOverThis }) => denseOverThis.median),
    );
    const over = (variant: string): string =>
      (own.find((one) => one.variant === variant)!.denseOverThis.median / peer).toFixed(2);
    return `${model.toUpperCase()} ${over("dense")} dense and ${over("fully-sparse 2:4v2")} fully sparse 2:4v2`;
  });
  return `Whole steps at the speed of PyTorch's fastest (one thread, oneDNN, fused AdamW): ${models.join("; ")} ([all of it](docs/results/README.md)).`;
}

/** Middle of the quartiles, for checking by eye that nothing was picked. */
const note = (): string => {
  const runs = readdirSync(new URL("docs/results/", root)).filter((name) => name.startsWith("fashion-mnist-"));
  const ratios = runs.flatMap((name) =>
    (readResult(name) as Comparison).runs.flatMap(({ method, speedUp }) => (method === "dense" ? [] : (speedUp ?? []))),
  );
  const { q1, q3 } = quartiles(ratios.map(({ q3: high, q1: low }) => high - low));
  return `Ratios are medians of rounds in one process, pruning and packing included; their quartiles lie ${q1.toFixed(2)} to ${q3.toFixed(2)} apart. Milliseconds are medians and hold for this machine only.`;
};

const studies: readonly (readonly [name: string, about: string, score?: string])[] = [
  ["mlp", "Fashion-MNIST, MLP 784-1024-1024-10, 5 epochs, batch 256, AdamW", "accuracy %"],
  ["cnn", "CIFAR-10, 14,000 images, `cnn` 32-64-128, 10 epochs, batch 64, AdamW", "accuracy %"],
  ["resnet20", "CIFAR-10, 14,000 images, ResNet-20, 8 epochs, batch 128, SGD, mirrored and shifted", "accuracy %"],
  [
    "gpt-short",
    "tinyshakespeare, GPT of 2 layers, width 128, context 128, batch 16, 1,000 steps, AdamW",
    "bits a character",
  ],
  ["gpt", "tinyshakespeare, GPT of 4 layers, width 256, context 128, batch 16, 5,000 steps, AdamW", "bits a character"],
];

const ofWeights: typeof studies = [
  ["weights-mlp", "Fashion-MNIST, MLP 784-1024-1024-10, 5 epochs, batch 256, AdamW", "accuracy %"],
  ["weights-control", "The same MLP at other rates, for MaxQ's sake: see its page", "accuracy %"],
  ["weights-cnn", "CIFAR-10, 14,000 images, `cnn` 32-64-128, 10 epochs, batch 64, AdamW", "accuracy %"],
];

/** What became of the claims at the scales that were run. */
function claimPages(): string {
  return SCALES.flatMap((scale) => {
    const name = `claims-${scale}.json`;
    if (!existsSync(new URL(`docs/results/${name}`, root))) return [];
    const claims = readClaims(fileURLToPath(new URL(`docs/results/${name}`, root)));
    return [`## Scale ${scale}`, claimsPage(claims).replace(/^## /gm, "### ")];
  }).join("\n\n");
}

/** Step times of all methods for weights, a column a pattern: docs/results/weight-steps-*.json. */
function weightStepsTable(): string {
  const names = readdirSync(new URL("docs/results/", root)).filter((name) => name.startsWith("weight-steps-"));
  const found = names.map(readComparison);
  const { recipe, machine } = found[0];
  const columns = found.map(({ runs }) => ({
    pattern: runs.find(({ pattern }) => pattern !== null)!.pattern!,
    speeds: new Map(runs.map(({ method, speedUp }) => [method, speedUp])),
  }));
  const methods = [...new Set(columns.flatMap(({ speeds }) => [...speeds.keys()]))].filter((one) => one !== "dense");
  const cell = (of: (typeof columns)[number]["speeds"], method: string): string => {
    const speed = of.get(method);
    return speed == null ? "" : `${speed.median.toFixed(2)} (${speed.q1.toFixed(2)}..${speed.q3.toFixed(2)})`;
  };
  const hidden = "hidden" in recipe.model ? recipe.model.hidden?.join("-") : "";
  return [
    `Fashion-MNIST, MLP 784-${hidden}-10, batch ${recipe.batchSize}, ${recipe.steps} steps (${machineText(machine)}):`,
    "",
    `| method | ${columns.map(({ pattern }) => pattern).join(" | ")} |`,
    `|---|${columns.map(() => "---|").join("")}`,
    ...methods.map((one) => `| \`${one}\` | ${columns.map(({ speeds }) => cell(speeds, one)).join(" | ")} |`),
  ].join("\n");
}

/** The tables of the studies that were run. */
function qualityTables(list: typeof studies): string {
  return list
    .flatMap(([name, about, score]) => {
      const results = readStudy(new URL(`docs/results/quality-${name}.jsonl`, root));
      return results.length === 0 ? [] : [`${about}:`, studyTable(results, score)];
    })
    .join("\n\n");
}

fill("README.md", "results", [summaryTable(), peersText(), note()].join("\n\n"));
fill(
  "docs/results/README.md",
  "results",
  [comparisonTable("fashion-mnist"), comparisonTable("fashion-mnist-v2"), stepsTable(), note()].join("\n\n"),
);
fill("docs/strategies.md", "quality", qualityTables(studies));
fill("docs/methods/README.md", "steps", weightStepsTable());
fill("docs/methods/README.md", "quality", qualityTables(ofWeights));
fill("docs/claims.md", "claims", claimPages());
