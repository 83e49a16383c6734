/** `curve`: accuracy over sparsity from one command. */
import { readdirSync } from "node:fs";
import { expect, test } from "vitest";
import { Place } from "../../test/command.ts";
import type { Curve } from "../lab/report/curve-table.ts";

const small = ["--limit", "128", "--steps", "4", "--seeds", "2", "--threads", "1"];

test("curve trains each place, draws it, and goes on in its folder", async () => {
  const place = new Place({});
  const asked = ["--methods", "prune,sr-ste", "--sparsity", "0.5,0.97", "-o", "o"];
  const { stdout, stderr } = await place.succeed("curve", ...small, ...asked);
  expect(stderr).toContain("left out: sr-ste at sparsity 0.97: expected");
  expect(stderr).toMatch(/\n8 of 8: sr-ste 0.5, seed \d\n/);
  const rows = stdout.split("\n").filter((line) => /^│ (dense|prune|sr-ste) /.test(line));
  expect(rows.map((row) => row.split(/[ │]+/).slice(1, 3))).toEqual([
    ["dense", "-"],
    ["prune", "0.5"],
    ["prune", "0.97"],
    ["sr-ste", "0.5"],
  ]);
  expect(readdirSync(place.at("o")).sort()).toEqual(["curve.jsonl", "curve.svg"]);
  const again = await place.succeed("curve", ...small, ...asked, "--json", "-");
  expect(again.stderr).not.toMatch(/ of 8: /);
  const { unit, points } = JSON.parse(again.stdout) as Curve;
  expect(unit).toBe("accuracy %");
  expect(points.map(({ method, seeds }) => [method, seeds])).toEqual([
    ["dense", 2],
    ["prune", 2],
    ["prune", 2],
    ["sr-ste", 2],
  ]);
});

test("curve refuses what is no sparsity and no method", async () => {
  const place = new Place({});
  const wrong = await place.run("curve", "--sparsity", "0.5,1");
  expect([wrong.code, wrong.stderr]).toEqual([
    2,
    expect.stringContaining("--sparsity: expected numbers above 0 and below 1"),
  ]);
  const unknown = await place.run("curve", "--methods", "prune-obx");
  expect([unknown.code, unknown.stderr]).toEqual([2, expect.stringContaining("prune-ob")]);
});
