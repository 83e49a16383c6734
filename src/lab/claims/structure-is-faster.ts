import type { Dataset } from "../../core/data/dataset.ts";
import { CsrMatrix } from "../../core/sparse/formats/csr-matrix.ts";
import { multiplyingWeights } from "../../core/sparsity/layers.ts";
import type { Device } from "../../core/tensor/device.ts";
import { type Compressed, compress } from "../compression/compress.ts";
import type { Recipe } from "../recipes/recipe.ts";
import { Run } from "../runs/run.ts";
import { interleave } from "../statistics/interleave.ts";
import type { Claim, Measurement, Scale } from "./claim.ts";
import { trials } from "./trials.ts";

const penalties = (conv1: number, conv2: number, fc1: number): object[] => [
  { structure: "filter", lambda: conv1, layers: "conv1" },
  { structure: "filter", lambda: conv2, layers: "conv2" },
  { structure: "column", lambda: fc1, layers: "fc1" },
];

const lenet = {
  ...{ model: { name: "lenet" }, method: { name: "dense" } },
  optimizer: { name: "sgd", learningRate: 0.01, schedule: { warmup: 0 } },
};

/** LeNet at each scale; the lambdas are larger where there are fewer steps. */
const RECIPES: Readonly<Record<Scale, object>> = {
  smoke: {
    ...lenet,
    data: { name: "digits", limit: { train: 3000 } },
    regularize: penalties(0.05, 0.1, 0.01),
    batchSize: 32,
    epochs: 4,
  },
  small: { ...lenet, data: { name: "mnist" }, regularize: penalties(0.015, 0.03, 0.002), epochs: 4 },
  full: { ...lenet, data: { name: "mnist" }, regularize: penalties(0.015, 0.03, 0.002), epochs: 12 },
};

interface SpeedUps {
  /** Forward time of the dense network / that of the compact one. */
  readonly structured: number;
  /** Forward time of the dense network / that with compressed rows and as many zeros in each layer. */
  readonly unstructured: number;
  /** Multiply-adds of the dense network / those of the compact one. */
  readonly predicted: number;
}

function trial(recipe: Recipe, data: Dataset, device: Device): SpeedUps {
  const small = compress(recipe, data, device, { learn: recipe.epochs, tune: 1 });
  const sparse = new Run({ ...recipe, regularize: [L1] }, data, device, { compute: "emulated" });
  while (!sparse.done) sparse.advance();
  pruneAs(sparse, small);
  const rows = new Map(
    multiplyingWeights(sparse.model).map(({ weight, rows, k }) => {
      const compressed = new CsrMatrix(device.kernels, weight.data, rows, k);
      compressed.refresh(weight.data);
      return [weight, compressed];
    }),
  );
  const forward = (model: Run["model"]): void => {
    device.step(() => device.withoutGradients(() => model.forward(sparse.batches.part(device, "test", 0).x)));
  };
  for (const model of [sparse.model, small.model]) model.eval();
  const [, compact, csr, input] = interleave(
    {
      dense: () => forward(sparse.model),
      compact: () => forward(small.model),
      csr: () => {
        for (const [weight, compressed] of rows) {
          weight.plan = {
            forward: () => compressed,
            inputGrad: () => null,
            weightGrad: () => null,
          };
        }
        forward(sparse.model);
        for (const weight of rows.keys()) weight.plan = null;
      },
      input: () => {
        device.step(() => sparse.batches.part(device, "test", 0));
      },
    },
    ...[31, 30],
  );
  const dense = input.ratio.median * input.ms.median;
  const without = ({ ms }: typeof input): number => (dense - input.ms.median) / (ms.median - input.ms.median);
  const sum = (when: "before" | "after"): number =>
    small.layers.reduce((total, { multiplyAdds }) => total + multiplyAdds[when], 0);
  return { structured: without(compact), unstructured: without(csr), predicted: sum("before") / sum("after") };
}

const speedUps = trials(RECIPES, trial);

const L1 = { structure: "weight", lambda: 1e-4, form: "proximal", bySize: false } as const;

/** Zeroes the smallest weights of each layer, until it has the share of zeros that the compact model left out. */
function pruneAs({ model }: Run, { layers }: Compressed): void {
  for (const { name, weight } of multiplyingWeights(model)) {
    const { multiplyAdds } = layers.find((layer) => layer.name === name)!;
    const kept = Math.round((weight.size * multiplyAdds.after) / multiplyAdds.before);
    const bound = Array.from(weight.data, Math.abs).sort((a, b) => b - a)[kept - 1];
    weight.data.forEach((x, i) => {
      if (Math.abs(x) < bound) weight.data[i] = 0;
    });
    weight.touch();
  }
}

const measurement = (says: string, name: string, of: (one: SpeedUps) => number, bound: object): Measurement => ({
  ...{ says, name, unit: "x" },
  measure: async (bench) => (await speedUps(bench)).map(of),
  ...bound,
});

export const structureIsFaster: Claim = {
  name: "structure-is-faster",
  source: "Wen et al. 2016, sections 1 and 4",
  sentence: "Structured sparsity makes a network faster; as many zeros in any place do little.",
  run: "LeNet with filters learned away and compacted, and with as many zeros in each layer by L1 and magnitude, as compressed sparse rows that read images without lowering them; whole forward passes",
  variants: () => ({}),
  contrasts: [],
  // learning, tuning and the network without a structure
  trials: { recipes: RECIPES, trainings: 3, finish: speedUps },
  measurements: [
    measurement("the compact network is faster", "speed-up", ({ structured }) => structured, { atLeast: 1.5 }),
    measurement(
      "by what its products say, half of it at least",
      "share of the predicted speed-up",
      ({ structured, predicted }) => structured / predicted,
      { atLeast: 0.5 },
    ),
    measurement("compressed rows are hardly faster than dense", "speed-up", ({ unstructured }) => unstructured, {
      atMost: 1.5,
    }),
    measurement(
      "structure beats compressed rows",
      "speed-up by speed-up",
      ({ structured, unstructured }) => structured / unstructured,
      { atLeast: 1 },
    ),
  ],
};
