import { type NumberOption, number } from "../../../options.ts";
import type { Clock, SparseParameter } from "../method.ts";

/**
 * The strength of the source, times the sum of its learning rates: 2e-4 * 30,030. Zhou et al. 2021 train ResNet-50 with
 * SGD on ImageNet, 1,281,167 images, 120 epochs in batches of 256, which are 5,005 steps an epoch. The rate rises to
 * 0.1 over 5 epochs and falls to 0 along a cosine over 115, so its sum is 0.1 * (5 / 2 + 115 / 2) * 5005 (their
 * config_resnet50_2:4.yaml).
 */
export const SOURCE_DECAY = 2e-4 * 0.1 * (5 / 2 + 115 / 2) * 5005;

/**
 * The option for SR-STE's decay, for the methods that have it: one range, so that a number means the same in all of
 * them.
 */
export const decayStrength: NumberOption<"scaled"> = number({
  default: 2e-4,
  min: -1,
  max: 1,
  words: ["scaled"],
  about:
    "strength of the decay of pruned weights; 0: none, below 0: they grow; scaled: such that over the run it does what 2e-4 does in the source's training",
});

/**
 * The strength as a number. The decay shrinks what stays pruned by exp(-lambda * the sum of the learning rates), with
 * SGD's momentum m by that to the power of 1 / (1 - m). `scaled` makes the product what it is in the source, so that a
 * run of any length and rate decays as far, if its momentum is the source's 0.9. With AdamW the decay is divided by the
 * root of the variance and the product says nothing: there `scaled` is far larger than gradients are.
 */
export function strengthOf(lambda: number | "scaled", clock: Clock): number {
  if (lambda !== "scaled") return lambda;
  const { learningRates } = clock;
  // without a learning rate nothing moves, and infinity times a rate of 0 would be NaN
  return learningRates > 0 ? SOURCE_DECAY / learningRates : 0;
}

/**
 * Subtracts rate * lambda * weight from the weight where the mask of the forward product is 0. It is called in
 * onGradient: before the optimizer's step and without its moments.
 */
export function decayDecoupled(parameter: SparseParameter, lambda: number, { learningRate }: Clock): void {
  const { kernels, weight, mask, rows, k } = parameter;
  if (parameter.pruned) kernels.maskedDecay(weight, weight, mask, rows, k, -learningRate * lambda);
}
