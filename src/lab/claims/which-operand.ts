import type { Claim } from "./claim.ts";
import { testLoss } from "./quantities.ts";
import { variantsOf } from "./scales.ts";

const strategy = (name: string): object => ({ strategy: { name, pattern: "2:4" } });
// columns of places, which the records are of; the masks of the source's code are tried in docs/strategies.md
const paired = { weightGrad: { name: "paired" } };

export const whichOperand: Claim = {
  name: "which-operand",
  source: "Xu et al. 2022 (its numbers for each strategy are unconfirmed)",
  sentence:
    "Of WX, WG, GX and GG those that prune gradients by magnitude are worse, GG worst; WX with restoration is near dense.",
  run: "a convolutional network with the four strategies at 2:4",
  variants: (scale) =>
    variantsOf(scale, "cnn", {
      "fst (WX)": { ...strategy("fst"), ...paired },
      "wg (WG)": strategy("wg"),
      "gx (GX)": { ...strategy("gx"), ...paired },
      "gg (GG)": strategy("gg"),
    }),
  contrasts: [
    { says: "GG is worse than WX", quantity: testLoss, sum: { "gg (GG)": 1, "fst (WX)": -1 }, atLeast: 0 },
    { says: "WG is worse than WX", quantity: testLoss, sum: { "wg (WG)": 1, "fst (WX)": -1 }, atLeast: 0 },
    { says: "GX is worse than WX", quantity: testLoss, sum: { "gx (GX)": 1, "fst (WX)": -1 }, atLeast: 0 },
    { says: "WX costs at most 0.05 of test loss", quantity: testLoss, sum: { "fst (WX)": 1, dense: -1 }, atMost: 0.05 },
  ],
};
