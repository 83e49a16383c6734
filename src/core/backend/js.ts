/**
 * The oracle: every kernel as the plainest loop that is right. Products are summed in double precision; everything that
 * decides (masks, packs, winners, draws) is bit-identical to the other backends. Slow, by design.
 */
import { expected } from "../errors.ts";
import { philox } from "../random.ts";
import {
  CSR_BLOCK,
  type F32,
  type Geometry,
  type Kernels,
  maskWords,
  matrixGeometry,
  packBlock,
  placeWords,
  SLICE,
} from "./kernels.ts";
import { transposableBlock } from "./transposable-masks.ts";

const { fround } = Math;

/** A convolution's geometry by name. */
function shapeOf(g: Geometry): {
  batch: number;
  height: number;
  width: number;
  channels: number;
  kh: number;
  kw: number;
  stride: number;
  padding: number;
  outHeight: number;
  outWidth: number;
  out: number;
  positions: number;
  inputs: number;
} {
  const [batch, height, width, channels, kh, kw, stride, padding, outHeight, outWidth, out] = g;
  const sizes = { batch, height, width, channels, kh, kw, stride, padding, outHeight, outWidth, out };
  return { ...sizes, positions: batch * outHeight * outWidth, inputs: kh * kw * channels };
}

/** Calls visit(output position, offset of the pixel in x, tap) for every pixel of every window that lies in the image. */
function windows(g: Geometry, visit: (position: number, pixel: number, tap: number) => void): void {
  const { batch, height, width, channels, kh, kw, stride, padding, outHeight, outWidth } = shapeOf(g);
  let position = 0;
  for (let b = 0; b < batch; b++) {
    for (let oh = 0; oh < outHeight; oh++) {
      for (let ow = 0; ow < outWidth; ow++, position++) {
        for (let tap = 0; tap < kh * kw; tap++) {
          const h = oh * stride + Math.floor(tap / kw) - padding;
          const w = ow * stride + (tap % kw) - padding;
          if (h >= 0 && h < height && w >= 0 && w < width)
            visit(position, ((b * height + h) * width + w) * channels, tap);
        }
      }
    }
  }
}

/** max(0, x) that lets NaN through and keeps -0. */
// biome-ignore lint/complexity/useMathMinMax: Math.max(-0, 0) is 0, and the other backends keep the sign.
const rectified = (x: number): number => (x < 0 ? 0 : x);

/** The error function by its series, or beyond 3 by the continued fraction of 1 - erf; error below 1e-12. */
function erf(x: number): number {
  const z = Math.abs(x);
  let value: number;
  if (z < 3) {
    let term = z;
    let sum = z;
    for (let i = 1; i < 100; i++) {
      term *= (-z * z) / i;
      sum += term / (2 * i + 1);
    }
    value = (2 / Math.sqrt(Math.PI)) * sum;
  } else {
    let fraction = 0;
    for (let i = 60; i > 0; i--) fraction = i / 2 / (z + fraction);
    value = 1 - Math.exp(-z * z) / Math.sqrt(Math.PI) / (z + fraction);
  }
  return x < 0 ? -value : value;
}

const normalCdf = (x: number): number => 0.5 * (1 + erf(x / Math.SQRT2));
const normalDensity = (x: number): number => Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);

/** Indices by falling score, the lower index first among equals. NaN counts as one number above infinity: exactly n are kept. */
function ranked(scores: F32): number[] {
  const spoiled = (i: number): number => (Number.isNaN(scores[i]) ? 1 : 0);
  // infinity - infinity and NaN - NaN are NaN, so equals here
  return Array.from(scores, (_, i) => i).sort((a, b) => spoiled(b) - spoiled(a) || scores[b] - scores[a] || a - b);
}

/** Calls visit(row, column, slot, row within its group) for every kept entry in the order of a pack; rows may be beyond the last. */
function slots(
  rows: number,
  k: number,
  n: number,
  m: number,
  v: number,
  kept: (group: number, column: number) => boolean,
  visit: (row: number, column: number, slot: number, r: number) => void,
): void {
  const groups = Math.ceil(rows / v);
  let slot = 0;
  for (let k0 = 0; k0 < k; k0 += packBlock(m)) {
    const end = Math.min(k, k0 + packBlock(m));
    for (let group = 0; group < groups; group++) {
      const first = slot;
      for (let column = k0; column < end; column++) {
        if (!kept(group, column)) continue;
        for (let r = 0; r < v; r++) visit(group * v + r, column, slot, r);
        slot++;
      }
      const wanted = ((end - k0) / m) * n;
      if (slot - first !== wanted) {
        const where = `${slot - first} kept in row ${group * v}, columns ${k0}..${end - 1}`;
        throw expected("packRows", `a mask that keeps ${n} of every ${m}`, where, "Make the mask with pruneRows");
      }
    }
  }
}

/**
 * A dense operand; kept: where its entries are, null for everywhere. Pruned entries are left out of the products, not
 * multiplied as zeros: 0 * NaN would be NaN.
 */
interface Operand {
  readonly values: Float32Array;
  readonly kept: Uint8Array | null;
}

const dense = (values: F32): Operand => ({ values, kept: null });

/** The [rows, k] matrix that a pack holds; column j of row i goes to place(i, j). */
function unpack(
  values: F32,
  index: Uint8Array,
  rows: number,
  k: number,
  n: number,
  m: number,
  v: number,
  place: (row: number, column: number) => number = (row, column) => row * k + column,
): Operand {
  // in the precision that it is given: gradients are checked with doubles
  const Values = values.constructor as Float32ArrayConstructor;
  const operand = { values: new Values(rows * k), kept: new Uint8Array(rows * k) };
  let slot = 0;
  for (let k0 = 0; k0 < k; k0 += packBlock(m)) {
    const count = ((Math.min(k, k0 + packBlock(m)) - k0) / m) * n;
    for (let first = 0; first < rows; first += v) {
      for (let i = 0; i < count; i++, slot++) {
        for (let row = first; row < Math.min(rows, first + v); row++) {
          const at = place(row, k0 + index[slot]);
          operand.values[at] = values[slot * v + row - first];
          operand.kept[at] = 1;
        }
      }
    }
  }
  return operand;
}

