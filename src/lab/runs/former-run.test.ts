/**
 * Folders that 0.1 wrote. test/golden/run-0.1 was made by 0.1.0 (commit 031a39a) in plain JavaScript: a GPT of 6 steps that
 * looked at gradients every 3 and at masks every 2, stopped after 4 with an evaluation and a checkpoint.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test, vi } from "vitest";
import { jsKernels } from "../../core/backend/js.ts";
import { Device } from "../../core/tensor/device.ts";
import { loadData } from "../data/sources.ts";
import { readRuns } from "./read-run.ts";
import { RunFolder } from "./run-folder.ts";
import { trainTogether } from "./together.ts";

const golden = fileURLToPath(new URL("../../../test/golden/run-0.1", import.meta.url));
const root = mkdtempSync(join(tmpdir(), "trisparse-former-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

test("a run of 0.1 goes on from its checkpoint to where 0.1 would have come, without a word about former names", async () => {
  const path = join(root, "run");
  cpSync(golden, path, { recursive: true });
  const written = vi.spyOn(process.stderr, "write").mockReturnValue(true);
  const folder = RunFolder.open(path);
  const { name, limit } = folder.recipe.data;
  const data = await loadData(name, { seed: folder.recipe.seed, limit });
  const [result] = await trainTogether([folder], data, new Device(jsKernels()), { compute: "sparse" });
  expect(written).not.toHaveBeenCalled();
  written.mockRestore();
  expect([folder.steps.length, folder.epochs.length, folder.gradients.length]).toEqual([6, 2, 2]);
  const losses = [3.8934255, 3.8361197, 3.8002594, 3.7848668, 3.6815484, 3.6701143];
  folder.steps.forEach(({ step, loss }, i) => {
    expect(step).toBe(i);
    expect(loss).toBeCloseTo(losses[i], 4);
  });
  expect(result).toMatchObject({ method: "sr-ste", loss: expect.closeTo(3.6356475, 4) });
  // the rows of before stay as they were
  const lines = readFileSync(join(path, "metrics.jsonl"), "utf8").trimEnd().split("\n");
  const before = readFileSync(join(golden, "metrics.jsonl"), "utf8").trimEnd().split("\n");
  expect(lines.slice(0, before.length)).toEqual(before);
  expect(lines.slice(before.length).every((line) => line.startsWith('{"event":"'))).toBe(true);
});

test("a run of 0.1 is read for a report", () => {
  const [{ steps, evaluations, gradients, masks, recipe }] = readRuns([golden]);
  expect([steps, evaluations, gradients, masks].map(({ length }) => length)).toEqual([4, 1, 2, 2]);
  expect(recipe).toMatchObject({ batchSize: 4, optimizer: { name: "sgd", learningRate: 0.1 } });
});
