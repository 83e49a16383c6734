import type { Batches, SplitName } from "../data/batches.ts";
import type { Module } from "../nn/module.ts";
import type { Device } from "../tensor/device.ts";
import { type Evaluation, objectives, scored } from "./objective.ts";

/** An evaluation as one number: percentage points, or bits per character. */
export function scoreOf(evaluation: Evaluation): number {
  return scored(evaluation).value;
}

/** Evaluates a model on a split, in evaluation mode; afterwards the model is in training mode again. */
export function evaluate(model: Module, device: Device, batches: Batches, split: SplitName = "test"): Evaluation {
  const objective = objectives[batches.kind];
  const judge = objective.judge();
  model.eval();
  let [count, total] = [0, 0];
  for (let part = 0; part < batches.parts(split); part++) {
    device.step(() =>
      device.withoutGradients(() => {
        const batch = batches.part(device, split, part);
        const outputs = model.forward(batch.x);
        count += batch.labels.length;
        total += objective.loss(outputs, batch).data[0] * batch.labels.length;
        judge.see(outputs, batch);
      }),
    );
  }
  model.train();
  return judge.verdict(total / count);
}
