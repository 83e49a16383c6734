import { expect, test } from "vitest";
import { inProcesses, joined, speedVerdict } from "./repeats.ts";
import type { StepCase } from "./step.ts";

const found = (ratio: number): StepCase => ({
  ...{ model: "mlp", batchSize: 8, batch: 8, plan: "ste", pattern: "2:4", threads: 1, backend: "js" },
  ...{ denseMs: 10 * ratio, sparseMs: 10, ratio, ratioQuartiles: [ratio, ratio] },
});

test("a speed-up is that of the processes: their mean, and an interval from their spread", () => {
  const [{ ratios, speedUp, verdict, denseMs }] = joined([[found(1.1)], [found(1.3)], [found(1.2)]]);
  expect(ratios).toEqual([1.1, 1.3, 1.2]);
  expect(speedUp.mean).toBeCloseTo(1.2, 12);
  expect(speedUp.low).toBeCloseTo(1.2 - (4.30265273 * 0.1) / Math.sqrt(3), 8);
  expect(verdict).toBe("undecided");
  // the times shown are of one process, that in the middle
  expect(denseMs).toBe(12);
});

test("it is decided where the whole interval lies beyond 1", () => {
  expect(speedVerdict({ low: 1.01, high: 1.2 })).toBe("faster");
  expect(speedVerdict({ low: 0.8, high: 0.99 })).toBe("slower");
  expect(speedVerdict({ low: 0.9, high: 1.1 })).toBe("undecided");
  expect(joined([[found(1.5)]])[0].verdict).toBe("undecided");
});

test("each repeat is a process of its own, which opens the device that was asked for", async () => {
  const job = { model: "lenet", plans: ["ste"], patterns: ["2:4"], batchSize: 1, rounds: 1, seconds: 0.1 };
  const repeats = await inProcesses({ ...job, open: { backend: "wasm" } }, 1);
  expect(repeats.map(([{ backend, batchSize }]) => [backend, batchSize])).toEqual([["wasm", 1]]);
  expect(repeats.every(([{ denseMs, sparseMs }]) => denseMs > 0 && sparseMs > 0)).toBe(true);
});

test("a process that fails says why", async () => {
  const job = { model: "lenet", plans: ["ste"], patterns: ["5:2"], open: { backend: "wasm" } } as const;
  await expect(inProcesses(job, 1)).rejects.toThrow(/bench step: expected a process that times lenet, got .*5:2/s);
}, 20_000);
