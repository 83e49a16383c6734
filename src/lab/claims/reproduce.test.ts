import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { jsKernels } from "../../core/backend/js.ts";
import { TrisparseError } from "../../core/errors.ts";
import { Device } from "../../core/tensor/device.ts";
import { parseRecipe } from "../recipes/recipe.ts";
import { claimsPage } from "../report/claims-page.ts";
import { type Claim, type Measurement, SCALES } from "./claim.ts";
import { claims } from "./claims.ts";
import { keptClaims } from "./kept.ts";
import { testLoss } from "./quantities.ts";
import { reproduce } from "./reproduce.ts";
import { trials } from "./trials.ts";

const tiny = {
  ...{ data: { name: "digits", limit: { train: 64, test: 32 } }, model: { name: "mlp", hidden: [8] } },
  ...{ steps: 2, batchSize: 16, skip: [] },
};
const claim = (name: string, more: Partial<Claim> = {}): Claim => ({
  ...{ name, source: "nobody", sentence: "SR-STE is STE with a decay.", run: "two steps" },
  variants: () => ({
    dense: { ...tiny, method: { name: "dense" } },
    "sr-ste": { ...tiny, method: { name: "sr-ste" } },
  }),
  contrasts: [{ says: "it is near dense", quantity: testLoss, sum: { "sr-ste": 1, dense: -1 }, atMost: 10 }],
  ...more,
});

let out = "";
beforeEach(() => {
  out = mkdtempSync(join(tmpdir(), "trisparse-claims-"));
});
afterEach(() => {
  rmSync(out, { recursive: true, force: true });
});
const device = (): Device => new Device(jsKernels());

test("every claim has recipes of this trisparse at every scale, and contrasts between its variants", () => {
  for (const { name, variants, contrasts, measurements = [] } of claims) {
    expect(contrasts.length + measurements.length, name).toBeGreaterThan(0);
    for (const scale of SCALES) {
      const made = variants(scale);
      for (const [variant, recipe] of Object.entries(made)) parseRecipe(recipe, `${name}, ${variant}`);
      for (const { sum } of contrasts) {
        // differences, or a quantity that has a scale of its own
        expect([0, 1]).toContain(Object.values(sum).reduce((a, b) => a + b, 0));
        for (const variant of Object.keys(sum)) expect(Object.keys(made), name).toContain(variant);
      }
    }
  }
});

test("runs are shared between claims and not repeated", async () => {
  const options = { scale: "smoke", seeds: 2, out } as const;
  const [first] = await reproduce([claim("one")], device(), options);
  expect(first.verdict).toBe("holds");
  const runs = readdirSync(join(out, "runs"));
  expect(runs).toHaveLength(4);
  const results = runs.map((run) => readFileSync(join(out, "runs", run, "result.json"), "utf8"));
  const again = await reproduce([claim("one"), claim("two")], device(), options);
  expect(again.map(({ findings }) => findings)).toEqual([first.findings, first.findings]);
  expect(runs.map((run) => readFileSync(join(out, "runs", run, "result.json"), "utf8"))).toEqual(results);
  expect(keptClaims(out, "smoke")).toEqual(again);
});

test("a call adds to what earlier ones left in the folder, in the order of the table of claims", async () => {
  const options = { scale: "smoke", seeds: 2, out } as const;
  const [last, first] = ["early-structure", "sr-ste-matches-dense"];
  const [kept] = await reproduce([claim(last)], device(), { ...options, seeds: 1 });
  await reproduce([claim(first), claim("a new one")], device(), options);
  const seedsOf = () => keptClaims(out, "smoke").map(({ name, seeds }) => [name, seeds]);
  expect(seedsOf()).toEqual([
    [first, 2],
    [last, 1],
    ["a new one", 2],
  ]);
  // one seed has an interval without ends, which JSON cannot say
  expect(keptClaims(out, "smoke")[1]).toEqual(kept);
  expect(kept.findings[0].value.high).toBe(Infinity);
  expect(claimsPage(keptClaims(out, "smoke"))).toContain("Run: two steps; 1 seed; js");
  await reproduce([claim(last)], device(), options);
  expect(seedsOf()).toEqual([
    [first, 2],
    [last, 2],
    ["a new one", 2],
  ]);
});

