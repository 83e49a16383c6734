import type { Claim } from "./claim.ts";
import { accuracy, testLoss } from "./quantities.ts";
import { variantsOf } from "./scales.ts";

export const aspNeedsRetraining: Claim = {
  name: "asp-needs-retraining",
  source: "Mishra et al. 2021; NVIDIA apex",
  sentence: "Pruning a trained network 2:4 costs quality, and training again under the mask gives it back.",
  run: "an MLP pruned before the last step, and one pruned after half of the same number of steps",
  variants: (scale) =>
    variantsOf(scale, "mlp", {
      "one-shot": { method: { name: "asp", pattern: "2:4", pruneAt: 1 } },
      asp: { method: { name: "asp", pattern: "2:4" } },
    }),
  contrasts: [
    {
      says: "one-shot pruning is worse than ASP",
      ...{ quantity: testLoss, sum: { "one-shot": 1, asp: -1 }, atLeast: 0 },
    },
    {
      says: "ASP loses at most half a point of accuracy",
      ...{ quantity: accuracy, sum: { asp: 1, dense: -1 }, atLeast: -0.5 },
    },
  ],
};
