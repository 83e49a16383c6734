/** Compares a model that was trained under penalties with the compact model that lacks what they zeroed. */

import type { Dataset } from "../../core/data/dataset.ts";
import type { Module } from "../../core/nn/module.ts";
import { loadState, stateOf } from "../../core/nn/state.ts";
import { Random } from "../../core/random.ts";
import type { Device } from "../../core/tensor/device.ts";
import type { Recipe } from "../recipes/recipe.ts";
import { Run } from "../runs/run.ts";
import { interleave } from "../statistics/interleave.ts";
import { compact } from "./compact.ts";
import { type Change, forwardTimes, type LayerChange } from "./compress.ts";

/** The comparison. "before" is the model as it was trained, zeros included. */
export interface CompactReport {
  /** The part of a recipe that builds the smaller model. */
  readonly model: Recipe["model"];
  readonly numbers: Change;
  /** Multiply-adds of a forward pass of one input. */
  readonly multiplyAdds: Change;
  readonly layers: readonly LayerChange[];
  /** Median milliseconds of a forward pass of a batch, both models in turn, after training. */
  readonly forwardMs: Change;
  /** Median milliseconds of whole training steps without penalties, both models in turn. */
  readonly stepMs: Change;
  /** Largest difference of outputs relative to the largest output, on a part of the test split. */
  readonly difference: number;
}

export interface CompactedRun {
  readonly report: CompactReport;
  readonly recipe: Recipe;
  readonly model: Module;
}

/**
 * Compacts the model of a finished run and compares both. Returns null if the run has no penalties, or if products are
 * sparse besides. The run is not changed.
 */
export function compacted(run: Run, data: Dataset): CompactedRun | null {
  const { regularize, phases: _, ...plain } = run.recipe;
  if (regularize === undefined || run.session.kinds.join() !== "penalties") return null;
  const { device } = run;
  const init = { device, random: new Random(plain.seed) };
  const small = compact(run.model, plain.model, data, init);
  const dense = { ...plain, phases: ALL_DENSE } as Recipe;
  const recipe = { ...dense, model: small.architecture };
  const runOf = (one: Recipe, model: Module): Run => {
    const made = new Run(one, data, device, { compute: "emulated" });
    loadState(made.model, stateOf(model));
    return made;
  };
  const [before, after] = [runOf(dense, run.model), runOf(recipe, small.model)];
  const times = forwardTimes(before, after, data, device);
  const difference = largestDifference(before, after, device);
  // timed last, because it trains both models
  const [{ ms: beforeMs }, { ms: afterMs }] = interleave(
    { before: () => before.advance(), after: () => after.advance() },
    ...ROUNDS,
  );
  const numbers = (model: Module): number => model.parameters().reduce((sum, { size }) => sum + size, 0);
  const sum = (when: keyof Change): number =>
    times.layers.reduce((total, { multiplyAdds }) => total + multiplyAdds[when], 0);
  const report = {
    ...{ model: small.architecture, ...times, difference },
    numbers: { before: numbers(run.model), after: numbers(small.model) },
    multiplyAdds: { before: sum("before"), after: sum("after") },
    stepMs: { before: beforeMs.median, after: afterMs.median },
  };
  return { report, recipe, model: small.model };
}

const ALL_DENSE = { sparseFrom: 0, frozenFrom: 1, denseFrom: 1 };
const ROUNDS = [20, 10] as const;

function largestDifference(before: Run, after: Run, device: Device): number {
  const outputs = [before, after].map((run) => {
    run.model.eval();
    const values = device.step(() =>
      device.withoutGradients(() => run.model.forward(run.batches.part(device, "test", 0).x).data.slice()),
    );
    run.model.train();
    return values;
  });
  device.readClocks();
  const largest = (of: (i: number) => number): number => outputs[0].reduce((most, _, i) => Math.max(most, of(i)), 0);
  return largest((i) => Math.abs(outputs[1][i] - outputs[0][i])) / largest((i) => Math.abs(outputs[0][i]));
}
