import type { Dataset } from "../../core/data/dataset.ts";
import { loadState, type State, stateOf } from "../../core/nn/state.ts";
import { scoreOf } from "../../core/task/evaluate.ts";
import type { Device } from "../../core/tensor/device.ts";
import { compress } from "../compression/compress.ts";
import type { Recipe } from "../recipes/recipe.ts";
import { Run } from "../runs/run.ts";
import type { Claim, Measurement, Scale } from "./claim.ts";
import { trials } from "./trials.ts";

const resnet = {
  method: { name: "dense" },
  optimizer: { name: "sgd", learningRate: 0.05, weightDecay: 5e-4, schedule: { warmup: 0.05 } },
};
/**
 * Penalties on the bodies of these blocks. The first block of a stage is left out, because it sets size and channels.
 */
const bodies = (lambda: number, blocks: readonly number[]): object[] =>
  blocks.map((block) => ({ structure: "body", lambda, layers: `block${block}.` }));
const later = [2, 3, 5, 6, 8, 9];

const RECIPES: Readonly<Record<Scale, object>> = {
  smoke: {
    ...resnet,
    ...{
      data: { name: "digits", limit: { train: 1000, test: 300 } },
      model: { name: "resnet", depth: 14, widths: [4, 8, 16] },
    },
    ...{
      optimizer: { ...resnet.optimizer, learningRate: 0.1 },
      regularize: bodies(1, [2, 4, 6]),
      batchSize: 32,
      epochs: 6,
    },
  },
  small: {
    ...resnet,
    ...{ data: { name: "cifar10", augment: true }, model: { name: "resnet", depth: 20, widths: [8, 16, 32] } },
    ...{ regularize: bodies(0.15, later), batchSize: 64, epochs: 12 },
  },
  full: {
    ...resnet,
    ...{ data: { name: "cifar10", augment: true }, model: { name: "resnet", depth: 20 } },
    ...{ regularize: bodies(0.15, later), batchSize: 128, epochs: 100 },
  },
};

/**
 * Learning and tuning as shares of the dense run's epochs, and the learning rate under the penalty relative to the
 * recipe's.
 */
const [LEARN, TUNE, LEARN_RATE] = [1 / 3, 1, 0.1];

interface Found {
  readonly blocks: number;
  /** Test loss of the smaller network, minus that of the dense one trained on for as long. */
  readonly loss: number;
  readonly score: number;
  readonly speedUp: number;
}

function trial(recipe: Recipe, data: Dataset, device: Device): Found {
  const { regularize: _, ...plain } = recipe;
  const trained = (changes: object, start?: State): Run => {
    const run = new Run({ ...plain, ...changes } as Recipe, data, device, { compute: "emulated" });
    if (start !== undefined) loadState(run.model, start, "depth-can-go");
    while (!run.done) run.advance();
    return run;
  };
  const { seed, optimizer, epochs = 1 } = plain;
  const [learn, tune] = [LEARN, TUNE].map((share) => Math.max(1, Math.round(share * epochs)));
  const start = stateOf(trained({}).model);
  const smaller = compress(recipe, data, device, { learn, tune, learnRate: LEARN_RATE, start });
  // the same stages as in compress, without penalties
  const constant = { ...optimizer.schedule, name: "constant", warmup: 0 };
  const slow = { ...optimizer, learningRate: LEARN_RATE * optimizer.learningRate, weightDecay: 0, schedule: constant };
  const on = trained({ optimizer: slow, epochs: learn, seed: seed + 1 }, start);
  const control = trained({ epochs: tune, seed: seed + 2 }, stateOf(on.model)).evaluate();
  return {
    blocks: smaller.blocks.length,
    loss: smaller.after.loss - control.loss,
    score: scoreOf(smaller.after) - scoreOf(control),
    speedUp: smaller.forwardMs.before / smaller.forwardMs.after,
  };
}

const found = trials(RECIPES, trial);

const measurement = (
  says: string,
  name: string,
  unit: string,
  of: (one: Found) => number,
  bound: object,
): Measurement => ({
  ...{ says, name, unit },
  measure: async (bench) => (await found(bench)).map(of),
  ...bound,
});

export const depthCanGo: Claim = {
  name: "depth-can-go",
  source: "Wen et al. 2016, section 3.2 (depth-wise)",
  sentence: "A penalty on depth takes residual blocks out of a ResNet at no loss.",
  run: "a ResNet with a group lasso on the gains that end residual bodies, compacted and tuned; against the dense one trained on for as many steps",
  variants: () => ({}),
  contrasts: [],
  // dense; learning and tuning; dense trained on for as long
  trials: { recipes: RECIPES, trainings: 1 + 2 * (LEARN + TUNE), finish: found },
  measurements: [
    measurement("blocks go", "removed", "blocks", ({ blocks }) => blocks, { atLeast: 1 }),
    measurement("they cost at most 0.02 of test loss", "test loss", "nats", ({ loss }) => loss, { atMost: 0.02 }),
    measurement("they cost at most half a point", "accuracy", "points", ({ score }) => score, { atLeast: -0.5 }),
    measurement("the network is faster", "speed-up of forward", "x", ({ speedUp }) => speedUp, { atLeast: 1 }),
  ],
};
