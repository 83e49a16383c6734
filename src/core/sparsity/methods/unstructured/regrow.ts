/**
 * The common part of SET and RigL: a random sparse network in which, at some steps, as many entries grow as are
 * dropped.
 */
import { type CompleteOptions, number, word } from "../../../options.ts";
import type { Clock } from "../method.ts";
import { stepAt } from "../weights/refresh.ts";
import { keptOfLayers } from "./budgets.ts";
import { countOnes, largest } from "./choose.ts";
import { scoresOf } from "./scores.ts";
import type { UnstructuredMethod, UnstructuredParameter, UnstructuredParameters } from "./unstructured-method.ts";

/** The options of both methods. */
export const REGROW_OPTIONS = {
  sparsity: number({ default: 0.9, min: 0, max: 0.9999, about: "share of zeros, from the first step to the last" }),
  every: number({ default: 100, min: 1, max: 1e6, integer: true, about: "steps from one update to the next" }),
  drop: number({ default: 0.3, min: 0, max: 1, about: "share of what is kept that an update drops and grows" }),
  until: number({ default: 0.75, min: 0, max: 1, about: "share of all steps after which masks stay" }),
  budget: word(["erk", "uniform"], "how layers share the zeros"),
};

/** The rule in which the two methods differ. */
interface Rule {
  /** The share that is dropped; `done` goes from 0 at the start of a run to 1 when updates end. */
  readonly dropAt: (drop: number, done: number) => number;
  readonly readsGradient: boolean;
  /** Scores, which may be overwritten: the largest of those that did not survive the drop grow. */
  readonly grow: (parameter: UnstructuredParameter, all: () => Float32Array) => Float32Array;
}

export function regrowing(
  { sparsity, every, drop, until, budget }: CompleteOptions<typeof REGROW_OPTIONS>,
  { dropAt, grow, readsGradient }: Rule,
): Omit<UnstructuredMethod, "name"> {
  const isDue = ({ step, steps }: Pick<Clock, "step" | "steps">): boolean =>
    step > 0 && step % every === 0 && step < stepAt(until, steps);
  return {
    readsHost: "weights are dropped and grown by the order of their scores",
    readsGradient: (clock) => readsGradient && isDue(clock),
    begin: ({ parameters, random }) => {
      const draws = random(0);
      const counts = keptOfLayers(parameters, budget, sparsity);
      parameters.forEach((parameter, i) => {
        parameter.keep(largest(drawn(parameter, draws), counts[i]));
      });
    },
    update: (all: UnstructuredParameters, clock: Omit<Clock, "learningRates">) => {
      if (!isDue(clock)) return "step";
      const { step, steps } = clock;
      const end = stepAt(until, steps);
      const draws = all.random(step);
      for (const parameter of all.parameters) {
        const count = countOnes(parameter.maskBytes);
        const dropped = Math.floor(dropAt(drop, step / end) * count);
        const survivors = largest(scoresOf(parameter, "magnitude"), count - dropped);
        const scores = grow(parameter, () => drawn(parameter, draws));
        for (let i = 0; i < scores.length; i++) if (survivors[i] === 1) scores[i] = -1;
        const grown = largest(scores, dropped);
        for (let i = 0; i < grown.length; i++) survivors[i] |= grown[i];
        parameter.keep(survivors);
      }
      return "rest";
    },
  };
}

function drawn({ weight }: UnstructuredParameter, random: { uniform(): number }): Float32Array {
  const draws = new Float32Array(weight.length);
  for (let i = 0; i < draws.length; i++) draws[i] = random.uniform();
  return draws;
}
