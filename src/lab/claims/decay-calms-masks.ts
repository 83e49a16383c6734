import type { Claim } from "./claim.ts";
import { maskMovement, testLoss } from "./quantities.ts";
import { variantsOf } from "./scales.ts";

const srSte = (lambda: number): object => ({ method: { name: "sr-ste", pattern: "2:4", lambda } });

export const decayCalmsMasks: Claim = {
  name: "decay-calms-masks",
  source: "Zhou et al. 2021, section 3 (the figure with negative lambda is unconfirmed)",
  sentence: "SR-STE's decay of pruned weights lowers SAD; a negative one raises it and hurts.",
  run: "an MLP with lambda 0 (STE), 2e-4, 2e-3 and -2e-3; SAD of the first and the last mask",
  variants: (scale) =>
    variantsOf(scale, "mlp", {
      ste: srSte(0),
      "lambda 2e-4": srSte(2e-4),
      "lambda 2e-3": srSte(2e-3),
      "lambda -2e-3": srSte(-2e-3),
    }),
  contrasts: [
    {
      says: "the usual decay lowers SAD against STE",
      ...{ quantity: maskMovement, sum: { "lambda 2e-4": 1, ste: -1 }, atMost: 0 },
    },
    {
      says: "ten times the decay lowers it further",
      ...{ quantity: maskMovement, sum: { "lambda 2e-3": 1, "lambda 2e-4": -1 }, atMost: 0 },
    },
    {
      says: "a negative one raises it above STE's",
      ...{ quantity: maskMovement, sum: { "lambda -2e-3": 1, ste: -1 }, atLeast: 0 },
    },
    {
      says: "a negative one costs test loss",
      ...{ quantity: testLoss, sum: { "lambda -2e-3": 1, "lambda 2e-3": -1 }, atLeast: 0 },
    },
  ],
};
