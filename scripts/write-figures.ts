/**
 * Draws the figures of the README from docs/results, see write-results.ts: npx tsx scripts/write-figures.ts
 * With --check nothing is written; the exit code is 1 where a figure shows something else.
 */
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type BarRow, drawBars } from "../src/lab/report/page/bar-chart.ts";
import type { Markup } from "../src/lab/report/page/markup.ts";
import { picture } from "../src/lab/report/page/picture.ts";
import { PART_NAMES, PARTS } from "../src/lab/report/page/sections/time.ts";
import { msText } from "../src/lab/report/page/words.ts";
import { writeFileAtomically } from "../src/node/files.ts";
import { comparison, type Row } from "./comparisons.ts";

const WIDTH = 760;

const bar = ({ name, isDense, speed, stepMs, gemmMs }: Row): BarRow => {
  const { forward, inputGrad, weightGrad, pack } = gemmMs;
  const ms = { forward, inputGrad, weightGrad, pack, rest: stepMs - forward - inputGrad - weightGrad - pack };
  return {
    name,
    note: isDense ? "" : `${speed.toFixed(2)}× the speed of dense`,
    bars: [
      {
        parts: PARTS.map((tone) => ({ tone, value: ms[tone], text: msText(ms[tone]) })),
        end: `${msText(stepMs)} ms`,
      },
    ],
  };
};

/** Where a step goes: dense, one product sparse, all three. */
function steps(): Markup {
  const { rows } = comparison("fashion-mnist-v2");
  const shown = ["dense", "sr-ste 2:4v2", "mvue 2:4v2", "fully-sparse 2:4v2"];
  const chart = {
    rows: shown.map((name) => bar(rows.find((row) => row.name === name)!)),
    x: "milliseconds a step, MLP on Fashion-MNIST, batch 256, one thread",
    label: "Milliseconds of a step in each product, in pruning and packing, and in the rest, dense and sparse",
    key: PARTS.map((tone) => ({ tone, text: PART_NAMES[tone] })),
  };
  return drawBars(chart, WIDTH);
}

const figures = { "docs/results/step.svg": { title: "Where a step goes", drawn: steps() } };

for (const [file, { title, drawn }] of Object.entries(figures)) {
  const path = fileURLToPath(new URL(`../${file}`, import.meta.url));
  const text = picture(title, drawn);
  if (!process.argv.includes("--check")) writeFileAtomically(path, text);
  else if (!existsSync(path) || readFileSync(path, "utf8") !== text) {
    console.error(`write-figures: expected ${file} to show docs/results, got another figure. Run it without --check.`);
    process.exitCode = 1;
  }
}