/** Calls visit(row, group, slot of all values, word of its place, shift in it) for each slot of slices, rows beyond the last too. */
function sliceSlots(
  rows: number,
  k: number,
  n: number,
  m: number,
  visit: (row: number, group: number, at: number, word: number, shift: number) => void,
): void {
  const bits = m <= 4 ? 2 : 4;
  const slots = (k / m) * n;
  for (let row = 0; row < padded(rows, SLICE); row++) {
    const [slice, lane] = [Math.floor(row / SLICE), row % SLICE];
    for (let slot = 0; slot < slots; slot++) {
      const word = slice * placeWords(k, n, m) + Math.floor((slot * bits) / 32);
      visit(row, Math.floor(slot / n), (slice * slots + slot) * SLICE + lane, word * SLICE + lane, (slot * bits) % 32);
    }
  }
}

/** Rows of a packed operand are multiplied in whole groups of v. */
const padded = (rows: number, v: number): number => Math.ceil(rows / v) * v;

/** Packs the rows of a matrix that is known by its groups: choose gives the kept places of rows first..last-1, in order. */
function packColumns(
  values: F32,
  index: Uint8Array,
  rows: number,
  k: number,
  n: number,
  m: number,
  v: number,
  choose: (first: number, last: number, begin: number) => { j: number; keptAs: (row: number) => number }[],
): void {
  let slot = 0;
  for (let block = 0; block < k; block += packBlock(m)) {
    const end = Math.min(k, block + packBlock(m));
    for (let first = 0; first < rows; first += v) {
      const last = Math.min(rows, first + v);
      for (let begin = block; begin < end; begin += m) {
        const kept = choose(first, last, begin);
        if (kept.length !== n) throw new RangeError(`pack: a group of ${m} does not keep ${n}`);
        for (const { j, keptAs } of kept) {
          index[slot] = begin + j - block;
          for (let r = 0; r < v; r++) values[slot * v + r] = first + r < last ? keptAs(first + r) : 0;
          slot++;
        }
      }
    }
  }
}

const sum = (list: readonly number[]): number => list.reduce((total, x) => fround(total + x), 0);

const isNegative = (x: number): boolean => x < 0 || Object.is(x, -0);

/** 23 bits of a word, the last set: neither 0 nor 1. */
const uniform = (word: number): number => ((word & 0x7fffff) | 1) / 2 ** 23;

/**
 * Minimum-variance unbiased sampling of n of the sizes, in single precision throughout: the kept places in order, and
 * tau: what is kept has the size max(size, tau). Kept are those that hold a point (u + q) tau, u in (0, 1).
 */
function sample(sizes: readonly number[], n: number, u: number): { places: number[]; tau: number } {
  return n === 2 ? sampleTwo(sizes, u) : sampleMany(sizes, n, u);
}

function sampleMany(sizes: readonly number[], n: number, u: number): { places: number[]; tau: number } {
  const left = [...sizes];
  const kept = new Set<number>();
  let draws = n;
  for (let remaining = n; remaining > 1; remaining--) {
    const first = left.indexOf(Math.max(...left));
    if (first < 0) break;
    const rest = sum(left.map((x, j) => (j === first ? 0 : x)));
    if (!(fround(left[first] * (remaining - 1)) > rest)) break;
    kept.add(first);
    left[first] = 0;
    draws--;
  }
  const tau = fround(sum(left) / draws);
  let from = 0;
  left.forEach((size, j) => {
    const to = fround(from + size);
    for (let q = 0; q < draws; q++) {
      const point = fround(fround(u + q) * tau);
      if (point >= from && point < to) kept.add(j);
    }
    from = to;
  });
  // rounding at the end of the sum, or zeros only: exactly n are kept
  for (let j = sizes.length - 1; kept.size < n; j--) kept.add(j);
  return { places: [...kept].sort((a, b) => a - b), tau };
}

/** The first point counts from the front, the second from the end; what rounding could break is said outright. */
function sampleTwo(sizes: readonly number[], u: number): { places: number[]; tau: number } {
  const m = sizes.length;
  // the sum without the largest, never as a difference
  let [most, rest] = [sizes[0], 0];
  for (const size of sizes.slice(1)) [most, rest] = [Math.max(most, size), fround(rest + Math.min(most, size))];
  const tau = most > rest ? rest : fround(fround(most + rest) * 0.5);
  const lengths = sizes.map((size) => Math.min(size, tau));
  const point = fround(u * tau);
  let [first, second] = [0, 1];
  for (let before = lengths[0]; first < m - 2 && point > before; ) before = fround(before + lengths[++first]);
  // beyond `second` if the first point is (none is longer than tau); if `second` exceeds the others, only then
  const beyond = (): boolean => {
    const behind = sum(lengths.slice(second + 1).reverse());
    return first >= second || (sizes[second] <= rest && fround(point + behind) >= tau);
  };
  while (second < m - 1 && beyond()) second++;
  return { places: [first, second], tau };
}

/**
 * The kept two of four sizes by two draws, the second among the other three, and what size each of the four has where it
 * is kept: divided by its chance to be drawn first or second.
 */
function sampleApproximately(sizes: readonly number[], u: number, w: number): { places: number[]; as: number[] } {
  const drawn = (list: readonly number[], uniform: number): number => {
    const point = fround(uniform * sum(list));
    const place = list.findIndex((_, j) => point < sum(list.slice(0, j + 1)));
    return place < 0 ? list.length - 1 : place;
  };
  const without = <T>(list: readonly T[], j: number): T[] => list.filter((_, i) => i !== j);
  const others = sizes.map((_, j) => sum(without(sizes, j)));
  const total = sum(sizes);
  const shares = sizes.map((size) => (total > 0 ? fround(size / total) : total));
  const first = drawn(sizes, u);
  const second = without([0, 1, 2, 3], first)[drawn(without(sizes, first), w)];
  const as = sizes.map((size, i) => {
    const asSecond = shares.map((share, j) => fround(share * (others[j] > 0 ? fround(size / others[j]) : 0)));
    const chance = sum([shares[i], ...without(asSecond, i)]);
    return chance > 0 ? fround(size / chance) : fround(size * chance);
  });
  return { places: [first, second].sort((a, b) => a - b), as };
}

