/** The page of small comparisons: whole, self-contained, with each chart; and what comes of damaged folders. */
import { createHash } from "node:crypto";
import { appendFileSync, cpSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { spots as data } from "../../../../test/spots.ts";
import { jsKernels } from "../../../core/backend/js.ts";
import { Device } from "../../../core/tensor/device.ts";
import { parseRecipe } from "../../recipes/recipe.ts";
import { createComparison, runComparison, withMethod } from "../../runs/compare.ts";
import { readRuns } from "../../runs/read-run.ts";
import { html } from "./markup.ts";
import { reportPage } from "./page.ts";
import { SERIES, TONES } from "./styles.ts";
import { summarize } from "./summary.ts";

const root = mkdtempSync(join(tmpdir(), "trisparse-report-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** Dense, SR-STE and fully sparse, watched closely. */
async function compare(name: string, seed: number): Promise<string> {
  const path = join(root, name);
  const model = { name: "mlp", hidden: [16, 8] };
  const base = parseRecipe({ model, epochs: 3, batchSize: 16, seed, monitor: { every: 3, repeats: 2, masks: 2 } });
  const strategy = { strategy: { name: "fully-sparse", pattern: "2:4" } };
  const recipes = [{ name: "dense" }, { name: "sr-ste", pattern: "2:4" }, strategy].map((one) => withMethod(base, one));
  createComparison(path, recipes);
  await runComparison(path, data, new Device(jsKernels()));
  return path;
}

let one = "";
let two = "";
beforeAll(async () => {
  one = await compare("one", 1);
  two = await compare("two", 2);
});

const pageOf = (...paths: string[]): string => reportPage(summarize(readRuns(paths)));

/** A copy of the first comparison that may be damaged. */
function copied(): string {
  const path = mkdtempSync(join(root, "copy-"));
  cpSync(one, path, { recursive: true });
  return path;
}

const CHARTS = [
  "Test loss over steps",
  "Test loss over seconds",
  "Test accuracy over steps",
  "Test accuracy over seconds",
  "Training loss over steps",
  "Training loss over seconds",
  "Milliseconds a step in each product, packing and the rest",
  "Seconds to the least loss that both reach",
  "SAD over steps",
  "Flip rate over steps",
  "Share of the last mask that is there",
  "Kept magnitude over steps",
  "SAD of fc1.weight",
  "Flip rate of fc2.weight",
  "Cosine to dense of fc1.weight",
  "Relative error of fc2.weight",
  "Variance of fc1.weight",
];

describe("the page", () => {
  test("has every tag closed, by its own", () => {
    const page = pageOf(one, two);
    const open: string[] = [];
    const empty = new Set(["meta", "input", "br"]);
    for (const [, close, name, rest] of page
      .replace("<!doctype html>", "")
      .matchAll(/<(\/?)([a-z][a-z0-9]*)([^>]*)>/gi)) {
      if (close === "/") expect(name).toBe(open.pop());
      else if (!rest.endsWith("/") && !empty.has(name)) open.push(name);
    }
    expect(open).toEqual([]);
    expect(page.match(/<style>/g)).toHaveLength(1);
  });

  test("holds each chart, with a line or a bar in it, and no number that is none", () => {
    const page = pageOf(one, two);
    expect(page).not.toMatch(/NaN|Infinity|undefined|\bnull\b|\[object/);
    for (const label of CHARTS) {
      const charts = page.split("<svg ").filter((text) => text.includes(`aria-label="${label}"`));
      expect(charts.length, label).toBeGreaterThan(0);
      for (const chart of charts) expect(chart, label).toMatch(/<path class="line s\d" d="M[^"]+"|<rect /);
    }
    expect(page.match(/<svg class="mask"/g)).toHaveLength(3 * 6);
    expect(page).toContain("holds in 2 of 2 pruned; 3 in all");
  });

  test("loads nothing and runs nothing", () => {
    const page = pageOf(one);
    expect(page).not.toMatch(
      /<(script|link|img|iframe|object|embed|base|form)\b|\b(src|href|action)=|url\(|@import|https?:/i,
    );
    expect(page).not.toMatch(/\son[a-z]+=/i);
    expect(page).toContain(`content="default-src 'none'; style-src 'unsafe-inline'"`);
  });

  test("of a server runs one script, the one that its policy names, and asks that server alone", () => {
    const page = reportPage(summarize(readRuns([one])), { state: "training" });
    const [, script] = /<script>(.+)<\/script>/s.exec(page) ?? [];
    const hash = createHash("sha256").update(script).digest("base64");
    expect(page.match(/<script/g)).toHaveLength(1);
    expect(page).toContain(`script-src 'sha256-${hash}'; connect-src 'self'"`);
    expect(page).toContain('data-live="training"');
    expect(() => new Function(script)).not.toThrow();
  });

  test("shows two seeds as one kind, with bands; one without", () => {
    const { kinds } = summarize(readRuns([one, two]));
    expect(kinds.map(({ name, seeds }) => [name, seeds])).toEqual([
      ["dense", [1, 2]],
      ["sr-ste 2:4", [1, 2]],
      ["fully-sparse 2:4", [1, 2]],
    ]);
    expect(pageOf(one, two)).toMatch(/class="band /);
    expect(pageOf(one)).not.toMatch(/class="band /);
    for (const { low, mean, high } of kinds[1].watchedLoss) {
      expect(low).toBeLessThanOrEqual(mean);
      expect(mean).toBeLessThanOrEqual(high);
    }
  });

  test("gives the numbers of the run's own result", () => {
    const result = JSON.parse(readFileSync(join(one, "result.json"), "utf8"));
    const { kinds, machines } = summarize(readRuns([one]));
    expect(machines).toEqual([result.machine]);
    kinds.forEach((kind, i) => {
      const own = result.runs[i];
      expect(kind.finalLoss!.mean).toBe(own.loss);
      expect(kind.finalScore!.mean).toBe(100 * own.accuracy);
      expect(kind.stepMs).toBe(own.stepMs.median);
      const { rest, ...products } = kind.stepParts!;
      expect(products).toEqual(own.gemmMs);
      expect(rest).toBeGreaterThanOrEqual(0);
      if (!kind.isDense) expect(kind.equalLoss!.seconds).toBeCloseTo(own.equalLoss.seconds, 9);
    });
  });

  test("names what sets runs of one method apart", () => {
    const paths = ["0.1", "0.3"].map((decay) => {
      const path = copied();
      const file = join(path, "sr-ste/recipe.json");
      const recipe = JSON.parse(readFileSync(file, "utf8"));
      writeFileSync(
        file,
        JSON.stringify({ ...recipe, optimizer: { ...recipe.optimizer, weightDecay: Number(decay) } }),
      );
      return join(path, "sr-ste");
    });
    const { kinds } = summarize(readRuns(paths));
    expect(kinds.map(({ name }) => name)).toEqual(["sr-ste 2:4, weightDecay 0.1", "sr-ste 2:4, weightDecay 0.3"]);
  });

  test("of a single run without records of masks or gradients says what it leaves out", () => {
    const path = join(copied(), "sr-ste");
    const file = join(path, "metrics.jsonl");
    const lines = readFileSync(file, "utf8").split("\n");
    writeFileSync(file, lines.filter((line) => !/"gradients"|"masks"/.test(line)).join("\n"));
    rmSync(join(path, "masks.safetensors"));
    const page = pageOf(path);
    expect(page).toContain("Not shown: how masks move.");
    expect(page).toContain("Not shown: what sparsity does to gradients.");
    expect(page).toContain("Not shown: time to equal loss");
    expect(page).toContain('aria-label="Training loss over steps"');
  });

  test("of a run that was cut off in a line shows what came before it", () => {
    const path = join(copied(), "dense");
    const file = join(path, "metrics.jsonl");
    truncateSync(file, readFileSync(file).length - 10);
    rmSync(join(path, "result.json"));
    expect(pageOf(path)).toContain("Not ended yet: dense (1).");
  });

  test("shows the smaller models of runs with penalties, and of others none", () => {
    expect(pageOf(one)).not.toContain("Smaller models");
    const path = copied();
    const recipe = JSON.parse(readFileSync(join(path, "sr-ste/recipe.json"), "utf8"));
    const regularize = [{ structure: "row", lambda: 0.1 }];
    writeFileSync(
      join(path, "sr-ste/recipe.json"),
      JSON.stringify({ ...recipe, method: { name: "dense" }, regularize }),
    );
    const result = JSON.parse(readFileSync(join(path, "sr-ste/result.json"), "utf8"));
    const change = (before: number, after: number) => ({ before, after });
    const compact = {
      ...{ numbers: change(1000, 250), multiplyAdds: change(400, 50), forwardMs: change(6, 2), stepMs: change(9, 6) },
      difference: 2e-7,
    };
    writeFileSync(join(path, "sr-ste/result.json"), JSON.stringify({ ...result, verified: [], compact }));
    const page = pageOf(join(path, "sr-ste"));
    for (const text of ["Smaller models", ">25.0 %<", ">12.5 %<", ">3.00×<", ">1.50×<", "2e-7"])
      expect(page).toContain(text);
  });

  test("escapes names", () => {
    const path = copied();
    const file = join(path, "result.json");
    const evil = `<script>alert("x")</script>'&`;
    const result = JSON.parse(readFileSync(file, "utf8"));
    writeFileSync(file, JSON.stringify({ ...result, machine: { ...result.machine, cpu: evil } }));
    const metrics = join(path, "sr-ste/metrics.jsonl");
    writeFileSync(metrics, readFileSync(metrics, "utf8").replaceAll("fc1.weight", "<b onclick=x>"));
    const page = pageOf(path);
    expect(page).not.toMatch(/<script|<b /);
    expect(page).toContain("&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;&#39;&amp;");
    expect(page).toContain("&lt;b onclick=x&gt;");
    expect(html`${"a\u0000b\nc"}`.text).toBe("a\ufffdb\nc");
  });
});

describe("a damaged folder is an error in our form", () => {
  const FORM = /: expected .+, got .+\. .+\.$/s;
  const damage: readonly [what: string, (path: string) => void, message: RegExp][] = [
    [
      "a line that is no JSON",
      (at) => writeFileSync(join(at, "dense/metrics.jsonl"), "{\n"),
      /line 1: expected a JSON obj/,
    ],
    [
      "a step without numbers",
      (at) => appendFileSync(join(at, "dense/metrics.jsonl"), '{"step":1}\n'),
      /a step, got loss/,
    ],
    ["half a result", (at) => truncateSync(join(at, "sr-ste/result.json"), 40), /result.*expected JSON/],
    ["another result", (at) => writeFileSync(join(at, "sr-ste/result.json"), "[]"), /a result as train wrote it/],
    ["half of the masks", (at) => truncateSync(join(at, "sr-ste/masks.safetensors"), 40), /masks\.safetensors/],
    ["no machine", (at) => writeFileSync(join(at, "result.json"), "{}"), /as compare wrote it, got machine/],
    ["a plan that is none", (at) => writeFileSync(join(at, "dense/plan.json"), "{}"), /a plan as train wrote it/],
    ["no recipe", (at) => rmSync(join(at, "dense/recipe.json")), /recipe\.json/],
    [
      "no steps",
      (at) => ["dense", "sr-ste", "fully-sparse"].map((run) => rmSync(join(at, run, "metrics.jsonl"))),
      /taken a step/,
    ],
  ];
  test.each(damage)("%s", (_, harm, message) => {
    const path = copied();
    harm(path);
    expect(() => pageOf(path)).toThrow(FORM);
    expect(() => pageOf(path)).toThrow(message);
  });

  test("a folder that is none, and runs that cannot be compared", () => {
    expect(() => pageOf(root)).toThrow(/expected the folder of a run or a comparison, got .*, which is none/);
    const path = copied();
    const file = join(path, "dense/recipe.json");
    writeFileSync(file, readFileSync(file, "utf8").replace('"digits"', '"mnist"'));
    expect(() => pageOf(path)).toThrow(/runs of one model on one data set, got mlp on mnist, mlp on digits/);
  });
});

/** WCAG 2: relative luminance of #rrggbb, and the contrast of two. */
function luminance(color: string): number {
  const [r, g, b] = [1, 3, 5].map((i) => {
    const value = Number.parseInt(color.slice(i, i + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a: string, b: string): number {
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (high + 0.05) / (low + 0.05);
}

describe("colors", () => {
  test("of text have a contrast of at least 4.5 to what is behind them, light and dark", () => {
    for (const i of [0, 1]) {
      const paper = TONES.paper[i];
      const texts = [
        ...SERIES.map(({ light, dark }) => [light, dark][i]),
        ...["ink", "soft", "bad"].map((name) => TONES[name][i]),
      ];
      for (const color of texts) expect(contrast(color, paper), color).toBeGreaterThanOrEqual(4.5);
      for (const part of ["Forward", "InputGrad", "WeightGrad", "Pack", "Rest"]) {
        const behind = TONES[part[0].toLowerCase() + part.slice(1)][i];
        expect(contrast(TONES[`on${part}`][i], behind), part).toBeGreaterThanOrEqual(4.5);
      }
    }
  });

  test("are never all that tells two series apart", () => {
    const looks = SERIES.map(({ dash, marker }) => `${dash} ${SERIES.findIndex((other) => other.marker === marker)}`);
    expect(new Set(looks).size).toBe(SERIES.length);
  });
});
