import type { Claim, Contrast } from "./claim.ts";
import { testLoss } from "./quantities.ts";
import { variantsOf } from "./scales.ts";

const of = (name: string): object => ({ method: { name, pattern: "1:8" } });

/** A contrast for a method that its paper finds better than SR-STE. */
const better = (says: string, variant: string): Contrast => ({
  says: `${says} has no more test loss than SR-STE`,
  ...{ quantity: testLoss, sum: { [variant]: 1, "sr-ste 1:8": -1 }, atMost: 0 },
});

export const highSparsity: Claim = {
  name: "high-sparsity",
  source: "Kao et al. 2022; Zhang et al. 2022 (LBC) and 2023 (SpRe); Xiang et al. 2024 (MaxQ)",
  sentence: "Where few weights are left, decaying masks, LBC, SpRe and MaxQ are better than SR-STE.",
  run: "a convolutional network at 1:8 under each of them",
  variants: (scale) =>
    variantsOf(scale, "cnn", {
      "sr-ste 1:8": of("sr-ste"),
      "mask-decay 1:8": of("mask-decay"),
      "structure-decay 1:8": of("structure-decay"),
      "lbc 1:8": of("lbc"),
      "spre 1:8": of("spre"),
      "maxq 1:8": of("maxq"),
    }),
  contrasts: [
    better("mask decay", "mask-decay 1:8"),
    better("structure decay", "structure-decay 1:8"),
    better("LBC", "lbc 1:8"),
    better("SpRe", "spre 1:8"),
    better("MaxQ", "maxq 1:8"),
  ],
};
