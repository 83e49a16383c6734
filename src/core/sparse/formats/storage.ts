/**
 * Storage formats write a matrix with zeros as bytes; a formula gives the number of bytes of each. An index is packed
 * in as many bits as it needs, lowest first, without gaps; values are f32 in the order of the index. Data that says
 * where things end (shape, number of values, width of an index) belongs to a file's header and is not counted, because
 * it does not grow with the matrix.
 * Source: Hoefler et al. 2021, section 2; differences: (1) CSR keeps where rows start in ceil(log2(m + 1)) bits,
 * because a row may start behind the last value; (2) formats whose formula asks for a largest or a mean gap take those
 * of the matrix.
 */

import { maskWords } from "../../backend/families/masks.ts";
import { expected } from "../../errors.ts";
import { packedBytes, parsePattern, patternName } from "../pattern.ts";
import { decodeMatrix, encodeMatrix } from "./encoding.ts";

/** A matrix [rows, k] as a format writes it. */
export interface StoredMatrix {
  readonly rows: number;
  readonly k: number;
  readonly values: Float32Array;
  readonly index: Uint8Array;
  /** Number of bits of one entry of the index, for formats where the matrix decides it. */
  readonly width: number;
}

/** The counts of a matrix that formulas use. */
export interface MatrixCounts {
  readonly rows: number;
  readonly k: number;
  readonly nonZeros: number;
  /** Distance of each non-zero from the one before, in row order; the first is counted from before the matrix. */
  readonly gaps: Int32Array;
  /** Number of blocks [height, width] that hold a non-zero, cut from the first row and column. */
  blocks(height: number, width: number): number;
}

/** One way to write a matrix as bytes. */
export interface StorageFormat {
  readonly name: string;
  readonly about: string;
  /** Throws if the format cannot hold the matrix. */
  encode(w: Float32Array, rows: number, k: number): StoredMatrix;
  /** The matrix that was encoded; -0 comes back as 0 in formats that leave out zeros. */
  decode(stored: StoredMatrix): Float32Array;
  /** Number of bytes by the formula. */
  bytes(counts: MatrixCounts): number;
}

/** Number of bytes of an encoded matrix, measured. */
export function storedBytes({ values, index }: StoredMatrix): number {
  return values.byteLength + index.byteLength;
}

/** Counts the non-zeros of w [rows, k]. */
export function countMatrix(w: Float32Array, rows: number, k: number): MatrixCounts {
  const places = nonZeroPlaces(w);
  return {
    ...{ rows, k, nonZeros: places.length },
    gaps: places.map((place, i) => place - (i === 0 ? -1 : places[i - 1])),
    blocks: (height, width) => {
      const across = Math.ceil(k / width);
      return new Set(
        Array.from(places, (place) => {
          return Math.floor(Math.floor(place / k) / height) * across + Math.floor((place % k) / width);
        }),
      ).size;
    },
  };
}

/** Number of bits that tell `count` things apart. */
function bitsFor(count: number): number {
  return count <= 1 ? 0 : 32 - Math.clz32(count - 1);
}

const bytesOf = (values: number, indexBits: number): number => 4 * values + Math.ceil(indexBits / 8);

const denseFormat: StorageFormat = {
  name: "dense",
  about: "every value",
  encode: (w, rows, k) => ({ rows, k, values: w.slice(), index: new Uint8Array(0), width: 0 }),
  decode: ({ values }) => values.slice(),
  bytes: ({ rows, k }) => bytesOf(rows * k, 0),
};

const bitmap: StorageFormat = {
  name: "bitmap",
  about: "a bit for each place",
  encode: (w, rows, k) => {
    const bits = new BitWriter();
    for (const value of w) bits.write(value === 0 ? 0 : 1, 1);
    return { rows, k, values: w.filter((value) => value !== 0), index: bits.done(), width: 1 };
  },
  decode: ({ rows, k, values, index }) => {
    const bits = new BitReader(index);
    let next = 0;
    return new Float32Array(rows * k).map(() => (bits.read(1) === 1 ? values[next++] : 0));
  },
  bytes: ({ rows, k, nonZeros }) => bytesOf(nonZeros, rows * k),
};

