import { expect, test } from "vitest";
import type { ClaimResult, Finding } from "../../claims/result.ts";
import type { Machine } from "../../runs/together.ts";
import { intervalOf } from "../../statistics/interval.ts";
import { claimsHtml } from "./claims.ts";
import { wrapped } from "./interval-chart.ts";

const machine: Machine = {
  ...{ cpu: "a <processor>", cores: 4, node: "v20", backend: "native", instructionSet: "avx2", threads: 2 },
  load: [0.5, 1],
};
const finding = (more: Partial<Finding>): Finding => ({
  ...{ says: "it is small", quantity: "test loss", unit: "nats", atMost: 0.1, verdict: "holds" },
  ...{ values: [0, 0.01, 0.02], value: intervalOf([0, 0.01, 0.02]), p: 0.02 },
  ...more,
});
const claim = (more: Partial<ClaimResult>): ClaimResult => ({
  ...{ name: "small", source: "A & B 2021", sentence: "Sparse is < dense.", run: "two runs", scale: "smoke" },
  ...{ seeds: 3, machine, verdict: "holds", error: null, findings: [finding({})], variants: [] },
  ...more,
});

test("the page of claims has a chart for each quantity, in two widths, and says each verdict in words", () => {
  const undecided = finding({ quantity: "accuracy", unit: "points", verdict: "not decided at this scale" });
  const page = claimsHtml([claim({ findings: [finding({}), finding({}), undecided] })]);
  expect(page.match(/<svg[^>]*role="img"/g)).toHaveLength(4);
  expect(page).toContain("small: holds");
  expect(page).toContain(">not decided<");
  expect(page).toContain("1 of 1 hold, 0 do not, 0 not decided");
});

test("names that a phone has no room for go on in a second line, and rows below make room", () => {
  const names = ["2:4", "2:4v2"].map(
    (pattern) => `a step of the MLP 784-1024-1024-10 is faster than dense at ${pattern}`,
  );
  const page = claimsHtml([claim({ findings: names.map((says) => finding({ says })) })]);
  expect(page).not.toContain("…");
  expect(page).toMatch(/<text class="row" x="8" y="31">[^<]*dense at 2:4</);
  expect(page).toMatch(/<text class="row" x="8" y="93">[^<]*dense at 2:4v2</);
  expect(wrapped("ab cd efghij", 5)).toEqual(["ab cd", "efghij"]);
});

test("it loads nothing, runs no script and escapes what it is given", () => {
  const page = claimsHtml([claim({ name: "a<b" })]);
  expect(page).not.toMatch(/<script|https?:\/\/(?!www\.w3\.org)|<link|<img/);
  expect(page).toContain("A &amp; B 2021");
  expect(page).toContain("a&lt;b");
  expect(page).toContain("a &lt;processor&gt;");
});

test("a claim of one seed, whose interval reaches everywhere, is drawn by its mean; one that failed says why", () => {
  const endless = finding({ values: [1], value: intervalOf([1]), p: 1 });
  const failed = claim({ name: "broken", verdict: "failed", error: "data: expected files, got none.", findings: [] });
  const page = claimsHtml([claim({ findings: [endless] }), failed]);
  expect(page).not.toMatch(/NaN|Infinity/);
  expect(page).toContain("It failed: data: expected files, got none.");
  expect(page).toContain("1 failed");
});
