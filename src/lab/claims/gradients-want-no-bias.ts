import type { Claim } from "./claim.ts";
import { bitsPerCharacter, gradientBias } from "./quantities.ts";
import { variantsOf } from "./scales.ts";

const sampled = (name: string, pattern: string): object => ({
  method: { name: "dense" },
  weightGrad: { name, pattern },
  monitor: { every: 100, repeats: 12 },
});

export const gradientsWantNoBias: Claim = {
  name: "gradients-want-no-bias",
  source: "Chmiel et al. 2023, abstract",
  sentence:
    "Neural gradients pruned for the least error are biased and training fails; an unbiased sample of least variance works, mostly already with 1:2.",
  run: "a GPT with dense weights and its weight gradients from the largest 2:4 of the gradient, or an MVUE sample",
  variants: (scale) =>
    variantsOf(scale, "gpt", {
      "greedy 2:4": sampled("greedy", "2:4"),
      "mvue 2:4": sampled("mvue", "2:4"),
      "mvue 1:2": sampled("mvue", "1:2"),
    }),
  contrasts: [
    {
      says: "the largest entries lose bits to the unbiased sample",
      ...{ quantity: bitsPerCharacter, sum: { "greedy 2:4": 1, "mvue 2:4": -1 }, atLeast: 0 },
    },
    {
      says: "their mean gradient stays further from the dense one",
      ...{ quantity: gradientBias, sum: { "greedy 2:4": 1, "mvue 2:4": -1 }, atLeast: 0 },
    },
    {
      says: "the 2:4 sample costs at most 0.05 bits",
      ...{ quantity: bitsPerCharacter, sum: { "mvue 2:4": 1, dense: -1 }, atMost: 0.05 },
    },
    {
      says: "the 1:2 sample costs at most 0.05 bits",
      ...{ quantity: bitsPerCharacter, sum: { "mvue 1:2": 1, dense: -1 }, atMost: 0.05 },
    },
  ],
};
