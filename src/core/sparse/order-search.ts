/** Searches for an order of a pack's columns with which pruning keeps more, for Bi-Mask. */

import { packBlock } from "../backend/families/packs.ts";
import type { F32 } from "../backend/memory.ts";
import { type Draw, Random } from "../random.ts";
import type { PackedTranspose } from "./formats/packed-transpose.ts";
import { isKept } from "./mask.ts";

/** Number of rows of the transpose that a search looks at. All of 1024 would cost as much as sixteen searches. */
const SAMPLE = 64;

/** Base of the stream numbers of the draws. */
const STREAM = 0x4b000000;

/**
 * The number of positions that may change places with each other: those of a block of the pack, because an index is a
 * place in it. With several taps they are fewer, so that no position leaves its tap, and products that pick taps into
 * new blocks (strides) find them together.
 */
export function segmentOf(m: number, outputs: number, taps: number): number {
  const divisor = (a: number, b: number): number => (b === 0 ? a : divisor(b, a % b));
  return taps === 1 ? packBlock(m) : divisor(packBlock(m), outputs);
}

/**
 * Gives the transpose the best of its present order and `candidates` random ones: for each block, the one that keeps
 * most of |w| under the mask, on a sample of neighboring rows. w and mask have the layout that pruneColumns takes.
 */
export function searchOrder(
  transpose: PackedTranspose,
  w: F32,
  mask: Uint32Array,
  taps: number,
  candidates: number,
  { seed, layer, step }: Draw,
): void {
  const { k, kernels } = transpose;
  const { n, m, v } = transpose.pattern;
  const random = new Random(seed, (STREAM + layer * 0x10001 + step * 0x9e3779b1) >>> 0);
  const sample = sampleRows(transpose, w, mask, taps, random);
  const rows = sample.length / k;
  const slots = Math.ceil(rows / v) * (k / m) * n;
  const values = kernels.float32(slots * v);
  const pack = { pattern: transpose.pattern, values, index: kernels.uint8(slots) };
  const order = kernels.int32(k);
  const best = Int32Array.from(transpose.order ?? order.keys());
  const block = packBlock(m);
  const most = new Float64Array(Math.ceil(k / block)).fill(-1);
  const segment = segmentOf(m, k / taps, taps);
  order.set(best);
  for (let candidate = 0; candidate <= candidates; candidate++) {
    // the first candidate is the present order
    if (candidate > 0) shuffle(order, segment, random);
    kernels.pruneColumns(pack, sample, null, order, rows, k, 1);
    for (let at = 0, begin = 0; begin < k; begin += block) {
      let sum = 0;
      for (const end = at + (values.length / k) * Math.min(block, k - begin); at < end; at++)
        sum += Math.abs(values[at]);
      if (sum <= most[begin / block]) continue;
      most[begin / block] = sum;
      best.set(order.subarray(begin, begin + block), begin);
    }
  }
  transpose.order = best;
}

/** A sample of neighboring rows of the transpose, as [k, rows], with zeros where the mask is 0. */
function sampleRows(
  { rows, k, kernels }: PackedTranspose,
  w: F32,
  mask: Uint32Array,
  taps: number,
  random: Random,
): F32 {
  const count = Math.min(rows, SAMPLE);
  // the sample consists of whole row groups
  const first = 4 * random.integer(Math.floor((rows - count) / 4) + 1);
  const outputs = k / taps;
  const sample = kernels.float32(k * count);
  for (let at = 0, i = 0; i < k; i++) {
    const output = i % outputs;
    const column = Math.floor(i / outputs) * rows + first;
    for (let c = 0; c < count; c++, at++) {
      if (isKept(mask, taps * rows, output, column + c)) sample[at] = w[output * taps * rows + column + c];
    }
  }
  return sample;
}

/** Shuffles each segment by itself (Fisher-Yates). */
function shuffle(order: Int32Array, segment: number, random: Random): void {
  for (let begin = 0; begin < order.length; begin += segment) {
    for (let i = Math.min(segment, order.length - begin) - 1; i > 0; i--) {
      const [a, b] = [begin + i, begin + random.integer(i + 1)];
      const moved = order[a];
      order[a] = order[b];
      order[b] = moved;
    }
  }
}
