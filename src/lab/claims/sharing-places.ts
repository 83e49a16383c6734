import type { Claim } from "./claim.ts";
import { testLoss } from "./quantities.ts";
import { variantsOf } from "./scales.ts";

const all = (pattern: string): object => ({ strategy: { name: "fully-sparse", pattern } });

export const sharingPlaces: Claim = {
  name: "sharing-places",
  source: "ours: what a vector pattern costs and buys",
  sentence: "Two rows that share their places are nearly as good as one and clearly faster; four cost more than two.",
  run: "an MLP with fully-sparse at 2:4, 2:4v2 and 2:4v4, and the times of its steps",
  variants: (scale) => variantsOf(scale, "mlp", { "2:4": all("2:4"), "2:4v2": all("2:4v2"), "2:4v4": all("2:4v4") }),
  contrasts: [
    { says: "v2 costs at most 0.01 of test loss", quantity: testLoss, sum: { "2:4v2": 1, "2:4": -1 }, atMost: 0.01 },
    { says: "v4 costs more than v2", quantity: testLoss, sum: { "2:4v4": 1, "2:4v2": -1 }, atLeast: 0 },
  ],
  measurements: [
    {
      says: "a step at 2:4v2 is at least 1.1 times as fast as one at 2:4",
      ...{ name: "2:4 / 2:4v2 step time", unit: "ratio", atLeast: 1.1 },
      measure: async (bench) =>
        (await bench.stepSpeedUps("mlp", "fully-sparse", ["2:4", "2:4v2"])).map(([own, shared]) => shared / own),
    },
  ],
};
