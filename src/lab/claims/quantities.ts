import { scoreOf } from "../../core/task/evaluate.ts";
import type { Quantity } from "./claim.ts";

export const testLoss: Quantity = { name: "test loss", unit: "nats", of: ({ loss }) => loss };

/** Percentage of right answers. */
export const accuracy: Quantity = { name: "accuracy", unit: "points", of: scoreOf };

export const bitsPerCharacter: Quantity = { name: "bits per character", unit: "bits", of: scoreOf };

/** AP50 in percentage points: average precision at an overlap of 0.5. */
export const ap50: Quantity = { name: "AP50", unit: "points", of: scoreOf };

/** Average precision in percentage points, averaged over overlaps of 0.5, 0.55, ..., 0.95. */
export const averagePrecision: Quantity = {
  name: "AP",
  unit: "points",
  of: (result) => ("ap" in result ? 100 * result.ap : Number.NaN),
};

/** SAD from the first to the last mask, as a share of the weights. */
export const maskMovement: Quantity = { name: "SAD", unit: "share of the weights", of: ({ sadShare }) => sadShare };

/** 1 - the cosine of the mean of many sparse gradients and the dense one: what averaging does not remove. */
export const gradientBias: Quantity = {
  name: "bias of the weight gradient",
  unit: "1 - cosine",
  of: ({ gradients }) => 1 - gradients.reduce((sum, { meanCosine }) => sum + meanCosine, 0) / gradients.length,
};

/**
 * The share of the last mask's entries that an early mask keeps too, that of the last snapshot within the first fifth
 * of the run.
 */
export const earlyOverlap: Quantity = {
  name: "overlap with the last mask",
  unit: "share",
  of: ({ structure }) => {
    const early = structure?.early ?? [];
    const last = early[early.length - 1]?.step ?? 0;
    return early.filter(({ step }) => step <= last / 5).at(-1)?.overlap ?? Number.NaN;
  },
};
