import { describe, expect, test } from "vitest";
import type { Machine, RunResult } from "../runs/together.ts";
import { bytesText, comparisonText, durationText } from "./table.ts";

const dense: RunResult = {
  seed: 1,
  steps: 100,
  strategy: null,
  method: "dense",
  pattern: null,
  layers: [],
  plan: { forward: "dense", inputGrad: "dense", weightGrad: "dense" },
  accuracy: 0.89,
  loss: 0.3,
  seconds: 1234.5,
  stepMs: { median: 1101.25, q1: 1099.5, q3: 1203.75 },
  gemmMs: { forward: 300.25, inputGrad: 310.5, weightGrad: 320, pack: 0 },
  speedUp: { median: 1, q1: 1, q3: 1 },
  equalLoss: { loss: 0.3, denseSeconds: 1000, seconds: 1000 },
  sad: 0,
  sadShare: 0,
  flipRate: 0,
  sparsity: 0,
  masks: [],
  structure: null,
  verified: [],
  gradients: [],
  weightBytes: { dense: 7.1 * 2 ** 20, packed: 7.1 * 2 ** 20 },
};
const layer = { pattern: "2:4v2", axis: "channels", ok: true, groups: 8, first: null };
const sparse: RunResult = {
  ...dense,
  method: "sr-ste",
  pattern: "2:4v2",
  plan: { forward: "sparse", inputGrad: "emulated", weightGrad: "dense" },
  stepMs: { median: 900, q1: 90, q3: 1000 },
  gemmMs: { forward: 150, inputGrad: 310.5, weightGrad: 320, pack: 12.25 },
  speedUp: { median: 0.994, q1: 0.9, q3: 10.25 },
  equalLoss: { loss: 0.31, denseSeconds: 900, seconds: 800 },
  sad: 123_456_789,
  sadShare: 0.5,
  flipRate: 0.0123,
  sparsity: 0.497,
  verified: [
    { ...layer, layer: "conv1.weight" },
    { ...layer, layer: "fc1.weight", axis: "inputs", ok: false },
  ],
  coverage: {
    ...{ pruned: 2, eligible: 3, layers: 4 },
    dense: [
      { layer: "stem.weight", reason: "3 channels cannot be cut into groups of 4" },
      { layer: "fc2.weight", reason: "the last layer stays dense" },
    ],
  },
  weightBytes: { dense: 7.1 * 2 ** 20, packed: 3.79 * 2 ** 20 },
};
const machine: Machine = {
  cpu: "Intel(R) Xeon(R) Platinum 8481C CPU @ 2.70GHz",
  cores: 192,
  node: "v20.20.2",
  backend: "native",
  instructionSet: "avx512",
  threads: 4,
  load: [12.25, 13.5],
};

