/**
 * The only randomness of trisparse: Philox 4x32-10, a counter-based generator. A draw is a pure function of (seed,
 * stream, counter), so any step of a run can be replayed and a resumed run continues bit for bit. This file imports
 * nothing, and every layer may import it. The kernels carry the same function (dropout).
 * Source: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3", section 3.3.
 */

const MULTIPLIER_0 = 0xd2511f53;
const MULTIPLIER_1 = 0xcd9e8d57;
const WEYL_0 = 0x9e3779b9;
const WEYL_1 = 0xbb67ae85;

/**
 * The numbers that identify a draw. The same numbers give the same sample on every backend, so that a step can be
 * replayed.
 */
export interface Draw {
  readonly seed: number;
  readonly layer: number;
  readonly step: number;
}

/** Writes four 32-bit words for one counter into `out`. key = (key0, key1), counter = (c0, c1, c2, c3). */
export function philox(
  out: Uint32Array,
  key0: number,
  key1: number,
  c0: number,
  c1: number,
  c2: number,
  c3: number,
): void {
  let [k0, k1] = [key0 >>> 0, key1 >>> 0];
  let [x0, x1, x2, x3] = [c0 >>> 0, c1 >>> 0, c2 >>> 0, c3 >>> 0];
  for (let round = 0; round < 10; round++) {
    const high0 = multiplyHigh(MULTIPLIER_0, x0);
    const low0 = Math.imul(MULTIPLIER_0, x0);
    const high1 = multiplyHigh(MULTIPLIER_1, x2);
    const low1 = Math.imul(MULTIPLIER_1, x2);
    x0 = (high1 ^ x1 ^ k0) >>> 0;
    x1 = low1 >>> 0;
    x2 = (high0 ^ x3 ^ k1) >>> 0;
    x3 = low0 >>> 0;
    k0 = (k0 + WEYL_0) >>> 0;
    k1 = (k1 + WEYL_1) >>> 0;
  }
  out[0] = x0;
  out[1] = x1;
  out[2] = x2;
  out[3] = x3;
}

/**
 * The upper 32 bits of a 32 x 32 bit product. The double nearest to the product is off by at most 2^10, and so is the
 * product without its lower bits: that is 2^-22 of a unit of the upper bits, which rounding takes away.
 */
function multiplyHigh(a: number, b: number): number {
  return ((a * b - (Math.imul(a, b) >>> 0)) / 4294967296 + 0.5) >>> 0;
}

/** A sequence of draws from one (seed, stream) pair; its counter advances by itself. */
export class Random {
  readonly #seed: number;
  readonly #stream: number;
  #counter = 0;
  #left = 0;
  readonly #words: Uint32Array = new Uint32Array(4);

  /** seed and stream may be any 32-bit integers; different streams of a seed are independent. */
  constructor(seed: number, stream = 0) {
    this.#seed = seed;
    this.#stream = stream;
  }

  /** A 32-bit unsigned integer. */
  bits(): number {
    if (this.#left === 0) {
      philox(this.#words, this.#seed, this.#stream, this.#counter++, 0, 0, 0);
      this.#left = 4;
    }
    return this.#words[4 - this.#left--];
  }

  /** Uniform in [0, 1); a multiple of 2^-32. */
  uniform(): number {
    return this.bits() / 4294967296;
  }

  /** Standard normal, by Box-Muller; each draw uses two uniforms. */
  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    return radius * Math.cos(2 * Math.PI * this.uniform());
  }

  /** Uniform integer in 0..n-1. Its bias is below n / 2^32. */
  integer(n: number): number {
    return Math.floor(this.uniform() * n);
  }

  /** A uniform permutation of 0..n-1 (Fisher-Yates). */
  permutation(n: number): Uint32Array {
    const order = Uint32Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      const kept = order[i];
      order[i] = order[j];
      order[j] = kept;
    }
    return order;
  }
}
