/** Makes the optimizer and the learning rate that a recipe asks for. */
import { adamW } from "../../core/optim/adamw.ts";
import { phased, type Schedule, stepwise, warmupCosine } from "../../core/optim/schedule.ts";
import { sgd } from "../../core/optim/sgd.ts";
import type { Transform } from "../../core/optim/transform.ts";
import type { Parameter } from "../../core/tensor/tensor.ts";
import { unstructuredMethodOf, weightMethodOf } from "./operands.ts";
import type { Recipe } from "./recipe.ts";

/**
 * The transform of a recipe for a run of this many steps; its schedule starts anew at the steps where the method asks
 * for it.
 */
export function optimizerOf(recipe: Recipe, steps: number): Transform {
  const { optimizer } = recipe;
  const method = unstructuredMethodOf(recipe) ?? weightMethodOf(recipe);
  const learningRate = phased(steps, method.restarts?.(steps) ?? [], (length) => scheduleOf(optimizer, length));
  const { weightDecay } = optimizer;
  if (optimizer.name === "sgd") {
    const { momentum, nesterov } = optimizer;
    return sgd({ learningRate, momentum, nesterov, weightDecay });
  }
  const decays = optimizer.decayed === "matrices" ? ({ shape }: Parameter) => shape.length > 1 : undefined;
  return adamW({ learningRate, weightDecay, decays });
}

/** The schedule of one phase of the run; warm-up and milestones are shares of its steps. */
function scheduleOf({ learningRate, schedule }: Recipe["optimizer"], steps: number): Schedule {
  const warmup = Math.min(steps - 1, Math.round(schedule.warmup * steps));
  const rising =
    (after: Schedule): Schedule =>
    (step) =>
      step < warmup ? (learningRate * (step + 1)) / warmup : after(step);
  switch (schedule.name) {
    case "constant":
      return rising(() => learningRate);
    case "cosine":
      return warmupCosine({ learningRate, steps, warmup });
    case "step": {
      const milestones = schedule.milestones.map((share) => Math.round(share * steps));
      return rising(stepwise(learningRate, milestones, schedule.factor));
    }
  }
}
