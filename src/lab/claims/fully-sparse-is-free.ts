import type { Claim } from "./claim.ts";
import { accuracy } from "./quantities.ts";
import { variantsOf } from "./scales.ts";

export const fullySparseIsFree: Claim = {
  name: "fully-sparse-is-free",
  source: "Xu et al. 2022, abstract; Chmiel et al. 2023",
  sentence: "All three products can be 2:4 at a loss of at most 0.2 points, with half of the arithmetic in each.",
  run: "an MLP with our strategy fully-sparse; the time of a whole step beside it, pruning and packing included",
  variants: (scale) =>
    variantsOf(scale, "mlp", {
      "fully-sparse 2:4": { strategy: { name: "fully-sparse", pattern: "2:4" } },
      "fully-sparse 2:4v2": { strategy: { name: "fully-sparse", pattern: "2:4v2" } },
    }),
  contrasts: [
    {
      says: "2:4 loses at most 0.2 points",
      ...{ quantity: accuracy, sum: { "fully-sparse 2:4": 1, dense: -1 }, atLeast: -0.2 },
    },
    {
      says: "2:4v2 loses at most 0.2 points",
      ...{ quantity: accuracy, sum: { "fully-sparse 2:4v2": 1, dense: -1 }, atLeast: -0.2 },
    },
  ],
  measurements: ["2:4", "2:4v2"].map((pattern) => ({
    says: `a step of the MLP 784-1024-1024-10 is faster than dense at ${pattern}`,
    ...{ name: "dense / sparse step time", unit: "ratio", atLeast: 1 },
    measure: async (bench) => (await bench.stepSpeedUps("mlp", "fully-sparse", [pattern])).map(([one]) => one),
  })),
};
