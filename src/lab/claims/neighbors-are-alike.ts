import type { Claim } from "./claim.ts";
import { testLoss } from "./quantities.ts";
import { task } from "./scales.ts";

export const neighborsAreAlike: Claim = {
  name: "neighbors-are-alike",
  source: "Xu et al. 2022, section on spatial similarity",
  sentence:
    "Dropping half of the activations by fixed masks works because neighbors in images are alike: without that it costs more.",
  run: "a convolutional network whose weight gradients see half of the activations, by the masks of the source, on images and on images with shuffled pixels",
  variants: (scale) => {
    const plain = task(scale, "cnn", {}) as { data: object };
    const data = { ...plain.data, augment: false, shuffled: true };
    const dense = { method: { name: "dense" } };
    const columns = { ...dense, weightGrad: { name: "restored", restore: "measured" } };
    return {
      dense: { ...plain, ...dense },
      columns: { ...plain, ...columns },
      "dense, shuffled": { ...plain, ...dense, data },
      "columns, shuffled": { ...plain, ...columns, data },
    };
  },
  contrasts: [
    {
      says: "the columns cost more test loss on shuffled pixels than on images",
      quantity: testLoss,
      sum: { "columns, shuffled": 1, "dense, shuffled": -1, columns: -1, dense: 1 },
      atLeast: 0,
    },
  ],
};