/** Packs the sample of a matrix [rows, k] along k; draw: seed, layer, step and stream. */
function packSample(
  values: F32,
  index: Uint8Array,
  rows: number,
  k: number,
  n: number,
  m: number,
  v: number,
  entry: (row: number, column: number) => number,
  [seed, layer, step, stream]: readonly [number, number, number, number],
): void {
  const words = new Uint32Array(4);
  packColumns(values, index, rows, k, n, m, v, (first, last, begin) => {
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

/** What a row of a transposable block may keep; pair 5 - p is what pair p leaves. */
const PAIRS = [
  [0, 1],
  [0, 2],
  [0, 3],
  [1, 2],
  [1, 3],
  [2, 3],
] as const;

/** Rows of a transposable block: the pair that each keeps, and the sum of what is kept. */
interface KeptPairs {
  readonly sum: number;
  readonly pairs: readonly number[];
}

/** The first of the largest sums; NaN is above infinity. */
const largestSum = (list: readonly KeptPairs[]): KeptPairs =>
  list.reduce((a, b) => (b.sum > a.sum || (Number.isNaN(b.sum) && !Number.isNaN(a.sum)) ? b : a));

/**
 * The pairs that the four rows of a 4 x 4 block keep. How often rows 0 and 1 keep each column says what is left for rows 2
 * and 3, in 19 ways; in a way any upper half fits any lower one, so the largest of each make the largest sum.
 */
function transposable(size: (row: number, column: number) => number): readonly number[] {
  const pair = (row: number, p: number): number => fround(size(row, PAIRS[p][0]) + size(row, PAIRS[p][1]));
  const half = (row: number, p: number, q: number): KeptPairs => ({
    ...{ sum: fround(pair(row, p) + pair(row + 1, q)), pairs: [p, q] },
  });
  const whole = (upper: readonly KeptPairs[], lower: readonly KeptPairs[]): KeptPairs => {
    const [a, b] = [largestSum(upper), largestSum(lower)];
    return { sum: fround(a.sum + b.sum), pairs: [...a.pairs, ...b.pairs] };
  };
  const ways: KeptPairs[] = [];
  for (let p = 0; p < 6; p++) {
    for (let q = p; q < 6; q++) {
      if (p + q === 5) continue;
      ways.push(whole([half(0, p, q), half(0, q, p)], [half(2, 5 - q, 5 - p), half(2, 5 - p, 5 - q)]));
    }
  }
  const eachOnce = (row: number): KeptPairs[] => PAIRS.map((_, p) => half(row, p, 5 - p));
  return largestSum([...ways, whole(eachOnce(0), eachOnce(2))]).pairs;
}

const isKept = (mask: Uint32Array, k: number, row: number, column: number): boolean =>
  ((mask[row * maskWords(k) + (column >>> 5)] >>> (column & 31)) & 1) === 1;

function dot(a: F32, atA: number, b: F32, atB: number, count: number): number {
  let sum = 0;
  for (let c = 0; c < count; c++) sum += a[atA + c] * b[atB + c];
  return sum;
}

/** Calls visit for every row of every head: its place in [batch, heads, length], the scores of what it sees, offsets. */
function attentionRows(
  qkv: F32,
  batch: number,
  length: number,
  dim: number,
  heads: number,
  visit: (of: {
    row: number;
    scores: readonly number[];
    q: { at: number; y: number };
    k: (j: number) => number;
    v: (j: number) => number;
  }) => void,
): void {
  const width = dim / heads;
  for (let row = 0; row < batch * heads * length; row++) {
    const [b, head, i] = [Math.floor(row / length / heads), Math.floor(row / length) % heads, row % length];
    const place = (third: number, j: number): number => ((b * length + j) * 3 + third) * dim + head * width;
    const [k, v] = [(j: number): number => place(1, j), (j: number): number => place(2, j)];
    const q = { at: place(0, i), y: (b * length + i) * dim + head * width };
    const scores = Array.from({ length: i + 1 }, (_, j) => dot(qkv, q.at, qkv, k(j), width) / Math.sqrt(width));
    visit({ row, scores, q, k, v });
  }
}

/** Numbers that can be added, in the same order: NaN above infinity. */
const finite = (size: number): number => (size < Infinity ? size : size === Infinity ? 2 ** 128 : 2 ** 129);

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

/** The plain JavaScript backend. */
export function jsKernels(): Kernels {
  let multiplies = 0;

  function forward(y: F32, x: F32, w: Operand, bias: F32 | null, g: Geometry, relu: number): void {
    const { positions, inputs, channels, out } = shapeOf(g);
    const sums = new Float64Array(positions * out);
    windows(g, (position, pixel, tap) => {
      for (let o = 0; o < out; o++) {
        const row = o * inputs + tap * channels;
        let sum = 0;
        for (let c = 0; c < channels; c++) {
          if (w.kept === null || w.kept[row + c] === 1) sum += x[pixel + c] * w.values[row + c];
        }
        sums[position * out + o] += sum;
      }
    });
    for (let i = 0; i < sums.length; i++) {
      const sum = sums[i] + (bias === null ? 0 : bias[i % out]);
      y[i] = relu ? rectified(sum) : sum;
    }
  }

  function inputGrad(dx: F32, dy: F32, w: Operand, g: Geometry): void {
    const { batch, height, width, inputs, channels, out } = shapeOf(g);
    const sums = new Float64Array(batch * height * width * channels);
    windows(g, (position, pixel, tap) => {
      for (let o = 0; o < out; o++) {
        const grad = dy[position * out + o];
        const row = o * inputs + tap * channels;
        for (let c = 0; c < channels; c++) {
          if (w.kept === null || w.kept[row + c] === 1) sums[pixel + c] += grad * w.values[row + c];
        }
      }
    });
    dx.set(sums);
  }

  /** Where the entries of compressed rows lie in w [out, k]. */
  function csrPlaces(index: Uint8Array, starts: Uint32Array, k: number, out: number): number[] {
    const places: number[] = [];
    for (let line = 0; line < starts.length - 1; line++)
      for (let at = starts[line]; at < starts[line + 1]; at++)
        places[at] = (line % out) * k + Math.floor(line / out) * CSR_BLOCK + index[at];
    return places;
  }

  function weightGrad(dw: F32, dy: Operand, x: F32, g: Geometry): void {
    const { inputs, channels, out } = shapeOf(g);
    const sums = new Float64Array(out * inputs);
    windows(g, (position, pixel, tap) => {
      for (let o = 0; o < out; o++) {
        const at = position * out + o;
        if (dy.kept !== null && dy.kept[at] === 0) continue;
        const row = o * inputs + tap * channels;
        for (let c = 0; c < channels; c++) sums[row + c] += dy.values[at] * x[pixel + c];
      }
    });
    dw.set(sums);
  }

  /** Pairs of an input pixel and a tap that some window could put on it: with stride s only about one tap in s^2 can. */
  function hits(g: Geometry): number {
    const { batch, height, width, kh, kw, stride, padding } = shapeOf(g);
    const along = (length: number, kernel: number): number => {
      let count = 0;
      for (let i = 0; i < length; i++) {
        for (let tap = 0; tap < kernel; tap++) if ((i + padding - tap) % stride === 0) count++;
      }
      return count;
    };
    return batch * along(height, kh) * along(width, kw);
  }

  function packUnder(
    values: F32,
    index: Uint8Array,
    masked: F32 | null,
    w: F32,
    mask: Uint32Array,
    rows: number,
    k: number,
    n: number,
    m: number,
    v: number,
    soft: number,
  ): void {
    const softened = (row: number, column: number): number => {
      const first = row - (row % v);
      const score = (at: number): number => {
        let sum = 0;
        for (let r = first; r < Math.min(rows, first + v); r++) sum = fround(sum + Math.abs(w[r * k + at]));
        return sum;
      };
      let largest = 0;
      for (let at = column - (column % m), end = at + m; at < end; at++) {
        // a NaN stays
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
      n,
      m,
      v,
      (group, column) => isKept(mask, k, group * v, column),
      (row, column, slot, r) => {
        index[slot] = column % packBlock(m);
        const value = row >= rows ? 0 : soft === 0 ? w[row * k + column] : softened(row, column);
        values[slot * v + r] = value;
        if (masked !== null && row < rows) masked[row * k + column] = value;
      },
    );
  }

  return {
    backend: "js",
    instructionSet: "scalar",
    threads: 1,
    multiplies: () => multiplies,
    float32: (length) => new Float32Array(length),
    uint8: (length) => new Uint8Array(length),
    uint32: (length) => new Uint32Array(length),
    int32: (length) => new Int32Array(length),
    float64: (length) => new Float64Array(length),

    // Multiply-adds with the zeros of padding count: that is what the fast backends execute.
    forward: (y, x, w, bias, g, relu) => {
      const { positions, inputs, out } = shapeOf(g);
      forward(y, x, dense(w), bias, g, relu);
      multiplies += positions * inputs * out;
    },
    inputGrad: (dx, dy, w, g) => {
      const { channels, out } = shapeOf(g);
      inputGrad(dx, dy, dense(w), g);
      multiplies += hits(g) * channels * out;
    },
    weightGrad: (dw, dy, x, g) => {
      const { positions, inputs, out } = shapeOf(g);
      weightGrad(dw, dense(dy), x, g);
      multiplies += positions * inputs * out;
    },
    forwardSparse: (y, x, values, index, bias, g, relu, n, m, v) => {
      const { positions, inputs, out } = shapeOf(g);
      forward(y, x, unpack(values, index, out, inputs, n, m, v), bias, g, relu);
      multiplies += positions * padded(out, v) * (inputs / m) * n;
    },
    inputGradSparse: (dx, dy, values, index, g, n, m, v) => {
      const { channels, out, kh, kw, inputs } = shapeOf(g);
      const k = kh * kw * out;
      const w = unpack(values, index, channels, k, n, m, v, (c, column) => {
        return (column % out) * inputs + Math.floor(column / out) * channels + c;
      });
      inputGrad(dx, dy, w, g);
      multiplies += hits(g) * padded(channels, v) * (out / m) * n;
    },
    weightGradSparse: (dw, values, index, x, g, n, m, v) => {
      const { out, positions, inputs } = shapeOf(g);
      const dy = unpack(values, index, out, positions, n, m, v, (o, position) => position * out + o);
      weightGrad(dw, dy, x, g);
      multiplies += inputs * padded(out, v) * (positions / m) * n;
    },
    weightGradAlternate: (dw, dy, x, g, mask, restore, scale) => {
      const { positions, inputs, out } = shapeOf(g);
      const [rows, width] = g[8] * g[9] > 1 ? [g[8], g[9]] : [1, positions];
      const kept = new Uint8Array(positions * out);
      const values = Float32Array.from(dy.subarray(0, positions * out), (own, at) => {
        const t = Math.floor(at / out);
        const [row, column] = [Math.floor(t / width) % rows, t % width];
        const odd = [0, 1, row % 2, 1 - (row % 2), 1 - ((column >> 2) % 2)][mask];
        const alone = (column ^ 1) >= width;
        kept[at] = +(alone || column % 2 === odd);
        if (alone || kept[at] === 0) return own;
        const neighbor = dy[at + ((column ^ 1) - column) * out];
        return fround(scale) * (restore === 0 ? own : own + fround(restore) * neighbor);
      });
      weightGrad(dw, { values, kept }, x, g);
      multiplies += (positions / Math.max(1, width)) * Math.ceil(width / 2) * inputs * out;
    },
    forwardSparseActivations: (y, values, index, w, bias, t, k, out, relu, n, m, v) => {
      const x = unpack(values, index, t, k, n, m, v);
      for (let row = 0; row < t; row++) {
        for (let o = 0; o < out; o++) {
          let sum = bias === null ? 0 : bias[o];
          for (let i = 0; i < k; i++) if (x.kept![row * k + i] === 1) sum += x.values[row * k + i] * w[o * k + i];
          y[row * out + o] = relu ? rectified(sum) : sum;
        }
      }
      multiplies += out * padded(t, v) * (k / m) * n;
    },
    forwardSlices: (y, x, values, places, bias, t, k, out, relu, n, m) => {
      const w = { values: new Float32Array(out * k), kept: new Uint8Array(out * k) };
      sliceSlots(out, k, n, m, (row, group, at, word, shift) => {
        if (row >= out) return;
        const entry = row * k + group * m + ((places[word] >>> shift) & (m <= 4 ? 3 : 15));
        w.values[entry] = values[at];
        w.kept[entry] = 1;
      });
      forward(y, x, w, bias, matrixGeometry(t, k, out), relu);
      multiplies += t * padded(out, SLICE) * (k / m) * n;
    },
    forwardCsr: (y, x, values, index, starts, bias, g, relu) => {
      const { inputs: k, out, positions: t } = shapeOf(g);
      const w = { values: new Float32Array(out * k), kept: new Uint8Array(out * k) };
      csrPlaces(index, starts, k, out).forEach((place, at) => {
        w.values[place] = values[at];
        w.kept[place] = 1;
      });
      forward(y, x, w, bias, g, relu);
      multiplies += t * index.length;
    },
    weightGradCsr: (dw, dy, x, index, starts, g) => {
      const { positions, inputs, out } = shapeOf(g);
      weightGrad(dw, dense(dy), x, g);
      const kept = new Set(csrPlaces(index, starts, inputs, out));
      for (let i = 0; i < dw.length; i++) if (!kept.has(i)) dw[i] = 0;
      multiplies += positions * index.length;
    },

    pruneRows: (values, index, mask, masked, w, rows, k, n, m, v, soft) => {
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
      packUnder(values, index, masked, w, mask, rows, k, n, m, v, soft);
    },
    packRows: packUnder,
    pruneTransposable: (mask, w, rows, k, n, m, solver) => {
      mask.fill(0, 0, rows * maskWords(k));
      const keep = (row: number, column: number): void => {
        mask[row * maskWords(k) + (column >>> 5)] |= 1 << (column & 31);
      };
      for (let row = 0; row < rows; row += m) {
        for (let column = 0; column < k; column += m) {
          const size = (r: number, c: number): number => Math.abs(w[(row + r) * k + column + c]);
          if (n === 2 && m === 4 && solver === 0) {
            transposable(size).forEach((pair, r) => {
              for (const c of PAIRS[pair]) keep(row + r, column + c);
            });
            continue;
          }
          const sizes = Array.from({ length: m * m }, (_, at) => finite(size(Math.floor(at / m), at % m)));
          transposableBlock(sizes, n, m, solver).forEach((kept, at) => {
            if (kept) keep(row + Math.floor(at / m), column + (at % m));
          });
        }
      }
    },
    pruneColumns: (values, index, w, mask, order, rows, k, taps, n, m, v) => {
      const weight = columnWeight(w, mask, rows, k, taps);
      const at = (entry: number): number => (order === null ? entry : order[entry]);
      packColumns(values, index, rows, k, n, m, v, (first, last, begin) => {
        const scores = new Float32Array(m);
        for (let row = first; row < last; row++) {
          for (let j = 0; j < m; j++) scores[j] += Math.abs(weight(row, at(begin + j)));
        }
        const places = [...ranked(scores)].slice(0, n).sort((a, b) => a - b);
        return places.map((j) => ({
          ...{ j: at(begin + j) - begin, keptAs: (row: number) => weight(row, at(begin + j)) },
        }));
      });
    },
    sampleColumns: (values, index, g, rows, k, n, m, v, ...draw) => {
      packSample(values, index, rows, k, n, m, v, (row, column) => g[column * rows + row], [...draw, 0]);
    },
    sampleRows: (values, index, masked, g, rows, k, n, m, v, ...draw) => {
      packSample(values, index, rows, k, n, m, v, (row, column) => g[row * k + column], [...draw, 1]);
      masked?.set(unpack(values, index, rows, k, n, m, v).values);
    },
    sampleColumnsApproximately: (values, index, g, rows, k, seed, layer, step) => {
      const words = new Uint32Array(4);
      packColumns(values, index, rows, k, 2, 4, 1, (row, _, begin) => {
        const [u, w] = [0, 2].map((stream) => {
          philox(words, seed, layer, Math.floor(begin / 16), step, row, stream);
          return uniform(words[(begin / 4) % 4]);
        });
        const group = [0, 1, 2, 3].map((j) => g[(begin + j) * rows + row]);
        const { places, as } = sampleApproximately(group.map(Math.abs), u, w);
        return places.map((j) => ({ j, keptAs: () => (isNegative(group[j]) ? -as[j] : as[j]) }));
      });
    },
    packSlices: (values, places, packed, index, rows, k, n, m, v) => {
      const w = unpack(packed, index, rows, k, n, m, v);
      const kept = (row: number): number[] => [...Array(k).keys()].filter((column) => w.kept?.[row * k + column] === 1);
      const columns = Array.from({ length: rows }, (_, row) => kept(row));
      const taken = new Uint32Array(padded(rows, SLICE));
      places.fill(0, 0, padded(rows, SLICE) * placeWords(k, n, m));
      sliceSlots(rows, k, n, m, (row, _, at, word, shift) => {
        values[at] = 0;
        if (row >= rows) return;
        const column = columns[row][taken[row]++];
        values[at] = w.values[row * k + column];
        places[word] |= (column % m) << shift;
      });
    },
    gatherEntries: (out, x, places, count) => {
      for (let i = 0; i < count; i++) out[i] = x[places[i]];
    },
    maskedDecay: (grad, w, mask, rows, k, lambda) => {
      grad.set(decayed(grad.subarray(0, rows * k), w, mask, k, lambda));
    },
    applyMask: (x, mask, rows, k) => {
      for (let i = 0; i < rows * k; i++) if (!isKept(mask, k, Math.floor(i / k), i % k)) x[i] = 0;
    },
    maskDivergence: (out, a, b, words) => {
      out[0] = 0;
      for (let i = 0; i < words * 32; i++) out[0] += ((a[i >>> 5] ^ b[i >>> 5]) >>> (i & 31)) & 1;
    },
    keptMagnitude: (out, w, mask, rows, k) => {
      out.fill(0, 0, rows * 3);
      for (let i = 0; i < rows * k; i++) {
        const row = Math.floor(i / k);
        out[row * 3 + 1] += Math.abs(w[i]);
        if (!isKept(mask, k, row, i % k)) continue;
        out[row * 3] += Math.abs(w[i]);
        if (w[i] === 0) out[row * 3 + 2]++;
      }
    },
    thresholds: (out, w, groups, segments, length, groupStride, segmentStride, rank) => {
      for (let group = 0; group < groups; group++) {
        const sizes = Float32Array.from({ length: segments * length }, (_, i) =>
          Math.abs(w[group * groupStride + Math.floor(i / length) * segmentStride + (i % length)]),
        ).sort();
        out[group] = fround(sizes[rank - 1] + sizes[rank]) / 2;
      }
    },
    softAxes: (y, w, ofRows, ofTaps, rows, k, taps, temperature) => {
      const share = (above: number): number => (above > 0 ? 1 / (1 + Math.exp(-above / fround(temperature))) : 0);
      for (let i = 0; i < rows * k; i++) {
        const ofRow = share(Math.abs(w[i]) - ofRows[Math.floor(i / k)]);
        const ofTap = ofTaps === null ? 0 : share(Math.abs(w[i]) - ofTaps[Math.floor((i % k) / (k / taps))]);
        y[i] = w[i] * (1 + ofRow + ofTap);
      }
    },

    add: (y, a, b, count, relu) => {
      for (let i = 0; i < count; i++) y[i] = relu ? rectified(a[i] + b[i]) : a[i] + b[i];
    },
    mix: (y, a, b, count, alpha, beta) => {
      for (let i = 0; i < count; i++) y[i] = fround(alpha) * a[i] + fround(beta) * b[i];
    },
    addProduct: (y, a, b, count, factor) => {
      for (let i = 0; i < count; i++) y[i] += fround(factor) * a[i] * b[i];
    },
    scale: (x, count, factor) => {
      for (let i = 0; i < count; i++) x[i] *= fround(factor);
    },
    sumOfSquares: (out, x, count) => {
      out[0] = 0;
      for (let i = 0; i < count; i++) out[0] += x[i] * x[i];
    },
    columnSums: (out, x, rows, columns) => {
      for (let c = 0; c < columns; c++) {
        let sum = 0;
        for (let row = 0; row < rows; row++) sum += x[row * columns + c];
        out[c] = sum;
      }
    },
    tileNorms: (norms, w, rows, columns, tall, wide) => {
      norms.fill(0);
      for (let i = 0; i < rows * columns; i++) norms[tileOf(i, columns, tall, wide)] += w[i] * w[i];
      for (let t = 0; t < norms.length; t++) norms[t] = Math.sqrt(norms[t]);
    },
    scaleTiles: (w, factors, rows, columns, tall, wide) => {
      for (let i = 0; i < rows * columns; i++) {
        const factor = factors[tileOf(i, columns, tall, wide)];
        w[i] = factor === 0 ? 0 : w[i] * factor;
      }
    },
    addTiles: (y, x, factors, rows, columns, tall, wide) => {
      for (let i = 0; i < rows * columns; i++) y[i] += factors[tileOf(i, columns, tall, wide)] * x[i];
    },
    crossFactors: (ofRows, ofColumns, w, rowLambdas, columnLambdas, rows, columns, rate, proximal) => {
      const factor = (sum: number, lambda: number): number => {
        const share = (lambda * rate) / Math.sqrt(sum);
        return sum === 0 ? 0 : proximal ? Math.max(0, 1 - share) : share;
      };
      const kept = new Float64Array(rows).fill(1);
      for (let row = 0; row < rows && rowLambdas !== null; row++) {
        let sum = 0;
        for (let c = 0; c < columns; c++) sum += w[row * columns + c] ** 2;
        ofRows![row] = factor(sum, rowLambdas[row]);
        if (proximal) kept[row] = ofRows![row];
      }
      for (let c = 0; c < columns && columnLambdas !== null; c++) {
        let sum = 0;
        for (let row = 0; row < rows; row++) sum += (kept[row] * w[row * columns + c]) ** 2;
        ofColumns![c] = factor(sum, columnLambdas[c]);
      }
    },
    scaleCrosses: (w, ofRows, ofColumns, rows, columns) => {
      for (let i = 0; i < rows * columns; i++) {
        const [row, column] = [ofRows?.[Math.floor(i / columns)] ?? 1, ofColumns?.[i % columns] ?? 1];
        w[i] = fround(w[i] * row) * column + 0;
      }
    },
    addCrosses: (y, x, ofRows, ofColumns, rows, columns) => {
      for (let i = 0; i < rows * columns; i++)
        y[i] += ((ofRows?.[Math.floor(i / columns)] ?? 0) + (ofColumns?.[i % columns] ?? 0)) * x[i];
    },
    rowProducts: (out, a, b, rows, columns) => {
      out.fill(0);
      for (let i = 0; i < rows * columns; i++) out[Math.floor(i / columns)] += a[i] * b[i];
    },
    addSigns: (y, x, count, amount) => {
      for (let i = 0; i < count; i++) y[i] += x[i] > 0 ? amount : x[i] < 0 ? -amount : 0;
    },
    shrink: (w, count, amount, hard) => {
      const t = fround(amount);
      for (let i = 0; i < count; i++) {
        if (hard) w[i] = Math.abs(w[i]) < t ? 0 : w[i];
        else w[i] = w[i] > t ? w[i] - t : w[i] < -t ? w[i] + t : 0;
      }
    },
    relu: (y, x, count) => {
      for (let i = 0; i < count; i++) y[i] = rectified(x[i]);
    },
    reluBackward: (dx, dy, y, count) => {
      for (let i = 0; i < count; i++) dx[i] = y[i] > 0 ? dy[i] : 0;
    },
    gelu: (y, x, count) => {
      for (let i = 0; i < count; i++) y[i] = x[i] * normalCdf(x[i]);
    },
    geluBackward: (dx, dy, x, count) => {
      for (let i = 0; i < count; i++) dx[i] = dy[i] * (normalCdf(x[i]) + x[i] * normalDensity(x[i]));
    },
    squaredRelu: (y, x, count) => {
      for (let i = 0; i < count; i++) y[i] = rectified(x[i]) ** 2;
    },
    squaredReluBackward: (dx, dy, x, count) => {
      for (let i = 0; i < count; i++) dx[i] = 2 * dy[i] * rectified(x[i]);
    },
    dropout: (y, x, count, probability, seed, layer, step) => {
      const words = new Uint32Array(4);
      const threshold = Math.floor(fround(probability) * 4294967296);
      const scale = fround(1 / fround(1 - fround(probability)));
      for (let i = 0; i < count; i++) {
        if (i % 4 === 0) philox(words, seed, layer, i / 4, step, 0, 0);
        y[i] = words[i % 4] < threshold ? 0 : x[i] * scale;
      }
    },
    copyColumns: (y, x, rows, count, yColumns, yBegin, xColumns, xBegin) => {
      for (let row = 0; row < rows; row++) {
        for (let c = 0; c < count; c++)
          y[row * yColumns + yBegin + c] = xBegin + c < xColumns ? x[row * xColumns + xBegin + c] : 0;
      }
    },

    batchNorm: (
      y,
      mean,
      invStd,
      runningMean,
      runningVariance,
      x,
      gamma,
      beta,
      rows,
      channels,
      epsilon,
      momentum,
      relu,
    ) => {
      for (let c = 0; c < channels; c++) {
        let sum = 0;
        for (let row = 0; row < rows; row++) sum += x[row * channels + c];
        const average = sum / rows;
        let squares = 0;
        for (let row = 0; row < rows; row++) squares += (x[row * channels + c] - average) ** 2;
        const inverse = 1 / Math.sqrt(squares / rows + epsilon);
        mean[c] = average;
        invStd[c] = inverse;
        runningMean[c] += momentum * (average - runningMean[c]);
        runningVariance[c] += momentum * (squares / Math.max(1, rows - 1) - runningVariance[c]);
        for (let row = 0; row < rows; row++) {
          const value = (x[row * channels + c] - average) * inverse * gamma[c] + beta[c];
          y[row * channels + c] = relu ? rectified(value) : value;
        }
      }
    },
    batchNormInfer: (y, x, gamma, beta, runningMean, runningVariance, rows, channels, epsilon, relu) => {
      for (let i = 0; i < rows * channels; i++) {
        const c = i % channels;
        const value = ((x[i] - runningMean[c]) / Math.sqrt(runningVariance[c] + epsilon)) * gamma[c] + beta[c];
        y[i] = relu ? rectified(value) : value;
      }
    },
    batchNormBackward: (dx, dgamma, dbeta, dy, y, x, gamma, mean, invStd, rows, channels) => {
      for (let c = 0; c < channels; c++) {
        const gradAt = (i: number): number => (y !== null && !(y[i] > 0) ? 0 : dy[i]);
        const normal = (i: number): number => (x[i] - mean[c]) * invStd[c];
        let sum = 0;
        let product = 0;
        for (let i = c; i < rows * channels; i += channels) {
          sum += gradAt(i);
          product += gradAt(i) * normal(i);
        }
        dbeta[c] = sum;
        dgamma[c] = product;
        for (let i = c; i < rows * channels; i += channels) {
          dx[i] = gamma[c] * invStd[c] * (gradAt(i) - sum / rows - (normal(i) * product) / rows);
        }
      }
    },
    batchNormPool: (
      y,
      peak,
      winner,
      mean,
      invStd,
      runningMean,
      runningVariance,
      x,
      ...[gamma, beta, g, epsilon, momentum]
    ) => {
      const { batch, height, width, positions, channels } = shapeOf(g);
      const { batchNorm, maxPool } = jsKernels();
      const rows = batch * height * width;
      const normal = x.slice(0, rows * channels);
      const statistics = [mean, invStd, runningMean, runningVariance] as const;
      batchNorm(normal, ...statistics, x, gamma, beta, rows, channels, epsilon, momentum, 0);
      maxPool(y, winner, normal, g);
      windows(g, (position, pixel, tap) => {
        for (let c = 0; c < channels; c++) {
          if (winner[position * channels + c] === tap) peak[position * channels + c] = x[pixel + c];
        }
      });
      for (let i = 0; i < positions * channels; i++) {
        if (!(y[i] > 0)) winner[i] = 255;
        y[i] = rectified(y[i]);
      }
    },
    batchNormPoolBackward: (dx, dgamma, dbeta, dy, _peak, winner, x, gamma, mean, invStd, g) => {
      const { batch, height, width, channels } = shapeOf(g);
      const { batchNormBackward, maxPoolBackward } = jsKernels();
      const rows = batch * height * width;
      const grad = x.slice(0, rows * channels);
      maxPoolBackward(grad, dy, winner, g);
      batchNormBackward(dx, dgamma, dbeta, grad, null, x, gamma, mean, invStd, rows, channels);
    },
    maxPool: (y, winner, x, g) => {
      const { positions, channels } = shapeOf(g);
      const seen = new Uint8Array(positions);
      windows(g, (position, pixel, tap) => {
        for (let c = 0; c < channels; c++) {
          const at = position * channels + c;
          const value = x[pixel + c];
          if (seen[position] && !(value > y[at] || Number.isNaN(value))) continue;
          y[at] = value;
          winner[at] = tap;
        }
        seen[position] = 1;
      });
    },
    maxPoolBackward: (dx, dy, winner, g) => {
      const { batch, height, width, channels } = shapeOf(g);
      dx.fill(0, 0, batch * height * width * channels);
      windows(g, (position, pixel, tap) => {
        for (let c = 0; c < channels; c++) {
          if (winner[position * channels + c] === tap) dx[pixel + c] += dy[position * channels + c];
        }
      });
    },
    averagePool: (y, x, g) => {
      const { positions, channels, kh, kw } = shapeOf(g);
      const sums = new Float64Array(positions * channels);
      windows(g, (position, pixel) => {
        for (let c = 0; c < channels; c++) sums[position * channels + c] += x[pixel + c];
      });
      for (let i = 0; i < sums.length; i++) y[i] = sums[i] / (kh * kw);
    },
    averagePoolBackward: (dx, dy, g) => {
      const { batch, height, width, channels, kh, kw } = shapeOf(g);
      dx.fill(0, 0, batch * height * width * channels);
      windows(g, (position, pixel) => {
        for (let c = 0; c < channels; c++) dx[pixel + c] += dy[position * channels + c] / (kh * kw);
      });
    },
    gatherColumns: (y, x, columns, count, g) => {
      const { positions, channels } = shapeOf(g);
      y.fill(0, 0, positions * count);
      windows(g, (position, pixel, tap) => {
        for (let i = 0; i < count; i++) {
          if (Math.floor(columns[i] / channels) === tap) y[position * count + i] = x[pixel + (columns[i] % channels)];
        }
      });
    },
    scatterColumns: (dx, dy, columns, count, g) => {
      const { batch, height, width, channels } = shapeOf(g);
      const sums = new Float64Array(batch * height * width * channels);
      windows(g, (position, pixel, tap) => {
        for (let i = 0; i < count; i++) {
          if (Math.floor(columns[i] / channels) === tap)
            sums[pixel + (columns[i] % channels)] += dy[position * count + i];
        }
      });
      dx.set(sums);
    },
    softmaxCrossEntropy: (losses, dlogits, logits, labels, rows, classes) => {
      for (let row = 0; row < rows; row++) {
        const x = logits.subarray(row * classes, (row + 1) * classes);
        const largest = x.reduce((a, b) => Math.max(a, b));
        const sum = x.reduce((total, value) => total + Math.exp(value - largest), 0);
        losses[row] = Math.log(sum) + largest - x[labels[row]];
        for (let c = 0; c < classes; c++) {
          dlogits[row * classes + c] = (Math.exp(x[c] - largest) / sum - (c === labels[row] ? 1 : 0)) / rows;
        }
      }
    },

    embedding: (y, tokens, table, count, dim) => {
      for (let i = 0; i < count * dim; i++) y[i] = table[tokens[Math.floor(i / dim)] * dim + (i % dim)];
    },
    embeddingBackward: (dtable, dy, tokens, count, vocabulary, dim) => {
      const sums = new Float64Array(vocabulary * dim);
      for (let i = 0; i < count * dim; i++) sums[tokens[Math.floor(i / dim)] * dim + (i % dim)] += dy[i];
      dtable.set(sums);
    },
    layerNorm: (y, mean, invStd, x, gamma, beta, rows, columns, epsilon) => {
      for (let row = 0; row < rows; row++) {
        const values = Array.from(x.subarray(row * columns, (row + 1) * columns));
        const average = values.reduce((total, value) => total + value, 0) / columns;
        const variance = values.reduce((total, value) => total + (value - average) ** 2, 0) / columns;
        mean[row] = average;
        invStd[row] = 1 / Math.sqrt(variance + epsilon);
        values.forEach((value, c) => {
          y[row * columns + c] = ((value - average) / Math.sqrt(variance + epsilon)) * gamma[c] + beta[c];
        });
      }
    },
    layerNormBackward: (dx, dgamma, dbeta, dy, x, gamma, mean, invStd, rows, columns) => {
      const [products, sums] = [new Float64Array(columns), new Float64Array(columns)];
      for (let row = 0; row < rows; row++) {
        const normal = (c: number): number => (x[row * columns + c] - mean[row]) * invStd[row];
        let [sum, product] = [0, 0];
        for (let c = 0; c < columns; c++) {
          const grad = dy[row * columns + c];
          sums[c] += grad;
          products[c] += grad * normal(c);
          sum += grad * gamma[c];
          product += grad * gamma[c] * normal(c);
        }
        for (let c = 0; c < columns; c++) {
          const grad = dy[row * columns + c] * gamma[c];
          dx[row * columns + c] = (grad - sum / columns - (normal(c) * product) / columns) * invStd[row];
        }
      }
      dgamma.set(products);
      dbeta.set(sums);
    },
    attention: (y, logSum, qkv, batch, length, dim, heads) => {
      attentionRows(qkv, batch, length, dim, heads, ({ row, scores, q, v }) => {
        const largest = Math.max(...scores);
        const sum = scores.reduce((total, score) => total + Math.exp(score - largest), 0);
        logSum[row] = Math.log(sum) + largest;
        for (let c = 0; c < dim / heads; c++) {
          y[q.y + c] = scores.reduce((total, score, j) => total + (Math.exp(score - largest) / sum) * qkv[v(j) + c], 0);
        }
      });
    },
    attentionBackward: (dqkv, dy, qkv, logSum, batch, length, dim, heads) => {
      const [width, scale] = [dim / heads, 1 / Math.sqrt(dim / heads)];
      const sums = new Float64Array(batch * length * 3 * dim);
      attentionRows(qkv, batch, length, dim, heads, ({ row, scores, q, k, v }) => {
        const p = scores.map((score) => Math.exp(score - logSum[row]));
        const dp = scores.map((_, j) => dot(dy, q.y, qkv, v(j), width));
        const mean = p.reduce((total, share, j) => total + share * dp[j], 0);
        p.forEach((share, j) => {
          for (let c = 0; c < width; c++) {
            sums[v(j) + c] += share * dy[q.y + c];
            sums[q.at + c] += share * (dp[j] - mean) * scale * qkv[k(j) + c];
            sums[k(j) + c] += share * (dp[j] - mean) * scale * qkv[q.at + c];
          }
        });
      });
      dqkv.set(sums);
    },

    sgd: (w, velocity, grad, count, rate, momentum, decay, nesterov, mask, k, lambda) => {
      const gradient = decayed(grad, w, mask, k, lambda);
      for (let i = 0; i < count; i++) {
        let step = gradient[i] + decay * w[i];
        if (velocity !== null) {
          velocity[i] = momentum * velocity[i] + step;
          step = nesterov ? step + momentum * velocity[i] : velocity[i];
        }
        w[i] -= rate * step;
      }
    },
    adam: (
      w,
      m,
      v,
      grad,
      count,
      ...[rate, beta1, beta2, epsilon, decay, correction1, correction2, mask, k, lambda]
    ) => {
      const gradient = decayed(grad, w, mask, k, lambda);
      for (let i = 0; i < count; i++) {
        m[i] = beta1 * m[i] + (1 - beta1) * gradient[i];
        v[i] = beta2 * v[i] + (1 - beta2) * gradient[i] * gradient[i];
        const step = m[i] / correction1 / (Math.sqrt(v[i] / correction2) + epsilon);
        w[i] = w[i] * (1 - rate * decay) - rate * step;
      }
    },
  };
}

/** grad + lambda w where the mask is 0; grad itself without a mask. */
function decayed(grad: F32, w: F32, mask: Uint32Array | null, k: number, lambda: number): F32 {
  if (mask === null) return grad;
  return grad.map((g, i) => (isKept(mask, k, Math.floor(i / k), i % k) ? g : g + fround(fround(lambda) * w[i])));
}

function tileOf(i: number, columns: number, tall: number, wide: number): number {
  const [row, column] = [Math.floor(i / columns), i % columns];
  return Math.floor(row / tall) * Math.ceil(columns / wide) + Math.floor(column / wide);
}
