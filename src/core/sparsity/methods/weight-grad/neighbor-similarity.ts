import type { Geometry } from "../../../backend/geometry.ts";
import type { F32 } from "../../../backend/memory.ts";
import { type Draw, philox } from "../../../random.ts";

// "rest": a stream of its own
export const RESTORATION_STREAM = 0x72657374;
// Number of pairs of neighbors compared in each layer and step: some ten thousand multiply-adds beside the millions of
// the product.
const PAIRS = 256;

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
    philox(words, seed, RESTORATION_STREAM, layer, step, 1, pair);
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
