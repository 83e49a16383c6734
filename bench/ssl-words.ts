/**
 * Measures what the words ssl-... of compare leave of a model: the rows of comparisons on drawn digits, reduced to what
 * a table needs.
 *
 *   npx tsx bench/ssl-words.ts [--seeds 2] [--json FILE]
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { scoreOf } from "../src/core/task/evaluate.ts";
import type { Comparison } from "../src/lab/runs/compare.ts";

const { values: options } = parseArgs({
  options: { seeds: { type: "string", default: "2" }, json: { type: "string" } },
});
const words: Readonly<Record<string, readonly string[]>> = {
  mlp: ["ssl-row@0.1", "ssl-row", "ssl-row@0.3", "ssl-column"],
  cnn: ["ssl-filter", "ssl-filter@0.5", "ssl-channel", "ssl-channel@0.5", "ssl-shape", "ssl-shape@0.5"],
};
const out = mkdtempSync(join(tmpdir(), "trisparse-ssl-"));
const main = fileURLToPath(new URL("../src/cli/main.ts", import.meta.url));
const rows = Object.entries(words).flatMap(([model, list]) => {
  const seeds = Array.from({ length: Number(options.seeds) }, (_, i) => {
    const file = join(out, `${model}-${i + 1}.json`);
    const methods = ["dense", ...list].join(",");
    const args = ["compare", "--model", model, "--methods", methods, "--seed", `${i + 1}`, "--threads", "1"];
    const folder = join(out, `${model}-${i + 1}`);
    execFileSync(process.execPath, ["--import", "tsx", main, ...args, "--out", folder, "--json", file], {
      stdio: "ignore",
    });
    return (JSON.parse(readFileSync(file, "utf8")) as Comparison).runs;
  });
  return list.map((word, i) => ({
    model,
    word,
    seeds: seeds.map(([dense, ...others]) => {
      const { before, after } = others[i].compact!.numbers;
      return { dense: scoreOf(dense), accuracy: scoreOf(others[i]), parameters: (100 * after) / before };
    }),
  }));
});
rmSync(out, { recursive: true });
for (const row of rows) console.log(JSON.stringify(row));
if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify({ rows }, null, 1)}\n`);