const coordinates: StorageFormat = {
  name: "coordinates",
  about: "the place of each non-zero in the whole matrix",
  encode: (w, rows, k) => {
    const width = bitsFor(rows * k);
    const bits = new BitWriter();
    for (const place of nonZeroPlaces(w)) bits.write(place, width);
    return { rows, k, values: w.filter((value) => value !== 0), index: bits.done(), width };
  },
  decode: ({ rows, k, values, index, width }) => {
    const bits = new BitReader(index);
    const w = new Float32Array(rows * k);
    for (const value of values) w[bits.read(width)] = value;
    return w;
  },
  bytes: ({ rows, k, nonZeros }) => bytesOf(nonZeros, nonZeros * bitsFor(rows * k)),
};

const delta: StorageFormat = {
  name: "delta",
  about: "how far each non-zero is behind the one before, in bits for the largest gap",
  encode: (w, rows, k) => {
    const { gaps } = countMatrix(w, rows, k);
    const width = largestGapBits(gaps);
    const bits = new BitWriter();
    for (const gap of gaps) bits.write(gap - 1, width);
    return { rows, k, values: w.filter((value) => value !== 0), index: bits.done(), width };
  },
  decode: decodeGaps,
  bytes: ({ nonZeros, gaps }) => bytesOf(nonZeros, nonZeros * largestGapBits(gaps)),
};

const paddedDelta: StorageFormat = {
  name: "padded-delta",
  about: "the same in bits for the mean gap; a larger one is bridged with stored zeros",
  encode: (w, rows, k) => {
    const { gaps } = countMatrix(w, rows, k);
    const width = meanGapBits(rows * k, gaps.length);
    const most = 2 ** width;
    const bits = new BitWriter();
    const values: number[] = [];
    let place = -1;
    for (const gap of gaps) {
      let left = gap;
      for (; left > most; left -= most) {
        bits.write(most - 1, width);
        values.push(0);
      }
      bits.write(left - 1, width);
      place += gap;
      values.push(w[place]);
    }
    return { rows, k, values: Float32Array.from(values), index: bits.done(), width };
  },
  decode: decodeGaps,
  bytes: ({ rows, k, nonZeros, gaps }) => {
    const width = meanGapBits(rows * k, nonZeros);
    const stored = gaps.reduce((sum, gap) => sum + Math.ceil(gap / 2 ** width), 0);
    return bytesOf(stored, stored * width);
  },
};

const csr: StorageFormat = {
  name: "csr",
  about: "where each row starts, and the column of each non-zero",
  encode: (w, rows, k) => encodeBlocks(w, rows, k, 1, 1),
  decode: (stored) => decodeBlocks(stored, 1, 1),
  bytes: (counts) => blockBytes(counts, 1, 1),
};

/** CSR of whole blocks [height, width]; parts of blocks outside of the matrix are stored as zeros. */
export function blockCsr(height: number, width: number): StorageFormat {
  return {
    name: `block-csr-${height}x${width}`,
    about: `CSR of blocks of ${height}x${width} with a non-zero`,
    encode: (w, rows, k) => encodeBlocks(w, rows, k, height, width),
    decode: (stored) => decodeBlocks(stored, height, width),
    bytes: (counts) => blockBytes(counts, height, width),
  };
}

/** An N:M matrix in the N:M encoding; a group with fewer non-zeros stores zeros. */
export function structuredFormat(text: string): StorageFormat {
  const pattern = parsePattern(text);
  return {
    name: patternName(pattern),
    about: `${patternName(pattern)}: the place of each kept value in its group`,
    encode: (w, rows, k) => {
      const { values, indices } = encodeMatrix(w, structuredMask(w, rows, k, pattern), rows, k, pattern);
      return { rows, k, values, index: indices, width: 0 };
    },
    decode: ({ rows, k, values, index }) => decodeMatrix({ rows, k, pattern, values, indices: index }),
    bytes: ({ rows, k }) => packedBytes(pattern, rows, k),
  };
}

/** The formats that can hold any matrix. */
export const storageFormats: readonly StorageFormat[] = [
  denseFormat,
  bitmap,
  coordinates,
  delta,
  paddedDelta,
  csr,
  blockCsr(4, 4),
];

function nonZeroPlaces(w: Float32Array): Int32Array {
  const places: number[] = [];
  for (let i = 0; i < w.length; i++) if (w[i] !== 0) places.push(i);
  return Int32Array.from(places);
}

function largestGapBits(gaps: Int32Array): number {
  return bitsFor(gaps.reduce((largest, gap) => Math.max(largest, gap), 0));
}

function meanGapBits(places: number, nonZeros: number): number {
  return nonZeros === 0 ? 0 : bitsFor(Math.ceil(places / nonZeros));
}