describe("the tables of a comparison", () => {
  test("put points under points and say in the cell what is slower", () => {
    const [, head, , first, second] = comparisonText([dense, sparse], machine).split("\n");
    expect(head).toBe(
      "│ method       │ accuracy % │   loss │         ms a step │       speed-up of the step │ seconds │",
    );
    expect(first).toBe(
      "│ dense        │      89.00 │ 0.3000 │ 1101 (1100..1204) │                          1 │    1235 │",
    );
    expect(second).toBe(
      "│ sr-ste 2:4v2 │      89.00 │ 0.3000 │  900 (  90..1000) │ slower: 0.99 (0.90..10.25) │    1235 │",
    );
  });

  test("show what masks keep and how they settle, where they were watched", () => {
    expect(comparisonText([dense, sparse], machine)).not.toContain("NNSTD");
    const early = [0.5, 0.625, 0.9, 1].map((overlap, i) => ({ step: [0, 10, 50, 100][i], overlap }));
    const structure = {
      ...{ virtual: false, flipRate: 0.01, sad: 5, sadShare: 0.5, keptShare: 0.72, deadGroups: 3, deadRows: 0 },
      ...{ nnstd: 0.4125, matching: "optimal" as const, early, layers: [], flipRatio: 0.8412, flipRatios: [] },
    };
    const watched = {
      ...dense,
      structure: { ...structure, virtual: true, flipRatio: null, nnstd: null, matching: null },
    };
    const text = comparisonText([watched, { ...sparse, structure }], machine);
    expect(text).toContain("│ sr-ste 2:4v2 │         0.841 │      72.00 │           3 │ 0.412 │    62.5 │");
    expect(text).toContain("│ dense        │             - │      72.00 │           3 │     - │    62.5 │");
    expect(Math.max(...text.split("\n").map((line) => line.length))).toBeLessThanOrEqual(100);
    expect(text).not.toContain("NNSTD of");
    const layers = [{ layer: "fc1.weight", nnstd: 0.4125, matching: "greedy" as const, carried: true }];
    const other = { ...sparse, structure: { ...structure, matching: "greedy" as const, layers } };
    expect(comparisonText([watched, other], machine)).toContain(
      [
        "NNSTD of sr-ste 2:4v2: neurons are matched greedily, so that the distance may be too large.",
        "NNSTD of sr-ste 2:4v2: inputs are renamed by the match of the layer before.",
      ].join("\n"),
    );
  });

  test("name the layers that stay dense and why, and count those that are pruned of all", () => {
    const text = comparisonText([dense, sparse], machine);
    expect(text).toContain("│ 2 of 4 │");
    expect(text).toContain(
      [
        "sr-ste 2:4v2: 2 of 3 eligible layers are pruned, of 4 in all. Dense: stem.weight (3 channels cannot",
        "be cut into groups of 4); fc2.weight (the last layer stays dense).",
      ].join("\n"),
    );
  });

  test("warn of a run that diverged", () => {
    const text = comparisonText([dense, { ...sparse, rose: { from: 2.3, to: 4.5e24 } }], machine);
    expect(text).toContain(
      [
        "Warning: sr-ste 2:4v2 diverged: its training loss rose from 2.30 to 4.50e+24. Lower the learning",
        "rate, set optimizer.clip to 1, or train for more steps.",
      ].join("\n"),
    );
    expect(comparisonText([dense, sparse], machine)).not.toContain("Warning");
  });

  test("show a layer that is not N:M, and where groups run", () => {
    expect(comparisonText([dense, sparse], machine)).toContain("│       1 of 2 │");
  });

  test("show bits per character of a language model in place of its accuracy", () => {
    const { accuracy: _, ...rest } = dense as typeof dense & { accuracy: number };
    const [, head, , row] = comparisonText([{ ...rest, bitsPerChar: 2.34567 }], machine).split("\n");
    expect(head).toContain("│ bits/char │");
    expect(row).toContain("│    2.3457 │");
  });

  test("fit into 100 columns, also with large numbers", () => {
    const lines = comparisonText([dense, sparse], machine).split("\n");
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(100);
  });

  test("leave out the speed-up where no dense run stands beside, and masks where nothing is sparse", () => {
    expect(comparisonText([{ ...sparse, speedUp: null }], machine)).not.toMatch(/speed-up/i);
    const text = comparisonText([dense], machine);
    expect(text).not.toContain("Masks");
    expect(text).toContain("Computed: all products dense.");
  });

  test("show what is not known as -", () => {
    const unknown = { median: Number.NaN, q1: Number.NaN, q3: Number.NaN };
    const text = comparisonText([dense, { ...sparse, stepMs: unknown, speedUp: null }], machine);
    expect(text).not.toMatch(/NaN|undefined|null/);
  });
});

test("bytes have three digits and a unit", () => {
  expect([0, 1023, 1024, 1023.9 * 1024, 2 ** 20, 105_000_000].map(bytesText)).toEqual([
    "0 B",
    "1023 B",
    "1.00 KiB",
    "1024 KiB",
    "1.00 MiB",
    "100 MiB",
  ]);
});

test("durations are rounded up and carry no unit that is nought in front", () => {
  expect([0, 0.2, 59, 59.5, 60, 200, 3599.5, 3600, 7500].map(durationText)).toEqual([
    "0 s",
    "1 s",
    "59 s",
    "1 min 0 s",
    "1 min 0 s",
    "3 min 20 s",
    "1 h 0 min",
    "1 h 0 min",
    "2 h 5 min",
  ]);
});
