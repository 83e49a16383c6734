import type { Claim } from "./claim.ts";
import { accuracy } from "./quantities.ts";
import { variantsOf } from "./scales.ts";

export const srSteMatchesDense: Claim = {
  name: "sr-ste-matches-dense",
  source: "Zhou et al. 2021, table 1",
  sentence: "A network trained 2:4 from its first step by SR-STE is as good as the dense one.",
  run: "an MLP, dense and with SR-STE 2:4 in forward",
  variants: (scale) => variantsOf(scale, "mlp", { "sr-ste 2:4": { method: { name: "sr-ste", pattern: "2:4" } } }),
  contrasts: [
    {
      says: "SR-STE 2:4 loses at most half a point of accuracy",
      ...{ quantity: accuracy, sum: { "sr-ste 2:4": 1, dense: -1 }, atLeast: -0.5 },
    },
  ],
};
