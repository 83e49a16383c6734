/** The oracle of packs, decided entry by entry. */
import { type Draw, philox } from "../../random.ts";
import { maskWords } from "../families/masks.ts";
import type { Pack, PackKernels } from "../families/packs.ts";
import { packBlock, placeWords, SLICE } from "../families/packs.ts";
import type { F32 } from "../memory.ts";
import { isKept } from "./mask-bits.ts";
import { packColumns, padded, sliceSlots, slots, unpack } from "./pack-layout.ts";
import { sample, sampleApproximately, sum, uniform } from "./sample.ts";

const { fround } = Math;

/**
 * Indices by falling score, the lower index first among equals. All NaN count as one number above infinity: exactly n
 * are kept.
 */
function ranked(scores: F32): number[] {
  const spoiled = (i: number): number => (Number.isNaN(scores[i]) ? 1 : 0);
  // infinity - infinity and NaN - NaN are NaN, so equals here
  return Array.from(scores, (_, i) => i).sort((a, b) => spoiled(b) - spoiled(a) || scores[b] - scores[a] || a - b);
}

const isNegative = (x: number): boolean => x < 0 || Object.is(x, -0);

/** Packs the sample of a matrix [rows, k] along k. */
function packSample(
  pack: Pack,
  rows: number,
  k: number,
  entry: (row: number, column: number) => number,
  { seed, layer, step }: Draw,
  stream: number,
): void {
  const { n, m, v } = pack.pattern;
  const words = new Uint32Array(4);
  packColumns(pack, rows, k, (first, last, begin) => {
    const group = begin / m;
    philox(words, seed, layer, Math.floor(group / 4), step, Math.floor(first / v), stream);
    const u = uniform(words[group % 4]);
    const sizes = Array.from({ length: m }, (_, j) => {
      if (v === 1) return Math.abs(entry(first, begin + j));
      const squares = Array.from({ length: last - first }, (_, r) => fround(entry(first + r, begin + j) ** 2));
      return fround(Math.sqrt(sum(squares)));
    });
    const { places, tau } = sample(sizes, n, u);
    return places.map((j) => ({
      j,
      keptAs: (row: number) => {
        const x = entry(row, begin + j);
        if (v === 1) return isNegative(x) ? -Math.max(sizes[j], tau) : Math.max(sizes[j], tau);
        const ratio = fround(tau / sizes[j]);
        return sizes[j] >= tau || ratio === Number.POSITIVE_INFINITY ? x : fround(x * ratio);
      },
    }));
  });
}

/** The transpose of w [k / taps, taps, rows] under its mask, as pruneColumns takes it. */
function columnWeight(
  w: F32,
  mask: Uint32Array | null,
  rows: number,
  k: number,
  taps: number,
): (row: number, entry: number) => number {
  const out = k / taps;
  return (row, entry) => {
    const [o, column] = [entry % out, Math.floor(entry / out) * rows + row];
    return mask === null || isKept(mask, taps * rows, o, column) ? w[o * taps * rows + column] : 0;
  };
}

function packUnder(
  { values, index, pattern }: Pack,
  masked: F32 | null,
  w: F32,
  mask: Uint32Array,
  rows: number,
  k: number,
  soft: number,
): void {
  const { m, v } = pattern;
  const softened = (row: number, column: number): number => {
    const first = row - (row % v);
    const score = (at: number): number => {
      let sum = 0;
      for (let r = first; r < Math.min(rows, first + v); r++) sum = fround(sum + Math.abs(w[r * k + at]));
      return sum;
    };
    let largest = 0;
    for (let at = column - (column % m), end = at + m; at < end; at++) {
      // a NaN stays the largest
      if (!isKept(mask, k, first, at) && !(score(at) <= largest || Number.isNaN(largest))) largest = score(at);
    }
    const value = w[row * k + column];
    const left = fround(score(column) - largest);
    if (left <= 0) return v > 1 ? value * 0 : Math.sign(value) * 0;
    const scale = fround(soft);
    return v > 1
      ? fround(value * fround(fround(left / score(column)) * scale))
      : Math.sign(value) * fround(left * scale);
  };
  masked?.fill(0, 0, rows * k);
  slots(
    rows,
    k,
    pattern,
    (group, column) => isKept(mask, k, group * v, column),
    (row, column, slot, r) => {
      index[slot] = column % packBlock(m);
      const value = row >= rows ? 0 : soft === 0 ? w[row * k + column] : softened(row, column);
      values[slot * v + r] = value;
      if (masked !== null && row < rows) masked[row * k + column] = value;
    },
  );
}

