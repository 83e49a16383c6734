/** The tasks on which claims are tried, at each scale. */
import type { Scale } from "./claim.ts";

type Task = "mlp" | "cnn" | "gpt" | "detector";

/**
 * smoke: generated data, minutes for all claims. small: the usual data sets at sizes at which a run takes a minute.
 * full: longer runs and the larger models, for a machine that may work for days.
 */
const TASKS: Readonly<Record<Scale, Readonly<Record<Task, object>>>> = {
  smoke: {
    mlp: {
      data: { name: "digits" },
      model: { name: "mlp", hidden: [256, 256] },
      epochs: 8,
      batchSize: 128,
    },
    cnn: {
      data: { name: "digits", limit: { train: 6000 } },
      model: { name: "cnn", widths: [8, 16, 32] },
      optimizer: { name: "adamw", learningRate: 4e-3 },
      epochs: 4,
      batchSize: 64,
    },
    gpt: {
      data: { name: "text", limit: { train: 100_000, test: 10_000 } },
      model: { name: "gpt", layers: 2, width: 64, heads: 2, context: 32 },
      optimizer: { name: "adamw", learningRate: 3e-3, weightDecay: 0.1, decayed: "matrices", clip: 1 },
      steps: 400,
      batchSize: 16,
    },
    detector: {
      data: { name: "scenes", limit: { train: 1200, test: 400 } },
      model: { name: "detector", widths: [16, 32, 64, 64] },
      optimizer: { name: "adamw", learningRate: 8e-3 },
      epochs: 8,
      batchSize: 16,
    },
  },
  small: {
    mlp: { data: { name: "fashion-mnist" }, model: { name: "mlp" }, epochs: 5, batchSize: 256 },
    cnn: { data: { name: "cifar10", limit: { train: 14_000 } }, model: { name: "cnn" }, epochs: 10, batchSize: 64 },
    gpt: {
      data: { name: "text", file: "tinyshakespeare.txt" },
      model: { name: "gpt", layers: 2, width: 128, heads: 4, context: 128 },
      optimizer: { name: "adamw", learningRate: 2e-3, weightDecay: 0.1, decayed: "matrices", clip: 1 },
      steps: 1000,
      batchSize: 16,
    },
    detector: {
      data: { name: "scenes" },
      model: { name: "detector" },
      optimizer: { name: "adamw", learningRate: 5e-3 },
      epochs: 8,
      batchSize: 32,
    },
  },
  full: {
    mlp: { data: { name: "fashion-mnist" }, model: { name: "mlp" }, epochs: 30, batchSize: 256 },
    cnn: {
      data: { name: "cifar10", augment: true },
      model: { name: "resnet", depth: 20 },
      optimizer: { name: "sgd", learningRate: 0.1, weightDecay: 5e-4 },
      epochs: 100,
      batchSize: 128,
    },
    gpt: {
      data: { name: "text", file: "tinyshakespeare.txt" },
      model: { name: "gpt" },
      optimizer: { name: "adamw", learningRate: 1e-3, weightDecay: 0.1, decayed: "matrices", clip: 1 },
      steps: 5000,
      batchSize: 32,
    },
    detector: {
      data: { name: "scenes" },
      model: { name: "detector", widths: [32, 64, 128, 256, 256] },
      optimizer: { name: "adamw", learningRate: 5e-3 },
      epochs: 40,
      batchSize: 32,
    },
  },
};

/** The recipe of a task at a scale, with changes; each change is a key of recipes. */
export function task(scale: Scale, name: Task, changes: object): object {
  return { ...TASKS[scale][name], ...changes };
}

/** The variants of one task: "dense", and one for each line. */
export function variantsOf(scale: Scale, name: Task, lines: Readonly<Record<string, object>>): Record<string, object> {
  return Object.fromEntries(
    Object.entries({ dense: { method: { name: "dense" } }, ...lines }).map(([variant, changes]) => [
      variant,
      task(scale, name, changes),
    ]),
  );
}