test("a folder of claims at another scale, or of something else, is left as it is", async () => {
  await reproduce([claim("one")], device(), { scale: "smoke", seeds: 1, out });
  const file = join(out, "claims.json");
  const before = readFileSync(file, "utf8");
  const other = reproduce([claim("two")], device(), { scale: "small", seeds: 1, out });
  await expect(other).rejects.toThrow("expected a folder of claims at scale small, got");
  expect(readFileSync(file, "utf8")).toBe(before);
  for (const content of ["null", "[]", '{ "claims": [{ "name": "one" }] }', '{ "claims": [null] }']) {
    writeFileSync(file, content);
    expect(() => keptClaims(out, "smoke")).toThrow("expected claims as reproduce writes them");
  }
});

test("a run that was interrupted is finished", async () => {
  const options = { scale: "smoke", seeds: 1, out } as const;
  const [before] = await reproduce([claim("one")], device(), options);
  const [run] = readdirSync(join(out, "runs"));
  rmSync(join(out, "runs", run, "result.json"));
  const [after] = await reproduce([claim("one")], device(), options);
  expect(after.findings).toEqual(before.findings);
  expect(existsSync(join(out, "runs", run, "result.json"))).toBe(true);
});

test("a claim that fails says why and does not stop the others", async () => {
  const broken = claim("broken", { variants: () => ({ dense: { ...tiny, batchSize: 4096 } }) });
  const results = await reproduce([broken, claim("one")], device(), { scale: "smoke", seeds: 1, out });
  expect(results.map(({ verdict }) => verdict)).toEqual(["failed", "not decided at this scale"]);
  expect(results[0].error).toMatch(/expected/);
  const page = claimsPage(results);
  expect(page).toContain("## broken: failed");
  expect(page).toContain("| it is near dense | test loss |");
});

test("measurements are judged by the mean of what they found, with those beside them", async () => {
  const measurement = (atMost: number) => ({
    ...{ says: "it costs nothing", name: "test loss", unit: "nats", atMost },
    measure: async () => [1, 2, 6],
  });
  const measurements = [measurement(9.6), measurement(4)];
  const one = claim("one", { variants: () => ({}), contrasts: [], measurements });
  const [{ findings, verdict }] = await reproduce([one], device(), { scale: "smoke", seeds: 3, out });
  // Student's t of 2 degrees of freedom times sqrt(7 / 3)
  expect(findings[0].value.mean).toBe(3);
  expect(findings[0].value.high).toBeCloseTo(3 + 4.30265273 * Math.sqrt(7 / 3), 6);
  expect(findings[0].values).toEqual([1, 2, 6]);
  // the interval is below 9.6, but there are two findings
  expect(findings[0].value.high).toBeLessThan(9.6);
  expect(findings[0].verdict).toBe("not decided at this scale");
  expect(verdict).toBe("not decided at this scale");
});

test("results have the values of each seed, so that anyone can compute them again", async () => {
  const [{ findings, variants }] = await reproduce([claim("one")], device(), { scale: "smoke", seeds: 3, out });
  const [dense, sparse] = variants;
  expect(dense.losses).toHaveLength(3);
  expect(findings[0].values).toEqual(sparse.losses.map((loss, i) => loss - dense.losses[i]));
  expect(dense.loss).toBeCloseTo(dense.losses.reduce((a, b) => a + b, 0) / 3, 12);
  expect(keptClaims(out, "smoke")[0].variants).toEqual(variants);
});

test("trials that are done are kept: the next call repeats only what was interrupted", async () => {
  const tried: number[] = [];
  let broken = 2;
  const all = trials({ smoke: tiny, small: tiny, full: tiny }, ({ seed }, data) => {
    if (seed === broken) throw new TrisparseError("expected a machine that stays on");
    tried.push(seed);
    return { classes: data.classes };
  });
  const measurement = (name: string): Measurement => ({
    ...{ says: "classes", name, unit: "classes", atLeast: 10 },
    measure: async (bench) => (await all(bench)).map(({ classes }) => classes),
  });
  const one = claim("one", { variants: () => ({}), contrasts: [], measurements: [measurement("a"), measurement("b")] });
  const options = { scale: "smoke", seeds: 3, out } as const;
  const [failed] = await reproduce([one], device(), options);
  expect(failed.error).toMatch(/stays on/);
  expect(tried).toEqual([1]);
  broken = 0;
  const [done] = await reproduce([one], device(), options);
  expect(done.verdict).toBe("holds");
  expect(tried).toEqual([1, 2, 3]);
  await reproduce([one], device(), options);
  expect(tried).toEqual([1, 2, 3]);
  expect(readdirSync(join(out, "measured")).every((file) => file.startsWith("one-digits-mlp-"))).toBe(true);
});
