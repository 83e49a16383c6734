import { number, word } from "../../../options.ts";
import { defineWeightMethod } from "../define-method.ts";
import type { Clock, SparseParameter } from "../method.ts";

/**
 * ASP: trains dense, prunes once by magnitude, and trains again under the frozen mask.
 * Gradient and weight are masked around the optimizer's step, because momentum and weight decay would revive pruned
 * weights. With `recompute` the pruned weights come back as they were and the mask is chosen anew, as apex does if it
 * is allowed to; their moments start at zero. Source: NVIDIA apex, contrib/sparsity; Mishra et al. 2021.
 * Differences: (1) the steps of a plain run are divided between both phases, so that methods are compared at equal
 * steps (the recipe of the paper doubles them); the learning rate's schedule starts anew at the pruning, as there.
 * (2) no limit on the sizes of layers but that groups tile the inputs (apex wants 16 inputs and 8 outputs).
 * (3) moments of pruned weights are cleared at the pruning; apex leaves them.
 */
export const asp = defineWeightMethod({
  name: "asp",
  title: "ASP",
  about: "trains dense, prunes once, trains again with the mask frozen",
  source: "Mishra et al. 2021; NVIDIA apex contrib/sparsity",
  section: "section 4 (number unconfirmed); contrib/sparsity/asp.py",
  oracle: "src/core/sparsity/methods/weights/written-out.test.ts",
  shows: "compare --methods dense,asp",
  sparse: true,
  options: {
    pruneAt: number({ default: 0.5, min: 0, max: 1, about: "share of all steps before the pruning" }),
    recompute: number({
      default: 0,
      min: 0,
      max: 1e6,
      integer: true,
      about: "steps from one mask to the next after it; 0: it stays",
    }),
    permute: word(["none", "channels"], "channels: puts them in an order in which the pruning keeps more magnitude"),
  },
  make: ({ pruneAt, recompute, permute }) => {
    const pruneStep = (steps: number): number => Math.min(steps - 1, Math.round(steps * pruneAt));
    const choosesAt = ({ step, steps, training }: Clock): boolean => {
      const since = step - pruneStep(steps);
      return training && (since === 0 || (recompute > 0 && since > 0 && since % recompute === 0));
    };
    return {
      shortGroups: true,
      beforeForward: (parameter, clock) => {
        if (choosesAt(clock) || (!parameter.pruned && clock.training && clock.step > pruneStep(clock.steps)))
          choose(parameter);
        else if (parameter.pruned) parameter.repack();
      },
      onGradient: (parameter, clock) => {
        if (!parameter.pruned) return;
        parameter.maskGradient();
        if (choosesAt(clock)) parameter.forgetPruned();
      },
      afterStep: (parameter) => {
        if (parameter.pruned) parameter.maskWeight();
      },
      restarts: (steps) => [pruneStep(steps)],
      ...(permute === "channels" ? { permutesAt: pruneStep } : {}),
    };
  },
});

/** Brings back the weights that were pruned before, chooses a mask, and keeps the newly pruned weights in the state. */
function choose(parameter: SparseParameter): void {
  const { kernels, weight } = parameter;
  const pruned = parameter.state("pruned", weight.length);
  if (parameter.pruned) kernels.mix(weight, weight, pruned, weight.length, 1, 1);
  parameter.prune();
  kernels.mix(pruned, weight, parameter.masked, weight.length, 1, -1);
  parameter.maskWeight();
}
