import type { Geometry } from "../../../backend/geometry.ts";
import type { F32 } from "../../../backend/memory.ts";
import { number, word } from "../../../options.ts";
import { type Draw, philox } from "../../../random.ts";
import { defineWeightGradMethod } from "../define-method.ts";

// "rest": a stream of its own
const STREAM = 0x72657374;
// Number of pairs of neighbors compared in each layer and step: some ten thousand multiply-adds beside the millions of
// the product.
const PAIRS = 256;

/** The masks of weightGradAlternate that each word draws from, one a step. */
const masks = {
  columns: [1],
  checkerboard: [2, 3],
  authors: [4, 1, 2, 3],
};

/**
 * Keeps every second column of the activations of images; a kept column stands for its dropped neighbor too: x_i is
 * taken to be restore times x_j, which is a shifted gradient, because the product is linear. Source: Xu et al. 2022 and
 * their code.
 * Differences: a dropped column is replaced by the kept one of its pair, never by one of another row or image, or by a
 * place that is kept itself (the authors' shift wraps around images and counts some columns twice); the mask is drawn
 * once a layer and step; "measured" is ours.
 */
export const restored = defineWeightGradMethod({
  name: "restored",
  title: "restored",
  about: "keeps every second column of the activations of images, whose neighbors stand for the others",
  source: "Xu et al. 2022",
  section: "WeixiangXu/FST",
  oracle: "src/core/sparsity/methods/weight-grad/restored.test.ts",
  shows: "reproduce neighbors-are-alike",
  options: {
    restore: number({
      ...{ default: 0.03, min: 0, max: 1, words: ["measured"] },
      about:
        "what is taken of a kept column for its dropped neighbor; measured: what suits the layer's activations best",
    }),
    scale: number({
      default: 1,
      min: 0,
      max: 4,
      about: "of the whole; without restoration half of the gradient is seen",
    }),
    mask: word(Object.keys(masks) as (keyof typeof masks)[], "which columns: always the same, or drawn anew each step"),
  },
  make: ({ restore, scale, mask }) => ({
    ...(restore === "measured" ? { readsHost: "how alike neighbors are is measured on a sample" } : {}),
    operand: "activations",
    pattern: { n: 1, m: 2, v: 1 },
    ofImages: true,
    keep: (x, geometry, draw) => {
      const words = new Uint32Array(4);
      philox(words, draw.seed, STREAM, draw.layer, draw.step, 0, 0);
      const drawn = masks[mask];
      return {
        mask: drawn[words[0] % drawn.length],
        restore: restore === "measured" ? neighborSimilarity(x, geometry, draw) : restore,
        scale,
      };
    },
  }),
});

/**
 * The similarity s, from 0 to 1, with the least |x_i - s x_j|^2 over neighboring columns i and j of im2col(x). Half of
 * the pairs are taken in each direction, on a sample of pairs and of the pixels in the middle of the kernel. It is a
 * function of the step, so that a resumed run needs no state.
 */
export function neighborSimilarity(x: F32, geometry: Geometry, { seed, layer, step }: Draw): number {
  const [batch, height, width, channels, kernelHeight, kernelWidth, stride, padding, rows, columns] = geometry;
  const words = new Uint32Array(4);
  const inside = (at: number, size: number): number => Math.min(size - 1, Math.max(0, at));
  let product = 0;
  let squares = 0;
  for (let pair = 0; pair < PAIRS; pair++) {
    philox(words, seed, STREAM, layer, step, 1, pair);
    const row = inside((words[1] % rows) * stride - padding + (kernelHeight >> 1), height);
    const line = ((words[0] % batch) * height + row) * width;
    const column = 2 * (words[2] % Math.max(1, columns >> 1));
    const [left, right] = [column, column + 1].map(
      (one) => (line + inside(one * stride - padding + (kernelWidth >> 1), width)) * channels,
    );
    for (let channel = 0; channel < channels; channel++) {
      const [a, b] = [x[left + channel], x[right + channel]];
      product += a * b;
      squares += (a * a + b * b) / 2;
    }
  }
  return squares > 0 ? Math.min(1, Math.max(0, product / squares)) : 0;
}
