import type { Claim } from "./claim.ts";
import { earlyOverlap } from "./quantities.ts";
import { variantsOf } from "./scales.ts";

export const earlyStructure: Claim = {
  name: "early-structure",
  source: "Hoefler et al. 2021, on early structure adaptation",
  sentence: "Most of the final mask is visible early in training.",
  run: "an MLP with SR-STE 2:4: the share of the last mask that the mask after a fifth of the run keeps too; by chance it is 0.5",
  variants: (scale) => variantsOf(scale, "mlp", { "sr-ste 2:4": { method: { name: "sr-ste", pattern: "2:4" } } }),
  contrasts: [
    {
      says: "after a fifth of the run at least four fifths of the last mask are there",
      ...{ quantity: earlyOverlap, sum: { "sr-ste 2:4": 1 }, atLeast: 0.8 },
    },
  ],
};