function decodeGaps({ rows, k, values, index, width }: StoredMatrix): Float32Array {
  const bits = new BitReader(index);
  const w = new Float32Array(rows * k);
  let place = -1;
  for (const value of values) {
    place += bits.read(width) + 1;
    w[place] = value;
  }
  return w;
}

function encodeBlocks(w: Float32Array, rows: number, k: number, height: number, width: number): StoredMatrix {
  const across = Math.ceil(k / width);
  const columns: number[] = [];
  const starts: number[] = [];
  const values: number[] = [];
  for (let row = 0; row < rows; row += height) {
    starts.push(columns.length);
    for (let column = 0; column < across; column++) {
      const block: number[] = [];
      for (let r = row; r < row + height; r++) {
        for (let c = column * width; c < (column + 1) * width; c++) block.push(r < rows && c < k ? w[r * k + c] : 0);
      }
      if (block.every((value) => value === 0)) continue;
      columns.push(column);
      for (const value of block) values.push(value);
    }
  }
  const bits = new BitWriter();
  for (const start of starts) bits.write(start, bitsFor(columns.length + 1));
  for (const column of columns) bits.write(column, bitsFor(across));
  return { rows, k, values: Float32Array.from(values), index: bits.done(), width: bitsFor(across) };
}

function decodeBlocks(stored: StoredMatrix, height: number, width: number): Float32Array {
  const { rows, k, values, index } = stored;
  const blocks = values.length / (height * width);
  const bits = new BitReader(index);
  const starts = Array.from({ length: Math.ceil(rows / height) }, () => bits.read(bitsFor(blocks + 1)));
  const w = new Float32Array(rows * k);
  let next = 0;
  for (let line = 0; line < starts.length; line++) {
    for (let block = starts[line]; block < (starts[line + 1] ?? blocks); block++) {
      const column = bits.read(stored.width) * width;
      for (let r = line * height; r < (line + 1) * height; r++) {
        for (let c = column; c < column + width; c++, next++) if (r < rows && c < k) w[r * k + c] = values[next];
      }
    }
  }
  return w;
}

function blockBytes({ rows, k, nonZeros, blocks }: MatrixCounts, height: number, width: number): number {
  const count = height * width === 1 ? nonZeros : blocks(height, width);
  const index = count * bitsFor(Math.ceil(k / width)) + Math.ceil(rows / height) * bitsFor(count + 1);
  return bytesOf(count * height * width, index);
}

/**
 * A mask of exactly N entries in each group: its non-zeros, then the first zeros. Throws if there are more non-zeros.
 */
function structuredMask(
  w: Float32Array,
  rows: number,
  k: number,
  { n, m, v }: { readonly n: number; readonly m: number; readonly v: number },
): Uint32Array {
  const mask = new Uint32Array(rows * maskWords(k));
  for (let first = 0; first < rows; first += v) {
    const vector = Array.from({ length: Math.min(v, rows - first) }, (_, i) => first + i);
    for (let column = 0; column + m <= k; column += m) {
      const places = Array.from({ length: m }, (_, i) => column + i);
      const isUsed = (place: number): boolean => vector.some((row) => w[row * k + place] !== 0);
      const chosen = [...places.filter(isUsed), ...places.filter((place) => !isUsed(place))];
      const used = places.filter(isUsed).length;
      if (used > n) {
        throw expected(
          `storage ${patternName({ n, m, v })}`,
          `at most ${n} non-zeros in a group`,
          `${used} in row ${first}, column ${column}`,
          "Prune the matrix to this pattern first",
        );
      }
      for (const place of chosen.slice(0, n)) {
        for (const row of vector) mask[row * maskWords(k) + (place >>> 5)] |= 1 << (place & 31);
      }
    }
  }
  return mask;
}

/** Writes numbers of a few bits one after the other, lowest bits first. */
class BitWriter {
  readonly #bytes: number[] = [];
  #used = 0;

  write(value: number, width: number): void {
    for (let bit = 0; bit < width; bit++, this.#used++) {
      if ((this.#used & 7) === 0) this.#bytes.push(0);
      this.#bytes[this.#used >>> 3] |= ((value >>> bit) & 1) << (this.#used & 7);
    }
  }

  done(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }
}

class BitReader {
  readonly #bytes: Uint8Array;
  #used = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  read(width: number): number {
    let value = 0;
    for (let bit = 0; bit < width; bit++, this.#used++) {
      value |= ((this.#bytes[this.#used >>> 3] >>> (this.#used & 7)) & 1) << bit;
    }
    return value;
  }
}