/** The slots of each row group and block by rising place. */
function sortSlots({ values, index, pattern: { n, m, v } }: Pack, rows: number, k: number): void {
  const block = packBlock(m);
  for (let at = 0, begin = 0; begin < k; begin += block) {
    const slots = ((Math.min(k, begin + block) - begin) / m) * n;
    for (let first = 0; first < rows; first += v, at += slots) {
      const packed = Array.from({ length: slots }, (_, i) => ({
        place: index[at + i],
        kept: values.slice((at + i) * v, (at + i + 1) * v),
      })).sort((a, b) => a.place - b.place);
      packed.forEach(({ place, kept }, i) => {
        index[at + i] = place;
        values.set(kept, (at + i) * v);
      });
    }
  }
}

export const packs: PackKernels = {
  pruneRows: (pack, mask, masked, w, rows, k, soft) => {
    const { n, m, v } = pack.pattern;
    mask.fill(0, 0, rows * maskWords(k));
    for (let first = 0; first < rows; first += v) {
      const last = Math.min(rows, first + v);
      for (let column = 0; column < k; column += m) {
        const scores = new Float32Array(m);
        for (let row = first; row < last; row++) {
          for (let j = 0; j < m; j++) scores[j] += Math.abs(w[row * k + column + j]);
        }
        for (const j of ranked(scores).slice(0, n)) {
          const at = column + j;
          for (let row = first; row < last; row++) mask[row * maskWords(k) + (at >>> 5)] |= 1 << (at & 31);
        }
      }
    }
    packUnder(pack, masked, w, mask, rows, k, soft);
  },
  packRows: packUnder,
  pruneColumns: (pack, w, mask, order, rows, k, taps) => {
    const { n, m } = pack.pattern;
    const weight = columnWeight(w, mask, rows, k, taps);
    const at = (entry: number): number => (order === null ? entry : order[entry]);
    packColumns(pack, rows, k, (first, last, begin) => {
      const scores = new Float32Array(m);
      for (let row = first; row < last; row++) {
        for (let j = 0; j < m; j++) scores[j] += Math.abs(weight(row, at(begin + j)));
      }
      const places = [...ranked(scores)].slice(0, n).sort((a, b) => a - b);
      return places.map((j) => ({
        ...{ j: at(begin + j) - begin, keptAs: (row: number) => weight(row, at(begin + j)) },
      }));
    });
    if (order !== null) sortSlots(pack, rows, k);
  },
  sampleColumns: (pack, g, rows, k, draw) => {
    packSample(pack, rows, k, (row, column) => g[column * rows + row], draw, 0);
  },
  sampleRows: (pack, masked, g, rows, k, draw) => {
    packSample(pack, rows, k, (row, column) => g[row * k + column], draw, 1);
    masked?.set(unpack(pack, rows, k).values);
  },
  sampleColumnsApproximately: (pack, g, rows, k, { seed, layer, step }) => {
    const words = new Uint32Array(4);
    packColumns(pack, rows, k, (row, _, begin) => {
      const [u, w] = [0, 2].map((stream) => {
        philox(words, seed, layer, Math.floor(begin / 16), step, row, stream);
        return uniform(words[(begin / 4) % 4]);
      });
      const group = [0, 1, 2, 3].map((j) => g[(begin + j) * rows + row]);
      const { places, as } = sampleApproximately(group.map(Math.abs), u, w);
      return places.map((j) => ({ j, keptAs: () => (isNegative(group[j]) ? -as[j] : as[j]) }));
    });
  },
  unpackColumns: (out, pack, rows, k, taps) => {
    const outputs = k / taps;
    unpack(pack, rows, k).values.forEach((value, i) => {
      const [row, entry] = [Math.floor(i / k), i % k];
      out[((entry % outputs) * taps + Math.floor(entry / outputs)) * rows + row] = value;
    });
  },
  packSlices: ({ values, places }, pack, rows, k) => {
    const { n, m } = pack.pattern;
    const w = unpack(pack, rows, k);
    const mask = (row: number): number[] => [...Array(k).keys()].filter((column) => w.mask?.[row * k + column] === 1);
    const columns = Array.from({ length: rows }, (_, row) => mask(row));
    const taken = new Uint32Array(padded(rows, SLICE));
    places.fill(0, 0, padded(rows, SLICE) * placeWords(k, n, m));
    sliceSlots(rows, k, pack.pattern, (row, _, at, word, shift) => {
      values[at] = 0;
      if (row >= rows) return;
      const column = columns[row][taken[row]++];
      values[at] = w.values[row * k + column];
      places[word] |= (column % m) << shift;
    });
  },
};
